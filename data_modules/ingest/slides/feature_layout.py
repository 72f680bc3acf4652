"""Where an HDF5 file holds the values of a dataset of rows, so that they are read without HDF5.

A slide's features are drawn anew each epoch: 512 rows of 15,000 took h5py 0.3 s where each row is a chunk, as CLAM and
TRIDENT write them, and take 1 ms by their bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import h5py

_PLAIN = (np.dtype("<f2"), np.dtype("<f4"))
"""Types that lie in the file as they are given."""


def offset(dataset: h5py.Dataset, path: Path) -> int | None:
    """Where values of the type that is given lie in one piece, within the file."""
    begin = dataset.id.get_offset()
    plain = dataset.dtype in _PLAIN and dataset.chunks is None
    if begin is None or not plain or begin + dataset.size * dataset.dtype.itemsize > path.stat().st_size:
        return None
    return int(begin)


def in_pieces(dataset: h5py.Dataset, width: int) -> bool:
    """Whether values lie in chunks of whole rows, neither packed nor shuffled, all of which were written."""
    if dataset.chunks is None or dataset.dtype not in _PLAIN or dataset.chunks[-1] != width:
        return False
    filters = dataset.id.get_create_plist().get_nfilters()
    written = dataset.id.get_num_chunks() == -(-dataset.shape[-2] // dataset.chunks[-2])
    return bool(filters == 0 and written and hasattr(dataset.id, "chunk_iter") and not dataset.file.userblock_size)


def places(dataset: h5py.Dataset, *, axis: int) -> tuple[list[int], list[int]]:
    """First row and first byte of each chunk, ascending by row."""
    found: list[tuple[int, int]] = []
    dataset.id.chunk_iter(lambda chunk: found.append((chunk.chunk_offset[axis], chunk.byte_offset)))
    found.sort()
    return [row for row, _ in found], [byte for _, byte in found]


def lies_elsewhere(file: h5py.File, name: str) -> str | None:
    """Why `name` is not the file's own, a clause: HDF5 can point to any file, and read its bytes as numbers."""
    import h5py

    link = file.get(name, getlink=True)
    while isinstance(link, h5py.SoftLink):
        if link.path.strip("/") == name:
            break
        name = link.path.strip("/")
        link = file.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        return f"`{name}` is a link to another file, {link.filename}"
    found = file.get(name) if link is not None else None
    if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
        return f"the values of `{name}` lie in other files"
    return None


def coords_problem(coords: h5py.Dataset, rows: int, *, key: str) -> str | None:
    """Why coordinates are not two numbers a tile, a clause; a leading axis of length 1 is no harm."""
    shape = getattr(coords, "shape", "of a group")
    if shape not in ((rows, 2), (1, rows, 2), (2 * rows,)):
        return f"`coords` has shape {shape}, which does not fit the {rows} tiles of `{key}`"
    if coords.dtype.kind not in "iuf":
        return f"`coords` is of type {coords.dtype}, not numbers"
    return None
