"""Cells as numbers, and tables of thousands of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from data_modules.readers.numbers import decimal_of, is_unknown, to_number
from data_modules.readers.stream import lines_of, packed_as
from data_modules.readers.tables import TableFormat
from data_modules.readers.unreadable import UnreadableError
from data_modules.readers.wide import read_wide


def test_a_cell_as_a_number() -> None:
    told = {
        "3": 3,
        "+3.5": 3.5,
        ".5": 0.5,
        "5.": 5,
        "1e-3": 0.001,
        "\u22125": -5,
        "1_0": None,
        "1e999": None,
        "x": None,
    }
    for cell, number in told.items():
        found = to_number(cell, ".")
        assert math.isnan(found) if number is None else found == number, cell
    assert to_number("3,5", ",") == 3.5 and to_number("-1,25E2", ",") == -125 and to_number("3", ",") == 3
    assert (
        math.isnan(to_number("3,5", "."))
        and math.isnan(to_number("3.5", ","))
        and math.isnan(to_number("1.000,5", ","))
    )


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["1", "2.5"], "."), (["3,5"], ","), (["1,234"], None), (["1,234", "3,5"], ","), (["1,234,567"], "."),
        (["3,5", "2.5"], None), (["3,5", "x.y"], ","), (["3,5", "."], ","), (["1234,567"], ","), ([], "."),
        (["1.234,5", "12"], ","), (["1.234,5", "2.5"], None), (["1,234.5", "2.5"], "."),
    ],
)  # fmt: skip
def test_the_decimal_sign_of_columns(cells: list[str], sign: str | None) -> None:
    assert decimal_of([cells]) == sign
    assert decimal_of([[one] for one in cells]) == sign


def test_words_for_nothing_known() -> None:
    assert all(map(is_unknown, ("", "  ", "NA", " n/a ", "Not Available", "--", "#DIV/0!")))
    assert not any(map(is_unknown, ("0", "no", "n a", "x")))


def wide(tmp_path: Path, content: str, **given: str) -> tuple[list[list[float | None]], list[tuple[str, int, str]]]:
    (tmp_path / "t.tsv").write_text(content)
    found = read_wide(tmp_path / "t.tsv", TableFormat(**given), key="id", exclude=["note"])
    numbers = [[None if math.isnan(one) else one for one in row] for row in found.numbers.tolist()]
    return numbers, found.strange


def test_a_wide_table_by_hand(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(
        "A\tid\tnote\tB\n1\tP1\tx\t2.5\n\nNA\tP2 \ty\tinf\n 3 \tP3\tz\tmuch\n1_0\tP4\tz\t4\n"
    )
    found = read_wide(tmp_path / "t.tsv", TableFormat(), key="id", exclude=["note"])
    assert (found.ids, found.lines, found.names) == (["P1", "P2", "P3", "P4"], [2, 4, 5, 6], ["A", "B"])
    nan = np.nan
    np.testing.assert_array_equal(found.numbers, [[1, 2.5], [nan, nan], [3, nan], [nan, 4]])
    assert sorted(found.strange) == [("A", 6, "1_0"), ("B", 4, "inf"), ("B", 5, "much")]
    assert found.notes == ()


def test_a_decimal_comma_of_a_wide_table(tmp_path: Path) -> None:
    content = "id\tA\tB\nP1\t1,5\t2\nP2\t3\tx\n"
    for given in ({}, {"decimal": ","}):
        numbers, strange = wide(tmp_path, content, **given)
        assert numbers == [[1.5, 2], [3, None]] and strange == [("B", 3, "x")]
    numbers, strange = wide(tmp_path, content, decimal=".")
    assert numbers == [[None, 2], [3, None]] and strange == [("A", 2, "1,5"), ("B", 3, "x")]
    for open_ in ("id\tA\nP1\t1,234\n", "id\tA\nP1\t1,5\nP2\t2.5\n"):
        with pytest.raises(UnreadableError, match="with a comma that may be a decimal sign"):
            wide(tmp_path, open_)
    numbers, _ = wide(tmp_path, "id\tA\nP1\t1,234\n", decimal=",")
    assert numbers == [[1.234]]


def test_columns_that_are_missing_or_twice(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="has no column 'id' for the patient"):
        wide(tmp_path, "patient\tA\nP1\t1\n")
    with pytest.raises(UnreadableError, match="line 1: columns 'A' stand twice"):
        wide(tmp_path, "id\tA\tA\nP1\t1\t2\n")
    assert wide(tmp_path, "id\tnote\tnote\tA\nP1\tx\ty\t2\n") == ([[2]], [])


def test_lines_of_a_file_whatever_packs_and_ends_them(tmp_path: Path) -> None:
    import bz2
    import gzip
    import lzma
    import zipfile

    content = "a\r\ngrö\n\nlast".encode()
    packers = {"plain": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
    path = tmp_path / "t"
    for kind, pack in packers.items():
        path.write_bytes(pack(content))
        assert packed_as(path) == kind and list(lines_of(path)) == ["a", "grö", "", "last"]
    path.write_bytes("a\nb".encode("utf-16"))
    assert list(lines_of(path)) == ["a", "b"]
    path.write_bytes("grö\n".encode("latin-1"))
    assert list(lines_of(path, encoding="latin-1")) == ["grö"]
    with pytest.raises(UnreadableError, match=r"t, after line 0: byte 0xf6 is no UTF-8"):
        list(lines_of(path))
    path.write_bytes(gzip.compress(content * 5000)[:-9])
    with pytest.raises(UnreadableError, match=r"its gzip data end after line \d+"):
        list(lines_of(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.tsv", "a")
    assert packed_as(path) == "zip"
    with pytest.raises(UnreadableError, match="is a zip archive or an Excel workbook"):
        list(lines_of(path))
