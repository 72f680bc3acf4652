"""Where a table's header is, of a file of which nothing is known yet: below a title, or behind a ``#``.

Reading by a declaration needs none of this: the declared columns tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_modules.readers.content import is_workbook, read_text
from data_modules.readers.layout import SEPARATORS, TITLES, unquoted
from data_modules.readers.numbers import is_unknown, to_number
from data_modules.readers.unreadable import UnreadableError

_FEWEST = 2
_FULL = 0.8
"""Share of the widest row's cells that a header fills, each with a word of its own."""


def heading(path: Path, *, encoding: str | None = None, sheet: str | None = None) -> list[str]:
    """Names of the columns, where a row below others is clearly the header; none where the first row is, or no row.

    Args:
        path: of a text or workbook.
        encoding: of a text.
        sheet: of a workbook.
    """
    try:
        rows = _sheet_rows(path, sheet) if _packed(path) else _text_rows(path, encoding)
    except (UnreadableError, OSError):
        return []
    rows = [row for row in rows if any(row)]
    if len(rows) < _FEWEST:
        return []
    commented = [row for row in rows if row[0].startswith("#")]
    if commented:
        return _behind(commented[-1], [row for row in rows if not row[0].startswith("#")])
    widest = max(sum(map(bool, row)) for row in rows)
    found = next((at for at, row in enumerate(rows[:-1]) if _is_header(row, widest)), 0)
    return [cell for cell in rows[found] if cell] if found and widest >= _FEWEST else []


def _behind(last: list[str], rows: Sequence[list[str]]) -> list[str]:
    """The last line behind a ``#``, where it names as many columns as rows have and the first row is no header."""
    if not rows or len(last) != len(rows[0]) or len(last) < _FEWEST or not _is_header(last, len(last)):
        return []
    # Of a header, no cell is a number; of a first row of patients, some cell mostly is.
    return last if not _is_header(rows[0], len(rows[0])) else []


def _is_header(row: Sequence[str], widest: int) -> bool:
    """Words, each once, in nearly all columns."""
    cells = [cell for cell in row if cell]
    words = [cell for cell in cells if to_number(cell.replace(",", "."), ".") != to_number(cell.replace(",", "."), ".")]
    known = [cell for cell in cells if not is_unknown(cell)]
    return len(cells) >= max(_FEWEST, _FULL * widest) and len(words) == len(cells) == len(set(cells)) == len(known)


def _packed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04" and is_workbook(path.read_bytes())


def _text_rows(path: Path, encoding: str | None) -> list[list[str]]:
    lines = [line for line in read_text(path, encoding=encoding).lines if line.strip()]
    count = next((at for at, line in enumerate(lines) if not line.startswith("#")), 0)
    lines = lines[max(0, count - TITLES) : count + TITLES]
    separator = max(SEPARATORS, key=lambda one: sum(line.count(one) > 0 for line in lines) + lines[-1].count(one) / 1e6)
    return [[unquoted(cell).strip() for cell in line.split(separator)] for line in lines]


def _sheet_rows(path: Path, sheet: str | None) -> list[list[str]]:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        chosen = book[sheet] if sheet is not None else book.worksheets[0]
        rows = chosen.iter_rows(max_row=2 * TITLES, values_only=True)
        return [["" if cell is None else str(cell).strip() for cell in row] for row in rows]
    finally:
        book.close()
