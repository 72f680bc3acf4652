"""Nuclei of tiles, of squares of stain whose areas are known."""

from __future__ import annotations

import numpy as np
import pytest

from data_modules.ingest.slides.handcrafted import TILE_FEATURES, _nuclei, pool, pooled_names


def tile(*blocks: tuple[int, int, int, int]) -> np.ndarray:
    """64 × 64 pixels without stain, blocks (top, left, height, width) with stain 1."""
    stain = np.zeros((64, 64), dtype=np.float32)
    for top, left, height, width in blocks:
        stain[top : top + height, left : left + width] = 1
    return stain


def test_nuclei_by_hand() -> None:
    """Half of the stain keeps a block's own pixels through the blur. At 1 micron a pixel an area is its pixels."""
    both = tile((4, 4, 4, 4), (20, 20, 8, 8))
    debris_and_clump = tile((4, 4, 2, 2), (20, 20, 16, 16))
    stains = np.stack([both, np.zeros_like(both), debris_and_clump, 3 * tile((4, 4, 5, 10))])
    density, mean, spread, small, cover, level = _nuclei(stains, mpp=1.0, threshold=0.5).T
    per_tile = 1e6 / 64**2
    assert density[:3] == pytest.approx([2 * per_tile, 0, 0])
    # 16 and 64 µm²: mean 40, spread 24, one of two below 45. What is smaller than 8 or larger than 250 is none.
    assert (mean[0], spread[0], small[0]) == pytest.approx((40, 24, 0.5))
    assert np.isnan(mean[1:3]).all() and np.isnan(spread[1:3]).all() and np.isnan(small[1:3]).all()
    assert cover[:3] == pytest.approx([80 / 64**2, 0, 260 / 64**2])
    assert level[[0, 2]] == pytest.approx([1, 1]) and np.isnan(level[1])


def test_the_smallest_and_the_largest_nucleus_count() -> None:
    """8 and 250 µm² do; at half a micron a pixel an area is a quarter of its pixels."""
    stains = np.stack([tile((4, 4, 2, 4), (20, 20, 10, 25)), tile((4, 4, 9, 5), (20, 20, 6, 6))])
    density, mean, _, small, *_ = _nuclei(stains, mpp=1.0, threshold=0.5).T
    assert density.tolist() == pytest.approx([2e6 / 64**2] * 2)
    assert mean.tolist() == pytest.approx([129, 40.5])
    assert small.tolist() == [0.5, 0.5]  # 45 µm² is no small one
    fine = _nuclei(stains[1:], mpp=0.5, threshold=0.5)[0]
    assert fine[:2] == pytest.approx([2e6 / 32**2, (45 + 36) / 4 / 2])


def test_nuclei_at_the_seam_of_two_tiles_are_two() -> None:
    stains = np.stack([tile((0, 0, 4, 4)), tile((0, 0, 4, 4))])
    assert _nuclei(stains, mpp=1.0, threshold=0.5)[:, 1].tolist() == [16, 16]


def test_features_are_pooled_over_the_tiles_that_have_them() -> None:
    made = pool(np.array([[1, np.nan, np.nan], [3, 5, np.nan]], dtype=np.float32))
    assert made[:5].tolist()[:2] == [2, 5] and made[3:5].tolist() == [1, 0]
    assert np.isnan(made[[2, 5]]).all() and len(made) == 6
    assert pooled_names()[:1] == ["od_red_mean"] and pooled_names()[len(TILE_FEATURES)] == "od_red_std"
