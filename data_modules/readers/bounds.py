"""Bounds on what a packed file may unpack to: a file of kilobytes can unpack to more than any memory.

Bounds on bytes and on lines hold for packed files alone: whoever has a sound file beyond them unpacks it and names what
came out. Readers that hold one line at a time read on without end, and bound the line.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, AnyStr
from xml.parsers import expat

from data_modules.readers.unreadable import UnreadableError

TIMES = 100
"""Text of tables packs to a third or a thirtieth; a long matrix of zeros alone to less than a hundredth."""
MOST_BYTES = 256 << 20
MOST_LINES = 10_000_000
MOST_IN_WORKBOOK = 32 << 20
"""Bytes of XML: openpyxl needs about fifty times as much memory."""
MOST_CELLS = 20_000_000
"""Of a sheet, empty ones with them: openpyxl makes every cell up to the last row and column, and of what is merged."""
LONGEST_LINE = 256 << 20
"""Characters; a VCF of 500,000 samples has lines of 30 million."""
_CHUNK = 1 << 20
_RANGE = re.compile(r"\$?([A-Z]+)\$?(\d+):\$?([A-Z]+)\$?(\d+)", re.IGNORECASE)


def unpack(path: Path, stream: IO[bytes]) -> bytes:
    """All that a stream unpacks.

    Raises:
        UnreadableError: more than `MOST_BYTES` or `MOST_LINES`, and more than `TIMES` the size of the file.
    """
    size, lines = path.stat().st_size, 0
    content = io.BytesIO()
    while chunk := stream.read(_CHUNK):
        content.write(chunk)
        lines += chunk.count(b"\n")
        if content.tell() > TIMES * size and (content.tell() > MOST_BYTES or lines > MOST_LINES):
            raise _too_much(path, f"{MOST_BYTES >> 20} MiB or {MOST_LINES:,} lines", size)
    return content.getvalue()


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
            raise _too_much(path, f"{MOST_IN_WORKBOOK >> 20} MiB", len(content))
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


def bounded_lines(path: Path, readline: Callable[[int], AnyStr]) -> Iterator[AnyStr]:
    """The lines of a stream with their ends, one at a time.

    Raises:
        UnreadableError: one is longer than `LONGEST_LINE`.
    """
    number = 0
    while line := readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise _too_long(path, number)
        yield line


def lines_of_blocks(path: Path, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The same of a reader that cannot bound a line; without their ends.

    Raises:
        UnreadableError: one is longer than `LONGEST_LINE`.
    """
    number, pieces, held = 1, [b""], 0
    while block := read(_CHUNK):
        first, *others = block.split(b"\n")
        pieces.append(first)
        held += len(first)
        if held > LONGEST_LINE:
            raise _too_long(path, number)
        if others:
            yield b"".join(pieces)
            yield from others[:-1]
            number += len(others)
            pieces, held = [others[-1]], len(others[-1])
    if held:
        yield b"".join(pieces)


def _too_long(path: Path, line: int) -> UnreadableError:
    return UnreadableError(
        f"{path}, line {line} has more than {LONGEST_LINE:,} characters", "Fetch or write the file again"
    )


def _too_much(path: Path, most: str, size: int) -> UnreadableError:
    return UnreadableError(
        f"{path} unpacks to more than {most} and more than {TIMES} times its size ({size:,} bytes), as no table does",
        "Fetch it again; if it is sound, unpack it and name the file that comes out",
    )
