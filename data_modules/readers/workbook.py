"""The sheet of an Excel workbook as a table of text."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

from data_modules.readers.content import UnreadableError
from data_modules.readers.layout import Layout


def read_sheet(path: Path, *, sheet: str | None = None) -> Layout:
    """Cells as a CSV would have them: whole numbers without a point, dates as ``2024-01-31``, errors as written.

    Args:
        path: an .xlsx.
        sheet: its name; None takes the only one that holds anything.

    Raises:
        UnreadableError: several sheets and none named, no such sheet, formulas without values, or merged cells.
    """
    import openpyxl

    try:
        content = path.read_bytes()  # of a path openpyxl looks at the ending
        book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        formulas = openpyxl.load_workbook(io.BytesIO(content))
    except (OSError, KeyError, ValueError) as error:
        raise UnreadableError(
            f"{path} is an Excel workbook that cannot be opened ({error})", "Save the sheet as CSV (UTF-8)"
        ) from error
    filled = [one for one in book.worksheets if one.max_row > 1 or one.cell(1, 1).value is not None]
    if sheet is not None and sheet not in book.sheetnames:
        raise UnreadableError(f"{path} has no sheet {sheet!r}, but {', '.join(book.sheetnames)}", "Mend {key}.sheet")
    if sheet is None and len(filled) != 1:
        titles = ", ".join(one.title for one in filled) or "none that holds anything"
        what = f"{path} is an Excel workbook of {len(filled)} sheets ({titles})"
        raise UnreadableError(what, "Set {key}.sheet to one of them, or save it as CSV (UTF-8)", empty=not filled)
    chosen = book[sheet] if sheet is not None else filled[0]
    if chosen.merged_cells.ranges:
        what = f"{path}, sheet {chosen.title!r}: cells {chosen.merged_cells.ranges[0]} are merged"
        raise UnreadableError(what, "Split them, so that every row has its own values")
    written = formulas[chosen.title]
    rows: list[tuple[list[str], int]] = []
    for number, cells in enumerate(chosen.iter_rows(), start=1):
        for cell in cells:
            if cell.value is None and written[cell.coordinate].data_type == "f":
                what = f"{path}, sheet {chosen.title!r}, cell {cell.coordinate}: a formula without its value"
                raise UnreadableError(what, "Open and save it in Excel, or save the sheet as CSV (UTF-8)")
        row = [_text(cell.value) for cell in cells]
        if any(row):
            rows.append((row, number))
    if not rows:
        raise UnreadableError(f"{path} is empty", "Fill it, or mend {key}.file", empty=True)
    while len(rows) > 1 and rows[0][0][0].startswith("#"):  # as in text: comments above the header
        rows.pop(0)
    (names, header), *body = rows
    width = max(at for at, one in enumerate(names, start=1) if one)
    for row, number in body:
        if any(row[width:]):
            what = f"{path}, sheet {chosen.title!r}, row {number} has a value right of the header's last column"
            raise UnreadableError(what, "Name its column, or take it out")
    return Layout(
        separator="", names=names[:width], header=header, raw=[row[:width] for row, _ in body],
        lines=[number for _, number in body], notes=(f"sheet {chosen.title!r} of an Excel workbook",),
    )  # fmt: skip


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value).strip()
