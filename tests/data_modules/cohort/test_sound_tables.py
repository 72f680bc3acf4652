"""Unusual but sound tables: each is read to the same five patients; a refusal of any is a failure."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_modules.cohort.source import CohortSource

HEADER = ["patient", "age", "grade", "side", "remark", "outcome"]
ROWS = [
    ["1234_0#001", "59.5", "G1", "left", "", "CR"],
    ["1234_0#002", "41", "G2", "right", "größer", "PD"],
    ["1234_0#003", "1e+02", "G3", "left", "", "PD"],
    ["1234_0#004", "", "G1", "right", "a b", "CR"],
    ["1234_0#005", "62.25", "G2", "left", "", "PD"],
]
AGES = [59.5, 41.0, 100.0, None, 62.25]


def text(separator: str = "\t", *, end: str = "\n", rows: list[list[str]] = ROWS) -> str:
    return "".join(separator.join(row) + end for row in (HEADER, *rows))


def quoted(separator: str = ",") -> str:
    """Every cell quoted; a remark holds a line break, a doubled quote and the separator."""
    rows = [list(row) for row in ROWS]
    rows[1][4] = f'größer{separator}\n"nach" Therapie'
    cells = ([f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in (HEADER, *rows))
    return "".join(separator.join(row) + "\n" for row in cells)


def written_by_r() -> str:
    rows = [[f'"{cell}"' for cell in row] for row in (HEADER, *ROWS)]
    rows[4][4] = '"a ""b"""'
    return "".join("\t".join(row) + "\n" for row in rows)


def comma(value: str) -> str:
    return value.replace(".", ",")


def germany(separator: str) -> str:
    return text(separator, rows=[[row[0], comma(row[1]), *row[2:]] for row in ROWS])


