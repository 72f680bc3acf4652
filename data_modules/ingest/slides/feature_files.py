"""Tile features that other tools extracted, in HDF5: the layouts of CLAM, TRIDENT and STAMP.

==========  ==========  =====================================  ==============================================
tool        features    coords ``(tile, 2)``                   attributes read
==========  ==========  =====================================  ==============================================
CLAM        `features`  corners in level-0 pixels              ``patch_size``, of `coords`
TRIDENT     `features`  corners in level-0 pixels              ``patch_size_level0``, of `coords`; ``encoder``
STAMP       `feats`     corners in microns (``unit`` = um)     ``tile_size_um``, ``extractor`` or ``encoder``
==========  ==========  =====================================  ==============================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_modules.batches.bags import Part
from data_modules.batches.stored_rows import StoredRows
from data_modules.ingest.common.no_content import no_content
from data_modules.ingest.slides.feature_layout import coords_problem, in_pieces, lies_elsewhere, offset, places
from fusion.contract import FusionError

if TYPE_CHECKING:
    import h5py

_NAMES = ("features", "feats")
_SAME_SIZE = 1.25
FEATURE_ENDINGS = (".h5", ".hdf5", ".hdf")
_BLANK = 0.1  # share of tiles that may be all 0: some may have failed
_CHUNK = 8192  # rows in memory at a time


class FeatureFileError(FusionError):
    """One file cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class FeatureFile:
    """The header of a file of tile features.

    Attributes:
        path: the file.
        key: its dataset of features.
        rows: tiles.
        width: features of a tile.
        leading: whether the dataset has a leading axis of length 1, as some CLAM versions write.
        has_coords: whether it says where its tiles lie.
        unit: of the coordinates: ``px`` (level 0) or ``um``.
        side: of a tile, in that unit; None where the file does not say.
        microns: side of a tile in the tissue, by STAMP's size in microns or by the magnification that TRIDENT aimed at
            (10 microns a pixel at 1×); None where pixels alone are said.
        encoder: what the file says made its features; None where it does not.
        dtype: of its features as they are given: float16 where the file holds that, else float32.
        offset: the byte at which they begin, row after row; None where they lie in pieces, or packed.
        pieces: whether they lie in pieces of whole rows, unpacked, as CLAM and TRIDENT write them: a row a piece.
    """

    path: Path
    key: str
    rows: int
    width: int
    leading: bool
    has_coords: bool
    unit: str
    side: float | None
    microns: float | None
    encoder: str | None
    dtype: Any = np.float32
    offset: int | None = None
    pieces: bool = False

    def part(self) -> Part:
        """Its rows, for a `data_modules.batches.bags.Bag`."""
        return Part(rows=self.rows, read=self.read, will_need=self.will_need)

    def will_need(self, rows: NDArray[np.int64]) -> None:
        """Have the system read these rows, ascending, while something else is done."""
        if self._stored:
            self._stored.will_need(rows)

    @cached_property
    def _stored(self) -> StoredRows | None:
        """Where the rows lie; looked up when they are first asked for, a twentieth of a second a slide of pieces."""
        if self.offset is None and not self.pieces:
            return None
        starts, offsets = [0], [self.offset or 0]
        if self.pieces:
            with _open(self.path) as file:
                starts, offsets = places(file[self.key], axis=int(self.leading))
        return StoredRows.of_chunks(self.path, dtype=self.dtype, shape=(self.width,), starts=starts, offsets=offsets)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, ascending, ``(row, feature)`` of `dtype`."""
        if self._stored is not None:
            try:
                return self._stored.read(rows)
            except (OSError, ValueError) as error:
                raise FeatureFileError(f"{self.path.name} is not what it was, or breaks off ({error})") from error
        # A range is read in one go.
        wanted: Any = slice(rows[0], rows[-1] + 1) if len(rows) and rows[-1] - rows[0] + 1 == len(rows) else rows
        with _open(self.path) as file:
            dataset = file[self.key]
            found = dataset[0, wanted] if self.leading else dataset[wanted]
        return np.asarray(found, dtype=self.dtype)

    def coords(self) -> NDArray[np.int64] | None:
        """Corners of the tiles, ``(tile, 2)``, in `unit`."""
        if not self.has_coords:
            return None
        with _open(self.path) as file:
            places: NDArray[Any] = np.asarray(file["coords"]).reshape(-1, 2)
        if not np.isfinite(places).all():
            row = int(np.argwhere(~np.isfinite(places))[0][0])
            raise FeatureFileError(f"{self.path.name}: `coords` holds no number in row {row}")
        return np.asarray(np.rint(places), dtype=np.int64)

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """All rows, some thousand at a time."""
        for start in range(0, self.rows, _CHUNK):
            yield self.read(np.arange(start, min(start + _CHUNK, self.rows))).astype(np.float32, copy=False)


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    import h5py

    try:
        # locking=False: files on a read-only share cannot be locked, and nobody writes them now.
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise FeatureFileError(f"{path.name} is no HDF5 file that can be read ({no_content(path) or error})") from error
    with file:
        try:
            yield file
        except OSError as error:
            raise FeatureFileError(f"{path.name} breaks off while it is read ({error})") from error


def read_header(path: Path) -> FeatureFile:
    """What a file says of itself; its features are not read.

    Raises:
        FeatureFileError: it is no HDF5 file, has no features, or its coordinates do not fit them.
    """
    import h5py

    with _open(path) as file:
        for name in (*_NAMES, "coords"):
            if wrong := lies_elsewhere(file, name):
                raise FeatureFileError(f"{path.name}: {wrong}")
        key = next((name for name in _NAMES if isinstance(file.get(name), h5py.Dataset)), None)
        if key is None:
            raise FeatureFileError(
                f"{path.name} holds neither `features` nor `feats`, but {', '.join(sorted(file)) or 'nothing'}"
            )
        if all(isinstance(file.get(name), h5py.Dataset) for name in _NAMES):
            raise FeatureFileError(f"{path.name} holds both `features` and `feats`: take out those that are not meant")
        shape, kind = file[key].shape, file[key].dtype.kind
        leading = len(shape) == 3 and shape[0] == 1
        if not (len(shape) == 2 or leading) or kind != "f":
            raise FeatureFileError(
                f"{path.name}: `{key}` has shape {shape} and type {file[key].dtype}; tile features are numbers with a "
                "point, one row a tile"
            )
        rows, width = shape[-2:]
        if rows * width * file[key].dtype.itemsize > max(_SMALL, _PACKED * path.stat().st_size):
            raise FeatureFileError(
                f"{path.name}: `{key}` has {rows} tiles of {width} features, far more than its {path.stat().st_size} "
                "bytes can hold"
            )
        if not rows or not width:
            raise FeatureFileError(f"{path.name}: `{key}` is empty, {rows} tiles of {width} features")
        coords = file.get("coords")
        if coords is not None and (problem := coords_problem(coords, rows, key=key)):
            raise FeatureFileError(f"{path.name}: {problem}")
        attributes = {**dict(file.attrs), **dict(file[key].attrs), **({} if coords is None else dict(coords.attrs))}
        side = next((attributes[name] for name in _SIDES if name in attributes), None)
        if side is not None and "patch_size_level0" not in attributes and "downsample" in attributes:
            side = _number(side) * _number(attributes["downsample"])  # CLAM's patch_size is of the level it read
        encoder = next((attributes[name] for name in ("encoder", "extractor") if name in attributes), None)
        return FeatureFile(
            path=path,
            key=key,
            rows=int(rows),
            width=int(width),
            leading=leading,
            has_coords=coords is not None,
            unit="um" if _text(attributes.get("unit", "")) in ("um", "µm") else "px",
            side=None if side is None else _number(side),
            microns=_microns(attributes),
            encoder=None if encoder is None else _text(encoder),
            dtype=np.float16 if file[key].dtype == np.float16 else np.float32,
            offset=offset(file[key], path),
            pieces=in_pieces(file[key], width),
        )


_SIDES = ("tile_size_um", "patch_size_level0", "tile_size", "patch_size")
_PACKED = 200  # times that numbers may be packed; features of tiles are packed twice or thrice
_SMALL = 64 << 20  # bytes that are read whatever they are packed to


def _microns(attributes: Mapping[str, Any]) -> float | None:
    """Side of a tile in microns, from what says it for certain."""
    if "tile_size_um" in attributes:
        return _number(attributes["tile_size_um"])
    for size, power in (("patch_size", "target_magnification"), ("patch_size_level0", "level0_magnification")):
        if size in attributes and power in attributes and _number(attributes[power]) > 0:
            return _number(attributes[size]) * 10 / _number(attributes[power])
    return None


def same_size(one: float, other: float) -> bool:
    """Whether tiles are of one size in the tissue; scanners' 20× are some per cent apart."""
    return max(one, other) <= _SAME_SIZE * min(one, other)


