"""A patient's bag of rows that stays on disk: only the rows that are asked for are read.

A slide has tens of thousands of tiles; training draws a few dozen of them. What is read is what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY = 32 << 20
"""Bytes up to which a bag is read whole where it is kept: it is drawn from every epoch."""
AT_ONCE = 1 << 20
"""Bytes up to which a bag is read whole in any case: reading a part of it is no faster."""

_CHUNK = 4096  # rows converted at a time where a whole bag is copied


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of one file.

    Attributes:
        rows: how many.
        read: takes ascending row numbers, returns these rows ``(row, *shape)``. It opens and closes its file, so that
            a cohort of thousands of slides holds no thousand files open.
        will_need: takes the same, and has the system read them meanwhile; None where it cannot.
    """

    rows: int
    read: Callable[[NDArray[np.int64]], NDArray[Any]]
    will_need: Callable[[NDArray[np.int64]], None] | None = None


class Bag:
    """Rows of several files, one after another, as an array that is read where it is indexed.

    Takes the place of an array in `fusion.contract.Item.values`: it has a shape, a length and a type, can be indexed by
    rows, and `numpy.asarray` reads it whole.

    Args:
        parts: in order.
        shape: of one row.
        dtype: of the values.
    """

    def __init__(self, parts: Sequence[Part], *, shape: tuple[int, ...], dtype: Any) -> None:
        self._parts = tuple(parts)
        self._ends = np.cumsum([part.rows for part in parts], dtype=np.int64)
        self.shape: tuple[int, ...] = (int(self._ends[-1]) if len(parts) else 0, *shape)
        self.dtype = np.dtype(dtype)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Dimensions, as an array has them."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole bag, were it read."""
        return int(np.prod(self.shape, dtype=np.int64) * self.dtype.itemsize)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """The rows that an integer, a slice, a mask or an array of row numbers names, in that order."""
        wanted = np.arange(len(self), dtype=np.int64)[rows]
        if wanted.ndim == 0:
            return self[wanted[None]][0]  # type: ignore[no-any-return]
        order = np.argsort(wanted, kind="stable")
        ordered = wanted[order]
        out = np.empty((len(wanted), *self.shape[1:]), dtype=self.dtype)
        start = 0
        for part, end in zip(self._parts, self._ends, strict=True):
            chosen = np.flatnonzero((ordered >= start) & (ordered < end))
            if len(chosen):
                local, back = np.unique(ordered[chosen] - start, return_inverse=True)
                out[order[chosen]] = part.read(local)[back]
            start = int(end)
        return out

    def will_need(self, rows: NDArray[np.int64] | None = None) -> None:
        """Announce that these rows, ascending, will be read; None: all. Nothing is waited for."""
        start = 0
        for part, end in zip(self._parts, map(int, self._ends), strict=True):
            if part.will_need is not None:
                if rows is None:
                    part.will_need(np.arange(part.rows, dtype=np.int64))
                else:
                    part.will_need(rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)] - start)
            start = end

    def copy_to(self, out: NDArray[Any]) -> None:
        """Write all rows into `out`, a few thousand at a time."""
        first = 0
        for part in self._parts:
            for start in range(0, part.rows, _CHUNK):
                rows = np.arange(start, min(start + _CHUNK, part.rows), dtype=np.int64)
                out[first + start : first + start + len(rows)] = part.read(rows)
            first += part.rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        out = np.empty(self.shape, dtype=self.dtype if dtype is None else dtype)
        self.copy_to(out)
        return out

    def settled(self) -> Any:
        """This bag, or, where it is small, its rows in memory."""
        return np.asarray(self) if self.nbytes <= min(AT_ONCE, IN_MEMORY) else self

    def kept(self, room: int) -> Any:
        """This bag, or, where memory of `room` bytes holds it and it is not large, its rows."""
        return np.asarray(self) if self.nbytes <= min(IN_MEMORY, room) else self


def resident(values: Any) -> int:
    """Bytes of memory that values of an item hold: none for those on disk."""
    return 0 if isinstance(values, Bag) else int(values.nbytes)
