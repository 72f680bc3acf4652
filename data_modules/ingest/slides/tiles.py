"""A grid of tiles over tissue: which squares hold enough of it, which of them are taken, and their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import openslide
    from numpy.typing import NDArray
    from PIL.Image import Image

    from data_modules.ingest.slides.settings import TileSettings
    from data_modules.ingest.slides.tissue import TissueMask


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Tiles over one slide.

    Attributes:
        coords: ``(tile, 2)`` x and y of the upper left corners in level-0 pixels, row by row.
        tissue: ``(tile,)`` share of each tile's area that is tissue.
        side: side of a tile in level-0 pixels; a fraction where magnifications are not multiples.
    """

    coords: NDArray[np.int64]
    tissue: NDArray[np.float64]
    side: float

    def take(self, rows: NDArray[np.int64]) -> Grid:
        """The same grid with some of its tiles."""
        return Grid(coords=self.coords[rows], tissue=self.tissue[rows], side=self.side)


def tile_grid(mask: TissueMask, *, dimensions: tuple[int, int], mpp: float, settings: TileSettings) -> Grid:
    """Every tile of the regular grid from the slide's corner that lies inside it and holds `min_tissue`.

    Args:
        mask: tissue of the slide, covering it whole.
        dimensions: width and height of level 0 in pixels.
        mpp: microns per pixel of level 0.
        settings: size, resolution, overlap.
    """
    side = settings.size * settings.mpp / mpp
    step = (settings.size - settings.overlap) * settings.mpp / mpp
    axes = [np.rint(np.arange(_fitting(length, side, step)) * step).astype(np.int64) for length in dimensions]
    y, x = np.meshgrid(axes[1], axes[0], indexing="ij")
    coords = np.stack([x.ravel(), y.ravel()], axis=1)
    share = _share_inside(mask.kept, coords, side=side, dimensions=dimensions)
    enough = (share >= settings.min_tissue - 1e-9) & (share > 0)
    return Grid(coords=coords[enough], tissue=share[enough], side=side)


def _fitting(length: int, side: float, step: float) -> int:
    """How many tiles of `side` every `step` fit into `length`; half a pixel of rounding is forgiven."""
    return max(0, int(np.floor((length - side + 0.5) / step)) + 1)


def _share_inside(
    mask: NDArray[np.bool_], coords: NDArray[np.int64], *, side: float, dimensions: tuple[int, int]
) -> NDArray[np.float64]:
    """Share of each square that `mask` covers, exact for fractions of pixels (an interpolated summed-area table)."""
    table = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    table[1:, 1:] = mask.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    scale = np.array([mask.shape[1] / dimensions[0], mask.shape[0] / dimensions[1]])
    low = coords * scale
    high = np.minimum((coords + side) * scale, [mask.shape[1], mask.shape[0]])

    def area(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndimage.map_coordinates(table, [y, x], order=1, mode="nearest"))

    covered = area(high[:, 0], high[:, 1]) - area(low[:, 0], high[:, 1]) - area(high[:, 0], low[:, 1]) + area(*low.T)
    return np.asarray(covered / (side * side * scale.prod()))


def choose_tiles(grid: Grid, *, most: int | None, seed: int) -> Grid:
    """At most `most` tiles, spread evenly: a systematic sample along a Z-order curve from a random start.

    Every tile has the same chance, and neighbours on the curve are neighbours on the slide, so the sample covers the
    tissue without favouring its edges. Same grid, same seed: same tiles.
    """
    number = len(grid.coords)
    if most is None or number <= most:
        return grid
    cells = np.floor(grid.coords / max(grid.side, 1.0)).astype(np.uint64)
    order = np.argsort(_z_order(cells), kind="stable")
    start = np.random.default_rng(seed).random()
    picked = order[((np.arange(most) + start) * number / most).astype(np.int64)]
    return grid.take(np.sort(picked))


def _z_order(cells: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Position on the Z-order (Morton) curve: the bits of column and row interleaved."""
    code = np.zeros(len(cells), dtype=np.uint64)
    for bit in range(24):
        for axis in (0, 1):
            code |= ((cells[:, axis] >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + axis)
    return code


def read_tiles(slide: openslide.OpenSlide, grid: Grid, *, size: int) -> Iterator[NDArray[np.uint8]]:
    """Pixels of the grid's tiles in order, each ``(size, size, 3)`` RGB.

    Reads the coarsest level that is at least as fine as asked for, then reduces by area averaging.
    """
    from PIL import Image as PilImage

    ratio = grid.side / size
    level = slide.get_best_level_for_downsample(ratio + 0.01)
    side = max(1, round(grid.side / slide.level_downsamples[level]))
    for x, y in grid.coords:
        region = slide.read_region((int(x), int(y)), level, (side, side))
        if side == size:
            # A tenth of the reading time goes into conversions by Pillow, which a view needs not.
            pixels = np.asarray(region)
            if pixels.shape[-1] == 3 or pixels[..., 3].min() == 255:
                yield pixels[..., :3]
                continue
        tile = to_rgb(region)
        if side != size:
            method = PilImage.Resampling.BOX if side > size else PilImage.Resampling.BICUBIC
            tile = tile.resize((size, size), method)
        yield np.asarray(tile)


def to_rgb(region: Image) -> Image:
    """RGB of an RGBA region; where nothing was scanned, white as glass is, not black."""
    from PIL import Image as PilImage

    low, _ = region.getchannel("A").getextrema()
    if low == 255:
        return region.convert("RGB")
    glass = PilImage.new("RGBA", region.size, (255, 255, 255, 255))
    return PilImage.alpha_composite(glass, region).convert("RGB")
