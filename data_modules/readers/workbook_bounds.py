"""Bounds on Excel workbooks: kilobytes of them can hold more cells than any memory."""

from __future__ import annotations

import io
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO
from xml.parsers import expat

from data_modules.readers.bounds import TIMES, too_much
from data_modules.readers.unreadable import UnreadableError

MOST_IN_WORKBOOK = 32 << 20
"""Bytes of XML: openpyxl needs about fifty times as much memory."""
MOST_CELLS = 20_000_000
"""Of a sheet, empty ones with them: openpyxl makes every cell up to the last row and column, and of what is merged."""
_RANGE = re.compile(r"\$?([A-Z]+)\$?(\d+):\$?([A-Z]+)\$?(\d+)", re.IGNORECASE)


def refuse_workbook(path: Path, content: bytes) -> None:
    """Of an Excel workbook, before openpyxl opens it.

    Args:
        path: the file.
        content: its bytes.

    Raises:
        UnreadableError: its parts unpack to more than `MOST_IN_WORKBOOK` and to more than `TIMES` the size of the file,
            or more cells than `MOST_CELLS` are merged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # No part is read beyond the size that the archive's directory says.
        if sum(part.file_size for part in archive.infolist()) > max(MOST_IN_WORKBOOK, TIMES * len(content)):
            raise too_much(path, f"{MOST_IN_WORKBOOK >> 20} MiB", len(content))
        merged = 0
        for part in archive.infolist():  # a sheet may have any name
            with archive.open(part) as stream, suppress(expat.ExpatError):
                merged += _merged(stream)
    refuse_cells(f"{path}: what is merged", merged)


def refuse_cells(what: str, number: int) -> None:
    """Before cells of a sheet are made, the empty ones with them.

    Raises:
        UnreadableError: more than `MOST_CELLS`.
    """
    if number > MOST_CELLS:
        raise UnreadableError(
            f"{what} has {number:,} cells with the empty ones; at most {MOST_CELLS:,} are read",
            "Delete what lies beyond the table, or save the sheet as CSV (UTF-8)",
        )


def _merged(stream: IO[bytes]) -> int:
    """How many cells are merged in a sheet's XML; 0 of other XML."""
    number = 0

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal number
        found = _RANGE.fullmatch(attributes.get("ref", "")) if tag.rpartition(":")[2] == "mergeCell" else None
        if found:
            rows = int(found[4]) - int(found[2]) + 1
            number += rows * (_column(found[3]) - _column(found[1]) + 1)

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.ParseFile(stream)
    return number


def _column(letters: str) -> int:
    """``A`` → 1, ``AA`` → 27."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
