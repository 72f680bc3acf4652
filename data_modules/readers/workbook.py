"""The sheet of an Excel workbook as a table of text."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_modules.readers.characters import plain_characters
from data_modules.readers.layout import TITLES, Layout, titles_above
from data_modules.readers.numbers import is_unknown
from data_modules.readers.unreadable import UnreadableError
from data_modules.readers.workbook_bounds import refuse_cells, refuse_workbook
from fusion.contract import some

_OPENPYXL = (
    OSError, KeyError, ValueError, AttributeError, TypeError, IndexError, SyntaxError, zipfile.BadZipFile,
    RuntimeError,
)  # fmt: skip
"""What openpyxl raises of workbooks that other programs wrote; XML that does not parse is a SyntaxError,
a part with a password a RuntimeError."""


def read_sheet(path: Path, *, sheet: str | None = None, expected: Sequence[str] = ()) -> Layout:
    """Cells as a CSV would have them: whole numbers without a point, dates as ``2024-01-31``, errors as written.

    Args:
        path: an .xlsx.
        sheet: its name; None takes the only one that holds anything.
        expected: columns that it should have.

    Raises:
        UnreadableError: several sheets and none named, no such sheet, formulas without values, merged cells, more
            than memory can hold, or a few dates in an expected column of other values.
    """
    book, formulas = _opened(path)
    chosen = _chosen(path, book, sheet)
    refuse_cells(f"{path}, sheet {chosen.title!r}", chosen.max_row * chosen.max_column)
    if chosen.merged_cells.ranges:
        _refuse_merged(path, chosen, expected)
    rows = _rows(path, chosen, formulas[chosen.title])
    while len(rows) > 1 and rows[0][0][0].startswith("#"):  # as in text: comments above the header
        rows.pop(0)
    titled = titles_above((row for row, _ in rows[:TITLES]), expected)
    (names, header), *body = rows[titled:]
    notes = [f"sheet {chosen.title!r} of an Excel workbook"]
    if titled:
        notes.append(f"row {header} is the header; what stands above it is left out")
    again = [number for row, number in body if row == names]
    if again:
        notes.append(f"the header stands again in row {some(again)}, left out")
        body = [(row, number) for row, number in body if row != names]
    width = _width(path, chosen, names, body)
    hidden = [number for _, number in body if chosen.row_dimensions[number].hidden]
    if hidden:
        notes.append(f"{len(hidden)} rows that Excel hides are read as the others (row {some(hidden)})")
    _refuse_single_dates(path, chosen, names, [number for _, number in body], expected)
    return Layout(
        separator="", names=names[:width], header=header, raw=[row[:width] for row, _ in body],
        lines=[number for _, number in body], notes=tuple(notes),
    )  # fmt: skip


def _opened(path: Path) -> tuple[Any, Any]:
    """The workbook with its values, and with its formulas."""
    import openpyxl

    try:
        content = path.read_bytes()  # of a path openpyxl looks at the ending
        refuse_workbook(path, content)
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        return book, openpyxl.load_workbook(io.BytesIO(content))
    except _OPENPYXL as error:
        raise UnreadableError(
            f"{path} is an Excel workbook that cannot be opened ({error})", "Save the sheet as CSV (UTF-8)"
        ) from error


def _chosen(path: Path, book: Any, sheet: str | None) -> Any:
    """The sheet of that name, or the only one that holds anything."""
    titles = [one.title for one in book.worksheets]
    if sheet is not None:
        if sheet not in titles:
            raise UnreadableError(f"{path} has no sheet {sheet!r}, but {', '.join(titles)}", "Mend {key}.sheet")
        return book[sheet]
    filled = [one for one in book.worksheets if one.max_row > 1 or one.cell(1, 1).value is not None]
    if len(filled) != 1:
        told = ", ".join(one.title for one in filled) or "none that holds anything"
        what = f"{path} is an Excel workbook of {len(filled)} sheets ({told})"
        raise UnreadableError(what, "Set {key}.sheet to one of them, or save it as CSV (UTF-8)", empty=not filled)
    return filled[0]


def _rows(path: Path, chosen: Any, written: Any) -> list[tuple[list[str], int]]:
    """Rows that hold anything, with their numbers; `written` is the same sheet with its formulas."""
    rows: list[tuple[list[str], int]] = []
    for number, cells in enumerate(chosen.iter_rows(), start=1):
        for cell in cells:
            if cell.value is None and written[cell.coordinate].data_type == "f":
                what = f"{path}, sheet {chosen.title!r}, cell {cell.coordinate}: a formula without its value"
                raise UnreadableError(what, "Open and save it in Excel, or save the sheet as CSV (UTF-8)")
        row = [_text(cell) for cell in cells]
        if any(row):
            rows.append((row, number))
    if not rows:
        raise UnreadableError(f"{path} is empty", "Fill it, or mend {key}.file", empty=True)
    return rows


def _width(path: Path, chosen: Any, names: Sequence[str], body: Sequence[tuple[list[str], int]]) -> int:
    """How many columns the header has; a value right of them belongs to none."""
    width = max(at for at, one in enumerate(names, start=1) if one)
    for row, number in body:
        if any(row[width:]):
            what = f"{path}, sheet {chosen.title!r}, row {number} has a value right of the header's last column"
            raise UnreadableError(what, "Name its column, or take it out")
    return width


def _refuse_merged(path: Path, chosen: Any, expected: Sequence[str]) -> None:
    """Merged cells hold one value for several; those of a title above the header hold no patient's."""
    head = next(
        (
            number
            for number, cells in enumerate(chosen.iter_rows(values_only=True), start=1)
            if expected and expected[0] in [str(cell).strip() for cell in cells]
        ),
        1,
    )
    for merged in chosen.merged_cells.ranges:
        if merged.max_row >= head:
            what = f"{path}, sheet {chosen.title!r}: cells {merged} are merged"
            raise UnreadableError(what, "Split them, so that every row has its own values")


def _refuse_single_dates(
    path: Path, chosen: Any, names: Sequence[str], numbers: Sequence[int], expected: Sequence[str]
) -> None:
    """Excel makes a date of what looks like one (2-3, SEPT9): dates among other values are not what was typed."""
    for at, name in enumerate(names, start=1):
        if name not in expected:
            continue
        cells = [chosen.cell(number, at) for number in numbers]
        filled = [cell for cell in cells if not is_unknown(str(cell.value or ""))]
        dates = [cell for cell in filled if isinstance(cell.value, datetime.date | datetime.time)]
        if 0 < len(dates) < len(filled) / 2:
            what = (
                f"{path}, sheet {chosen.title!r}: column {name!r} has dates among other values (cell "
                f"{some([f'{cell.coordinate}: {_text(cell)}' for cell in dates], 3)})"
            )
            raise UnreadableError(what, "Excel makes dates of words such as 2-3: write as text what was meant")


def _text(cell: Any) -> str:
    """A cell's value as a CSV would have it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int) and re.fullmatch("0+", str(cell.number_format)):
        return f"{value:0{len(cell.number_format)}d}"  # 007 is shown so and stored as 7
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return plain_characters(str(value))[0].strip()