def _number(value: Any) -> float:
    return float(np.ravel(value)[0])


def is_feature_file(path: Path) -> bool:
    """By its ending, else by its first bytes."""
    if path.suffix.lower() in FEATURE_ENDINGS:
        return True
    with path.open("rb") as stream:
        return stream.read(8) == b"\x89HDF\r\n\x1a\n"


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _refuse_one_place(file: FeatureFile) -> None:
    """Tiles that lie at the same place: files put together, or coordinates that were never written.

    Raises:
        FeatureFileError: more than half of the tiles lie where another does.
    """
    places = file.coords()
    if places is None or len(places) < 2:
        return
    distinct = len(np.unique(places, axis=0))
    if distinct <= len(places) / 2:
        raise FeatureFileError(f"{file.path.name}: its {len(places)} tiles lie at {distinct} places (`coords`)")


def summarise(file: FeatureFile) -> NDArray[np.float32]:
    """Mean and standard deviation over the tiles, ``(2, feature)``.

    Raises:
        FeatureFileError: a value is not finite, and the message names its row and column; all tiles are the same, or
            many are 0; or most lie where others do.
    """
    total, square, start = np.zeros(file.width), np.zeros(file.width), 0
    first: NDArray[np.float32] = np.zeros(file.width, dtype=np.float32)
    same, blank = True, 0
    for chunk in file.chunks():
        wrong = np.argwhere(~np.isfinite(chunk))
        if len(wrong):
            row, column = wrong[0]
            raise FeatureFileError(
                f"{file.path.name}: `{file.key}` is {chunk[row, column]} in row {start + row}, column {column}"
                f" ({len(np.unique(wrong[:, 0]))} such rows among the next {len(chunk)})"
            )
        first = chunk[0] if start == 0 else first
        blank += int((~chunk.any(axis=1)).sum())
        same = same and bool((chunk == first).all())
        total += chunk.sum(axis=0, dtype=np.float64)
        square += np.square(chunk, dtype=np.float64).sum(axis=0)
        start += len(chunk)
    if same and file.rows > 1:
        raise FeatureFileError(f"{file.path.name}: all its {file.rows} tiles have the same features")
    if blank > max(1, _BLANK * file.rows):
        raise FeatureFileError(
            f"{file.path.name}: {blank} of its {file.rows} tiles have no feature but 0, as bags that were padded"
        )
    _refuse_one_place(file)
    mean = total / file.rows
    return np.stack([mean, np.sqrt(np.maximum(square / file.rows - mean**2, 0))]).astype(np.float32)
