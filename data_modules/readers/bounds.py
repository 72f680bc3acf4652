"""Bounds on what a packed file may unpack to: a file of kilobytes can unpack to more than any memory.

Bounds on bytes and on lines hold for packed files alone: whoever has a sound file beyond them unpacks it and names what
came out. Readers that hold one line at a time read on without end, and bound the line.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, AnyStr

from data_modules.readers.unreadable import UnreadableError

TIMES = 100
"""Text of tables packs to a third or a thirtieth; a long matrix of zeros alone to less than a hundredth."""
MOST_BYTES = 256 << 20
MOST_LINES = 10_000_000
LONGEST_LINE = 256 << 20
"""Characters; a VCF of 500,000 samples has lines of 30 million."""
_CHUNK = 1 << 20


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
            raise too_much(path, f"{MOST_BYTES >> 20} MiB or {MOST_LINES:,} lines", size)
    return content.getvalue()


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


def too_much(path: Path, most: str, size: int) -> UnreadableError:
    """The refusal of a file of `size` bytes that unpacks to more than `most`."""
    return UnreadableError(
        f"{path} unpacks to more than {most} and more than {TIMES} times its size ({size:,} bytes), as no table does",
        "Fetch it again; if it is sound, unpack it and name the file that comes out",
    )
