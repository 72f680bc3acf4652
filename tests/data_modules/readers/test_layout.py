"""How a text is laid out as a table, line by line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from data_modules.readers.content import Text, is_workbook
from data_modules.readers.layout import Layout, header_line, lay_out, titles_above, unquoted
from data_modules.readers.tables import read_text_table
from data_modules.readers.unreadable import UnreadableError


def text(content: str, name: str = "t.tsv", encoding: str = "utf-8") -> Text:
    return Text(path=Path(name), lines=content.split("\n"), encoding=encoding, packed="plain")


def rows(layout: Layout) -> list[list[str]]:
    return list(layout.rows())


def test_a_tsv_as_it_should_be_needs_no_words() -> None:
    found = lay_out(text("id\tage \nP1\t4\n\nP2\t5"), expected=["id"])
    assert (found.separator, found.names, found.header, found.lines) == ("\t", ["id", "age"], 1, [2, 4])
    assert rows(found) == [["P1", "4"], ["P2", "5"]] and found.notes == ()
    assert lay_out(text("id,age\nP1,4", "t.csv.gz"), expected=["id"]).notes == ()


@pytest.mark.parametrize(
    ("content", "name", "separator", "notes"),
    [
        ("id,age\nP1,4", "t.tsv", ",", ("a comma separates its columns",)),
        ("id;age\nP1;4", "t.csv", ";", ("a semicolon separates its columns",)),
        ("id\tage\nP1\t4", "t.csv", "\t", ("a tab separates its columns",)),
        ("id|age\nP1|4", "t.tsv", "|", ("a bar separates its columns",)),
        # The expected names are found by one of several separators.
        ("id;age, in years\nP1;4, about", "t.csv", ";", ("a semicolon separates its columns",)),
        ("sep=;\nid;age\nP1;4", "t.csv", ";", ("its first line says that semicolon separates its columns",)),
        ('"sep=|"\nid|age\nP1|4', "t.csv", "|", ("its first line says that bar separates its columns",)),
        ("Patients of 2024\nid,age\nP1,4", "t.csv", ",", ("line 2 is the header; what stands above it is left out",)),
        ("# a\n#b\nid,age\nP1,4", "t.csv", ",", ()),
        ("\n\nid,age\nP1,4", "t.csv", ",", ()),
        ("id,age\nP1,4\nid,age\nP2,5", "t.csv", ",", ("the header stands again in line 3, left out",)),
        ("id,age\nP1,4\nid,age\nid,age", "t.csv", ",", ("the header stands again in lines 3, 4, left out",)),
        ("id,age,,\nP1,4,,\nP2,5,,", "t.csv", ",", ("empty fields at the end of 2 rows are left out",)),
        ("id,age\nP1,4,\nP2,5\nP3,6,, ", "t.csv", ",", ("empty fields at the end of 2 rows are left out",)),
    ],
)  # fmt: skip
def test_what_is_found_is_said(content: str, name: str, separator: str, notes: tuple[str, ...]) -> None:
    found = lay_out(text(content, name), expected=["id", "age"])
    assert (found.separator, found.notes) == (separator, notes)
    assert found.names[0] == "id" and len(found.names) == 2
    assert rows(found)[0][0] == "P1" and all(len(row) == 2 for row in rows(found))
    assert len(found.raw) == len(found.lines)


def test_a_separator_that_was_given_counts_and_an_encoding_is_said() -> None:
    found = lay_out(text("id;a,b\nP1;1,2", "t.csv", "latin-1"), expected=["id"], separator=";")
    assert found.names == ["id", "a,b"] and found.notes == ("written in latin-1",)
    assert lay_out(text("sep=,\nid;a\nP1;2", "t.csv"), expected=["id"], separator=";").names == ["id", "a"]
    assert lay_out(text("id\nP1", "t.csv", "utf-8-sig"), expected=["id"]).notes == ()


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("id,age\nP1,4\nP2\nP3,6", "t.csv", r"t\.csv, line 3 has 1 fields, fewer than its header \(line 1 has 2\)"),
        ("# c\nid,age\nP1,4\nP2,5,6", "t.csv", r"line 4 has 3 fields and its header 2 \(line 2\)"),
        ("id age\nP1 4", "t.tsv", r"t\.tsv, line 1: the header 'id age' has no tab, comma or semicolon"),
        ("#a\n#b", "t.tsv", r"t\.tsv has no header: every line begins with #"),
        ('id,age\nP1,"4\nP2,5\nP3",6', "t.csv", r"line 2: a double quote opens and closes only in line 4"),
        ('id,age\nP1,4\nP2,"5', "t.csv", r"line 3: a double quote opens and does not close"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(content: str, name: str, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        lay_out(text(content, name), expected=["id", "years"])


def test_the_remedy_fits_the_fault() -> None:
    def remedy(content: str) -> str:
        with pytest.raises(UnreadableError) as told:
            lay_out(text(content, "t.csv"), expected=["id"])
        return str(told.value.remedy)

    assert "copy it anew" in remedy("id,age\nP1,4\nP2") and "copy it anew" not in remedy("id,age\nP1\nP2,5")
    assert "R writes row names so" in remedy("id,age\n1,P1,4\n2,P2,5")
    assert "the separator, unquoted" in remedy("id,age\n1,P1,4\nP2,5")


def test_quotes() -> None:
    found = lay_out(text('id,note\nP1,"a, ""b"""\nP2, "c"\n"P3","d\ne"', "t.csv"), expected=["id"])
    assert rows(found) == [["P1", 'a, "b"'], ["P2", "c"], ["P3", "d\ne"]] and found.lines == [2, 3, 4]
    # Where a quote after a space does not close, the space is the cell's, and the quote within it is a letter.
    found = lay_out(text('id,note\nP1, "5" wide\n', "t.csv"), expected=["id"])
    assert rows(found) == [["P1", ' "5" wide']]
    # A TSV has none, but for cells that are quoted whole.
    found = lay_out(text('id\tnote\n"P1"\t"a ""b"""\nP2\t5" wide'), expected=["id"])
    assert rows(found) == [["P1", 'a "b"'], ["P2", '5" wide']]
    # Where only the rules of quoting give rows of one width, they count in a TSV too.
    found = lay_out(text('id\tnote\nP1\t"a\tb"'), expected=["id"])
    assert rows(found) == [["P1", "a\tb"]]
    assert [unquoted(one) for one in ('"a"', ' "a" ', '"', '""', 'a"', '"a"b"', '"a""b"', "a")] == [
        "a", "a", '"', "", 'a"', '"a"b"', 'a"b', "a",
    ]  # fmt: skip


