"""The lines of a text file one at a time, for files too large to hold: compression and encoding by content."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from data_modules.readers.bounds import bounded_lines
from data_modules.readers.content import MARKS, PACKED
from data_modules.readers.unreadable import UnreadableError

_OPEN: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


def packed_as(path: Path) -> str:
    """``gzip``, ``bzip2``, ``xz``, ``zip`` or ``plain``, by the first bytes."""
    with path.open("rb") as stream:
        head = stream.read(8)
    return next((name for magic, name in PACKED.items() if head.startswith(magic)), "plain")


def lines_of(path: Path, *, encoding: str | None = None) -> Generator[str]:
    """Each line without its end, whichever end the file has.

    Raises:
        UnreadableError: the packed data are cut, or a line is not in the encoding or longer than any.
    """
    kind = packed_as(path)
    if kind == "zip":
        raise UnreadableError(f"{path} is a zip archive or an Excel workbook", "Unpack it, or save the sheet as text")
    number = 0
    try:
        with _OPEN.get(kind, open)(path, "rb") as stream:
            buffered: IO[bytes] = io.BufferedReader(stream)
            head = buffered.peek(4)[:4]  # type: ignore[attr-defined]
            chosen = encoding or next((name for mark, name in MARKS if head.startswith(mark)), "utf-8")
            with io.TextIOWrapper(buffered, encoding=chosen, newline=None) as text:
                for line in bounded_lines(path, text.readline):
                    number += 1
                    yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        # The decoder works ahead of the lines, by blocks.
        what = f"{path}, after line {number}: byte 0x{error.object[error.start]:02x} is no {error.encoding.upper()}"
        raise UnreadableError(what, "Save the file as UTF-8") from error
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        what = f"{path} is cut or damaged: its {kind} data end after line {number} ({error})"
        raise UnreadableError(what, "Fetch it again") from error
