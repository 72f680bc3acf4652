"""Rows that lie in a file as they are in memory: read by their bytes, and announced to the system before they are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NEAR = 32 << 10
"""Bytes between rows that are announced along with them: an announcement costs a microsecond, a disk's seek more."""
_PIECE = 512 << 10
"""Bytes announced at a time: of more the system reads the beginning alone."""


class StoredRowsError(ValueError):
    """The file is not what it was."""


@dataclass(frozen=True, kw_only=True)
class StoredRows:
    """Rows of one file, in runs that lie in one piece each.

    They are read rather than mapped: a file that was cut short meanwhile is an error then, and not the end of the
    process; other threads run while the disk is waited for.

    Attributes:
        path: of the file, opened for each reading: a cohort of thousands of slides holds no thousand files open.
        dtype: of the values, in the byte order of this machine.
        shape: of one row.
        starts: for each run, the number of its first row; ascending from 0.
        offsets: for each run, the byte at which it begins.
    """

    path: Path
    dtype: Any
    shape: tuple[int, ...]
    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]

    @classmethod
    def of_chunks(
        cls, path: Path, *, dtype: Any, shape: tuple[int, ...], starts: Sequence[int], offsets: Sequence[int]
    ) -> StoredRows:
        """From where each chunk of rows begins, ascending; chunks that follow one another become one run."""
        first, at = np.asarray(starts, dtype=np.int64), np.asarray(offsets, dtype=np.int64)
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        new = np.append(True, np.diff(at) != np.diff(first) * size)
        return cls(path=path, dtype=np.dtype(dtype), shape=shape, starts=first[new], offsets=at[new])

    @classmethod
    def of_map(cls, mapped: NDArray[Any]) -> StoredRows:
        """From rows of a .npy file that was opened as a map of memory, in C order."""
        assert isinstance(mapped, np.memmap)
        assert mapped.flags.c_contiguous
        return cls.of_chunks(
            Path(str(mapped.filename)), dtype=mapped.dtype, shape=mapped.shape[1:], starts=[0], offsets=[mapped.offset]
        )

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return int(np.prod(self.shape, dtype=np.int64)) * int(np.dtype(self.dtype).itemsize)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, ascending, ``(row, *shape)``.

        Raises:
            OSError: the file cannot be read.
            StoredRowsError: it ends before them.
        """
        out: NDArray[Any] = np.empty((len(rows), *self.shape), dtype=self.dtype)
        size = self.size
        if out.size:
            whole = memoryview(out.view(np.uint8).reshape(-1))  # type: ignore[arg-type]  # an array is a buffer
            with _opened(self.path) as file:
                for first, last, at in self._runs(rows):
                    _fill(file, whole[first * size : last * size], at)
        return out

    def will_need(self, rows: NDArray[np.int64]) -> None:
        """Have the system read these rows, ascending, into its cache while this process goes on with something else.

        A disk answers many requests at once; a process that asks for a row, waits and asks for the next gets one. Where
        the system knows no such announcement, or the file is not there, nothing happens.
        """
        if not len(rows) or not hasattr(os, "posix_fadvise"):
            return
        try:
            with _opened(self.path) as file:
                for begin, end in self._spans(rows):
                    for start in range(begin, end, _PIECE):
                        os.posix_fadvise(file, start, min(_PIECE, end - start), os.POSIX_FADV_WILLNEED)
        except OSError:
            return  # what is wrong is said where the rows are read

    def _at(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        run = np.searchsorted(self.starts, rows, side="right") - 1
        return np.asarray(self.offsets[run] + (rows - self.starts[run]) * self.size)

    def _runs(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
        """First and last place in `rows`, and first byte, of what lies in one piece."""
        at = self._at(rows)
        ends = [*(np.flatnonzero(np.diff(at) != self.size) + 1).tolist(), len(rows)]
        firsts = [0, *ends[:-1]]
        return zip(firsts, ends, at[firsts].tolist(), strict=True)

    def _spans(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """First and last byte of what lies together, but for gaps of `_NEAR`."""
        at = np.sort(self._at(rows))
        cuts = np.flatnonzero(np.diff(at) > self.size + _NEAR)
        firsts, lasts = at[np.append(0, cuts + 1)], at[np.append(cuts, len(at) - 1)]
        return zip(firsts.tolist(), (lasts + self.size).tolist(), strict=True)


def _fill(file: int, out: memoryview, at: int) -> None:
    while len(out):
        count = os.preadv(file, [out], at)
        if not count:
            raise StoredRowsError(f"it ends at byte {at}")
        out, at = out[count:], at + count


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)