def test_titles_and_headers() -> None:
    expected = ["id", "age"]
    assert titles_above([["a title"], ["id", "age"]], expected) == 1
    assert titles_above([["a title"], ["more"], ["id", "age"]], expected) == 2
    assert titles_above([["id", "age"], ["id", "age"]], expected) == 0
    assert titles_above([["a", "b"], ["id", "age"]], expected) == 0, "no more cells than the first row"
    assert titles_above([["a", ""], ["id", "age"]], expected) == 1, "empty cells are none"
    assert titles_above([["age"], ["id", "x"]], expected) == 0, "no more names than the first row"
    assert titles_above([["a title"], ["age", "b"]], expected) == 0 and titles_above([], expected) == 0
    assert titles_above([["a title"], ["id", "age"]], []) == 0
    commented = text("#x\n\n#id\tage\nid\tage")
    assert header_line(commented, []) == 3 and header_line(commented, ["#id"]) == 2
    assert header_line(commented, ["", "#id"], after=3) == 3
    assert header_line(text("'#id'\tage\nid\tage"), ["#id"]) == 0


def test_what_begins_as_a_zip_and_is_none_is_no_workbook() -> None:
    assert not is_workbook(b"PK\x03\x04 and no more")
    assert not is_workbook(b"id,age")


def test_a_header_longer_than_csv_takes(tmp_path: Path) -> None:
    """Twenty thousand genes are more than the 131,072 characters that Python's csv reads as one cell unless told."""
    genes = [f"ENSG{at:011}" for at in range(20_000)]
    file = tmp_path / "rna.csv"
    file.write_text(f"patient,{','.join(genes)}\nP1{',0.5' * 20_000}\n")
    csv.field_size_limit(131_072)
    read = read_text_table(file)
    assert read.separator == ","
    assert list(read.frame.columns) == ["patient", *genes]