def zipped(content: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clinical.tsv", content)
    return stream.getvalue()


def workbook(path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADER)
    for row in ROWS:
        sheet.append([row[0], float(row[1]) if row[1] else None, *(cell or None for cell in row[2:])])
    book.save(path)


def source(root: Path, file: str, **options: Any) -> CohortSource:
    columns = {
        "age": {"time": "baseline", "kind": "number"},
        "grade": {"time": "baseline", "kind": "ordered", "levels": ["G1", "G2", "G3"]},
        "side": {"time": "baseline"},
        "outcome": {"time": "outcome"},
    }
    return CohortSource(
        name="sound",
        root=root,
        cache=root / "cache",
        tables={"clinical": {"file": file, "id": "patient", "columns": columns, **options}},
        endpoints={"response": {"table": "clinical", "column": "outcome", "positive": ["CR"], "negative": ["PD"]}},
    )


def check(root: Path, file: str, **options: Any) -> CohortSource:
    """The table's values are those of `ROWS`, and nothing speaks against it."""
    made = source(root, file, **options)
    table = made.read("clinical")
    assert [str(problem) for problem in table.problems] == []
    assert list(table.frame.index) == [row[0] for row in ROWS]
    ages = table.frame["age"].tolist()
    assert [None if age != age else age for age in ages] == AGES
    for column in ("grade", "side", "outcome"):
        assert table.frame[column].tolist() == [row[HEADER.index(column)] for row in ROWS]
    return made


SOUND: dict[str, tuple[str, Callable[[], bytes]]] = {
    "hash in ids": ("t.tsv", lambda: text().encode()),
    "carriage returns": ("t.tsv", lambda: text(end="\r\n").encode()),
    "carriage returns alone": ("t.tsv", lambda: text(end="\r").encode()),
    "no end of the last line": ("t.tsv", lambda: text().rstrip("\n").encode()),
    "byte order mark": ("t.csv", lambda: text(",").encode("utf-8-sig")),
    "UTF-16 of Excel": ("t.txt", lambda: text(end="\r\n").encode("utf-16")),
    "UTF-16, big end first": ("t.txt", lambda: b"\xfe\xff" + text().encode("utf-16-be")),
    "semicolons and decimal commas": ("t.csv", lambda: germany(";").encode()),
    "tabs and decimal commas": ("t.tsv", lambda: germany("\t").encode()),
    "tabs in a .csv": ("t.csv", lambda: text().encode()),
    "commas in a .txt": ("t.txt", lambda: text(",").encode()),
    "quoted cells with line breaks": ("t.csv", lambda: quoted().encode()),
    "quoted cells between tabs, as R writes them": ("t.tsv", lambda: written_by_r().encode()),
    "a quote within a cell of a TSV": ("t.tsv", lambda: text().replace("a b", '5" of tumour').encode()),
    "a separator at the end of every line": ("t.csv", lambda: text(",", end=",\n").encode()),
    "a separator at the end of rows alone": ("t.tsv", lambda: (text().replace("\n", "\t\n")
                                             .replace("outcome\t\n", "outcome\n")).encode()),
    "comments above the header": ("t.txt", lambda: ("#Patient ID\tAge\n#STRING\tNUMBER\n" + text()).encode()),
    "empty lines": ("t.tsv", lambda: text().replace("\n1234_0#003", "\n\n1234_0#003").encode() + b"\n\n"),
    "gzip named .txt": ("t.txt", lambda: gzip.compress(text().encode())),
    "text named .gz": ("t.tsv.gz", lambda: text().encode()),
    "bzip2": ("t.tsv.bz2", lambda: bz2.compress(text().encode())),
    "xz named .tsv": ("t.tsv", lambda: lzma.compress(text().encode())),
    "zip of one file": ("t.zip", lambda: zipped(text())),
    "words for missing numbers": ("t.tsv", lambda: text().replace("\t\tG1", "\t#N/A\tG1").encode()),
    "a title above the header": ("t.csv", lambda: ("Table S1. Patients,,,,,\n\n" + text(",")).encode()),
    "a title without a separator": ("t.tsv", lambda: ("Patients of the trial\n" + text()).encode()),
    "Excel's word on the separator": ("t.csv", lambda: ("sep=;\r\n" + text(";", end="\r\n")).encode()),
    "the header again where files were put together": ("t.tsv", lambda: text().replace(
        "1234_0#003", "\t".join(HEADER) + "\n1234_0#003").encode()),
    "a byte order mark where the second file began": ("t.tsv", lambda: text().replace(
        "1234_0#003", "\ufeff1234_0#003").encode()),
    "characters that nobody sees": ("t.tsv", lambda: text().replace("left", "le\u00adft\u200b").replace(
        "right", "right\u00a0").encode()),
    "letters and their marks apart": ("t.tsv", lambda: text().replace("größer", "gro\u0308ßer").encode()),
    "a quote behind a space": ("t.csv", lambda: text(",").replace("a b", ' "a, b"').encode()),
    "all three ends of lines": ("t.tsv", lambda: text().replace("\n", "\r", 1).replace(
        "1234_0#003", "\r\n1234_0#003").encode()),
    "the end that DOS wrote": ("t.tsv", lambda: text().encode() + b"\x1a"),
    "spaces around cells": ("t.csv", lambda: text(" , ").encode()),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_sound_table(tmp_path: Path, name: str) -> None:
    file, content = SOUND[name]
    (tmp_path / file).write_bytes(content())
    check(tmp_path, file)


def test_latin_1_where_it_is_declared(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text(",").encode("latin-1"))
    check(tmp_path, "t.csv", encoding="latin-1")


def test_a_workbook(tmp_path: Path) -> None:
    workbook(tmp_path / "t.xlsx")
    check(tmp_path, "t.xlsx")


def test_declared_separator_and_decimal_sign(tmp_path: Path) -> None:
    """12,345 alone could be a decimal or a thousand: said by the declaration."""
    rows = [[row[0], "12,345", *row[2:]] for row in ROWS]
    (tmp_path / "t.csv").write_text(text("|", rows=rows), encoding="utf-8")
    table = source(tmp_path, "t.csv", separator="|", decimal=",").read("clinical")
    assert not table.problems
    assert table.frame["age"].tolist() == [12.345] * 5


def test_a_category_that_is_declared_may_be_any_word(tmp_path: Path) -> None:
    rows = [[*row[:3], "None" if row[3] == "left" else "n/a", *row[4:]] for row in ROWS]
    (tmp_path / "t.tsv").write_text(text(rows=rows), encoding="utf-8")
    columns = {
        "side": {"time": "baseline", "levels": ["None"], "missing": ["n/a"]},
        "outcome": {"time": "outcome"},
    }
    table = source(tmp_path, "t.tsv", columns=columns).read("clinical")
    assert not table.problems
    assert table.frame["side"].tolist() == ["None", None, "None", None, "None"]


def written(path: Path, change: Callable[[Any], None]) -> str:
    """What the reader says of `workbook` after a change."""
    openpyxl = pytest.importorskip("openpyxl")
    workbook(path)
    book = openpyxl.load_workbook(path)
    change(book.active)
    book.save(path)
    return " ".join(check(path.parent, path.name).read("clinical").notes)


def test_a_title_above_the_header_of_a_sheet(tmp_path: Path) -> None:
    def title(sheet: Any) -> None:
        sheet.insert_rows(1, 2)
        sheet["A1"] = "Table S1. Patients"
        sheet.merge_cells("A1:F1")

    assert "row 3 is the header" in written(tmp_path / "t.xlsx", title)


def test_the_header_again_and_hidden_rows_of_a_sheet(tmp_path: Path) -> None:
    def change(sheet: Any) -> None:
        sheet.append(HEADER)
        sheet.row_dimensions[3].hidden = True

    said = written(tmp_path / "t.xlsx", change)
    assert "the header stands again in row 7, left out" in said
    assert "1 rows that Excel hides are read as the others (row 3)" in said


def test_ids_shown_with_zeros_in_front(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    book.active.append([7, 60, "G1", "left", None, "CR"])
    book.active["A2"].number_format = "000"
    book.save(tmp_path / "t.xlsx")
    assert list(source(tmp_path, "t.xlsx").read("clinical").frame.index) == ["007"]


def test_the_minus_sign_of_typesetters(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(text().replace("59.5", "\u22125.5"), encoding="utf-8")
    assert source(tmp_path, "t.tsv").read("clinical").frame["age"].tolist()[0] == -5.5
