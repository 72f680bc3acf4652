"""Tables that cannot be read with certainty: each is refused by file, line and a mend."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from data_modules.readers.tables import TableFormat, read_text_table
from data_modules.readers.unreadable import UnreadableError

HEAD = "id\tage\tnote\n"


def refused(path: Path, content: bytes | str, *, name: str = "t.tsv", expected: tuple[str, ...] = ("id",)) -> str:
    file = path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnreadableError) as error:
        read_text_table(file, expected=expected)
    return error.value.sentence("cohort.tables.t")


def zipped(**members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xd0\xcf\x11\xe0rest", "old Excel workbook (.xls)"),
        (b"PAR1....", "Parquet"),
        (gzip.compress(b"RDX3\n"), "R data file"),
        (gzip.compress(b"X\n\0\0\0\3"), "R data file (RDS)"),
        (b"ARROW1\0\0", "Feather"),
        (b"\x28\xb5\x2f\xfd\x04", "unpack it by `zstd -d`"),
        (b'[{"id": "P1"}]', "JSON"),
        (b"<stata_dta><header>", "Stata"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "with a password"),
        (zipped(**{"Index/Document.iwa": "x"}), "Apple Numbers"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (zipped(a="x", b="y"), "zip of 2 files (a, b)"),
        (zipped(**{"xl/worksheets/sheet1.xml": "x"}), "Excel workbook that cannot be opened"),
        (zipped(**{"content.xml": "x", "mimetype": "y"}), "OpenDocument"),
        (b"", "t.tsv is empty"),
        (b" \n\n", "t.tsv is empty"),
        (gzip.compress(HEAD.encode() * 50)[:25], "gzip data are cut or damaged"),
        ("# one\n# two\n", "every line begins with #"),
        ("id age note\nP1 4 x\n", "line 1: the header 'id age note' has no tab"),
        ((HEAD + "P1\t4\tx\n").encode("utf-16-le"), "set cohort.tables.t.encoding=utf-16-le"),
    ],
)
def test_what_is_no_text_table(tmp_path: Path, content: bytes | str, said: str) -> None:
    assert said.lower() in refused(tmp_path, content).lower()


def test_a_byte_of_another_encoding_names_its_line(tmp_path: Path) -> None:
    content = (HEAD + "P1\t4\tx\nP2\t5\tgrö\n").encode("latin-1")
    said = refused(tmp_path, content)
    assert "t.tsv, line 3: byte 0xf6 is no UTF-8" in said and "cohort.tables.t.encoding, e.g. to latin-1" in said


def test_rows_of_other_lengths(tmp_path: Path) -> None:
    assert "line 3 has 2 fields, fewer than its header" in refused(tmp_path, HEAD + "P1\t4\tx\nP2\t5\nP3\t6\tx\n")
    assert "copy it anew" in refused(tmp_path, HEAD + "P1\t4\tx\nP2\t5\n")
    assert "line 2 has 4 fields and its header 3 (line 1)" in refused(tmp_path, HEAD + "P1\t4\tx\ty\nP2\t5\tx\n")
    assert "R writes row names so" in refused(tmp_path, HEAD + "1\tP1\t4\tx\n2\tP2\t5\tx\n")


def test_lines_are_counted_as_an_editor_shows_them(tmp_path: Path) -> None:
    content = '# c\nid,age,note\nP1,4,"a\nb"\n\nP2,5,y,z\n'
    assert "line 6 has 4 fields" in refused(tmp_path, content, name="t.csv")


def test_quotes_that_swallow_rows_or_do_not_close(tmp_path: Path) -> None:
    rows = 'P1,4,"open\nP2,5,x\nP3,6,x"\nP4,7,x\n'
    assert "line 2: a double quote opens and closes only in line 4" in refused(
        tmp_path, "id,age,note\n" + rows, name="t.csv"
    )
    said = refused(tmp_path, "id,age,note\nP1,4,x\n" + 'P2,5,"open\nP3,6\n', name="t.csv")
    assert "line 3: a double quote opens and does not close" in said


def test_a_tsv_has_no_quoting(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(HEAD + 'P1\t4\t"open\nP2\t5\tx\nP3\t6\t5" wide\n')
    table = read_text_table(tmp_path / "t.tsv", expected=["id"]).frame
    assert table["id"].tolist() == ["P1", "P2", "P3"] and table["note"].tolist() == ['"open', "x", '5" wide']


def test_a_header_in_other_letters_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("#Patient\tAge\nPATIENT_ID\tAGE\nP1\t5\n")
    table = read_text_table(tmp_path / "t.tsv", expected=["PATIENT_ID", "age"]).frame
    assert list(table) == ["PATIENT_ID", "AGE"] and table.index.tolist() == [3]


def test_a_column_twice(tmp_path: Path) -> None:
    content = "id\tage\tage\nP1\t4\t5\n"
    assert "line 1: column 'age' stands twice in the header (columns 2, 3)" in refused(
        tmp_path, content, expected=("id", "age")
    )
    (tmp_path / "t.tsv").write_text(content)
    table = read_text_table(tmp_path / "t.tsv", expected=["id"])
    assert list(table.frame) == ["id"], "what nobody reads may stand twice"
    assert table.notes == ("columns age stand twice and are not read",)
    (tmp_path / "t.tsv").write_text("id\tage\nP1\t4\n")
    assert read_text_table(tmp_path / "t.tsv", expected=["id"]).notes == ()


def test_sheets_of_a_workbook(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["id", "age"])
    book.active.append(["P1", 59.0])
    book.create_sheet("labs").append(["id", "crp"])
    path = tmp_path / "t.xlsx"
    book.save(path)
    with pytest.raises(UnreadableError, match="2 sheets \\(Sheet, labs\\)"):
        read_text_table(path)
    path = path.rename(tmp_path / "t.csv")
    table = read_text_table(path, TableFormat(sheet="Sheet")).frame
    assert table.loc[2].tolist() == ["P1", "59"]
    book.active["D1"].number_format = "0.0"  # a cell that holds nothing
    book.save(path)
    assert list(read_text_table(path, TableFormat(sheet="Sheet")).frame) == ["id", "age"]
    book.active["D2"] = 7
    book.save(path)
    with pytest.raises(UnreadableError, match="row 2 has a value right of the header's last column"):
        read_text_table(path, TableFormat(sheet="Sheet"))
    book.active["D2"] = None
    with pytest.raises(UnreadableError, match="has no sheet 'x', but Sheet, labs"):
        read_text_table(path, TableFormat(sheet="x"))
    book.active["B2"] = "=1+1"
    book.save(path)
    with pytest.raises(UnreadableError, match="cell B2: a formula without its value"):
        read_text_table(path, TableFormat(sheet="Sheet"))


def test_a_row_below_that_holds_no_more_than_the_first_is_no_header(tmp_path: Path) -> None:
    """The first line has other names, as they stand in the file, which the message tells."""
    (tmp_path / "t.tsv").write_text("patient\tage\nid\t5\n")
    assert list(read_text_table(tmp_path / "t.tsv", expected=["id", "age"]).frame) == ["patient", "age"]
    (tmp_path / "t.tsv").write_text("patient\tage\nid\tage\n")
    assert list(read_text_table(tmp_path / "t.tsv", expected=["id", "age"]).frame) == ["patient", "age"]


def test_letters_and_their_marks_are_composed(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("id\tnote\nP1\tgro\u0308ßer\nP2\tgrößer\n", encoding="utf-8")
    assert read_text_table(tmp_path / "t.tsv", expected=["id"]).frame["note"].tolist() == ["größer"] * 2


def test_dates_that_excel_made(tmp_path: Path) -> None:
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    for row in (["id", "stage", "day"], ["P1", "1-2", None], ["P2", "4-5", None], ["P3", None, None]):
        book.active.append(row)
    book.active["B4"] = datetime.datetime(2024, 3, 2)
    for cell, value in {"C2": "NA", "C3": datetime.date(2024, 1, 1), "C4": datetime.date(2024, 1, 9)}.items():
        book.active[cell] = value
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(UnreadableError, match=r"column 'stage' has dates among other values \(cell B4: 2024-03-02\)"):
        read_text_table(tmp_path / "t.xlsx", expected=["id", "stage", "day"])
    frame = read_text_table(tmp_path / "t.xlsx", expected=["id", "day"]).frame
    assert frame["day"].tolist() == ["NA", "2024-01-01", "2024-01-09"], "a column of dates, some unknown"


def test_what_openpyxl_stumbles_over_is_no_traceback(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["id"])
    book.create_chartsheet("figure")  # without a chart
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(UnreadableError, match="cannot be opened"):
        read_text_table(tmp_path / "t.xlsx")
