from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from data_modules.ingest.slides.settings import TileSettings
from data_modules.ingest.slides.tiles import Grid, _share_inside, choose_tiles, read_tiles, tile_grid, to_rgb
from data_modules.ingest.slides.tissue import TissueMask


def mask_of(kept: np.ndarray, mpp: float = 4.0) -> TissueMask:
    return TissueMask(kept=kept, found=kept, artefacts={}, mpp=mpp, threshold=0.1, sharpness=50.0)


def rectangle(left: int, top: int, right: int, bottom: int, *, downsample: int = 8, side: int = 1024) -> TissueMask:
    kept = np.zeros((side // downsample, side // downsample), dtype=bool)
    kept[top // downsample : bottom // downsample, left // downsample : right // downsample] = True
    return mask_of(kept)


def count(mask: TissueMask, *, slide_mpp: float = 0.5, **settings: object) -> int:
    grid = tile_grid(mask, dimensions=(1024, 1024), mpp=slide_mpp, settings=TileSettings(**settings))  # type: ignore[arg-type]
    return len(grid.coords)


def test_tiles_of_a_rectangle_counted_by_hand() -> None:
    # 512 × 384 pixels of tissue, tiles of 64 pixels at 1 micron = 128 pixels at 0.5: 4 × 3.
    mask = rectangle(128, 256, 640, 640)
    grid = tile_grid(mask, dimensions=(1024, 1024), mpp=0.5, settings=TileSettings())
    assert len(grid.coords) == 12
    assert grid.side == 128
    assert grid.coords.tolist()[:5] == [[128, 256], [256, 256], [384, 256], [512, 256], [128, 384]]
    np.testing.assert_allclose(grid.tissue, 1.0)
    # The same squares by another resolution.
    assert count(mask, size=32, mpp=2.0) == 12
    # Half as many pixels a side: 8 × 6.
    assert count(mask, size=32, mpp=1.0) == 48
    # Were these pixels 0.25 microns: squares of 256 pixels, of which only the one from (256, 256) lies inside.
    assert count(mask, slide_mpp=0.25, min_tissue=0.9) == 1


def test_overlap_counted_by_hand() -> None:
    # Steps of 64 pixels: (512 - 128) / 64 + 1 = 7 by (384 - 128) / 64 + 1 = 5 squares wholly inside.
    assert count(rectangle(128, 256, 640, 640), overlap=32, min_tissue=1.0) == 35


def test_share_of_tissue_is_exact_between_mask_pixels() -> None:
    # Tissue from x = 160: three quarters of the tiles from 128 to 256.
    mask = rectangle(160, 256, 640, 640)
    assert count(mask, min_tissue=0.75) == 12
    assert count(mask, min_tissue=0.76) == 9
    # A mask pixel of 32 × 32 covers four tiles of 16: each is tissue, whichever quarter it is.
    coarse = np.zeros((32, 32), dtype=bool)
    coarse[4, 4] = True
    grid = tile_grid(mask_of(coarse), dimensions=(1024, 1024), mpp=0.5, settings=TileSettings(size=8, min_tissue=1.0))
    assert sorted(grid.coords.tolist()) == [[128, 128], [128, 144], [144, 128], [144, 144]]


def test_no_tile_reaches_beyond_the_slide() -> None:
    full = mask_of(np.ones((125, 125), dtype=bool))
    for mpp in (0.5, 0.499, 0.23):
        grid = tile_grid(full, dimensions=(1000, 1000), mpp=mpp, settings=TileSettings())
        assert len(grid.coords) == int((1000 + 0.5) // grid.side) ** 2
        assert (grid.coords + grid.side <= 1001).all()
    assert not len(tile_grid(full, dimensions=(100, 100), mpp=0.5, settings=TileSettings()).coords)


def whole_grid(columns: int = 40, rows: int = 30) -> Grid:
    y, x = np.mgrid[0:rows, 0:columns] * 128
    coords = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.int64)
    return Grid(coords=coords, tissue=np.ones(len(coords)), side=128.0)


def test_a_choice_is_the_same_again_and_differs_by_seed() -> None:
    grid = whole_grid()
    first, again = choose_tiles(grid, most=32, seed=5), choose_tiles(grid, most=32, seed=5)
    assert np.array_equal(first.coords, again.coords)
    assert not np.array_equal(first.coords, choose_tiles(grid, most=32, seed=6).coords)
    assert choose_tiles(grid, most=None, seed=5) is grid
    assert choose_tiles(grid, most=5000, seed=5) is grid


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("most", [1, 7, 32, 1199])
def test_a_choice_has_no_tile_twice(seed: int, most: int) -> None:
    chosen = choose_tiles(whole_grid(), most=most, seed=seed).coords
    assert len(np.unique(chosen, axis=0)) == most


def test_a_choice_is_spread_and_fair() -> None:
    grid = whole_grid(32, 32)
    drawn = [choose_tiles(grid, most=64, seed=seed) for seed in range(200)]
    # 64 of 32 × 32 in Z-order: exactly one in each square of 4 × 4 tiles.
    for chosen in drawn[:20]:
        squares = np.unique(chosen.coords // 512, axis=0)
        assert len(squares) == 64
    taken = np.zeros((32, 32))
    for chosen in drawn:
        taken[chosen.coords[:, 1] // 128, chosen.coords[:, 0] // 128] += 1
    # Each tile is drawn with chance 1/16: 12.5 of 200, standard deviation 3.4.
    assert taken.min() > 0 and taken.max() < 30


def test_pixels_are_those_of_the_place(tmp_path: Path, write_slide: Callable[..., Path]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    half = np.asarray(Image.fromarray(pixels).reduce(2))
    coords = np.array([[128, 256], [512, 640]], dtype=np.int64)
    grid = Grid(coords=coords, tissue=np.ones(2), side=128.0)
    with openslide.OpenSlide(str(write_slide(tmp_path / "a.tif", pixels))) as slide:
        # A level of just this resolution is read as it is.
        tiles = list(read_tiles(slide, grid, size=64))
        assert np.array_equal(tiles[0], half[128:192, 64:128])
        assert np.array_equal(tiles[1], half[320:384, 256:320])
        full = list(read_tiles(slide, grid, size=128))
        assert np.array_equal(full[0], pixels[256:384, 128:256])
    with openslide.OpenSlide(str(write_slide(tmp_path / "b.tif", pixels, levels=1))) as slide:
        # Without such a level: the mean of each 2 × 2 pixels.
        averaged = next(read_tiles(slide, grid, size=64)).astype(int)
        mean = pixels[256:384, 128:256].reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(averaged - mean).max() <= 1


def test_what_was_not_scanned_is_glass() -> None:
    region = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    region.putpixel((1, 2), (10, 20, 30, 255))
    rgb = np.asarray(to_rgb(region))
    assert rgb[2, 1].tolist() == [10, 20, 30]
    assert (rgb[0] == 255).all()


def test_the_share_of_a_tile_where_the_mask_is_scaled_otherwise_along_each_axis() -> None:
    """A slide of 400 × 100 pixels under a mask of 4 columns and 2 rows: cells are 100 wide and 50 high."""
    mask = np.array([[True, False, False, False], [True, True, False, False]])
    coords = np.array([[0, 0], [50, 0], [100, 50], [150, 25], [300, 0]])
    found = _share_inside(mask, coords, side=50, dimensions=(400, 100))
    # The fourth reaches from the upper row, which is empty there, half into the lower one.
    assert found == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.0])
