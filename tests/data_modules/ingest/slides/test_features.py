from __future__ import annotations

import numpy as np
import pytest

from data_modules.ingest.slides.handcrafted import (
    TILE_FEATURES,
    haematoxylin_threshold,
    pool,
    pooled_names,
    tile_features,
)
from data_modules.ingest.slides.stain import (
    REFERENCE,
    REFERENCE_MOST,
    StainFit,
    average_stains,
    fit_stains,
    normalise,
)

HAEMATOXYLIN, EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])


def stained(haematoxylin: np.ndarray, eosin: np.ndarray, light: float = 255.0) -> np.ndarray:
    """Tiles ``(tile, 3, H, W)`` by Beer–Lambert's law."""
    density = haematoxylin[:, None] * HAEMATOXYLIN[:, None, None] + eosin[:, None] * EOSIN[:, None, None]
    return np.clip(np.rint(light * np.exp(-density)), 0, 255).astype(np.uint8)


def discs(radius: float, centres: list[tuple[int, int]], side: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[0:side, 0:side]
    drawn = np.zeros((side, side))
    for row, column in centres:
        drawn[np.hypot(rows - row, columns - column) <= radius] = 1.0
    return drawn


def test_nuclei_are_counted_and_measured() -> None:
    big = discs(4.0, [(10, 10), (10, 40), (40, 10), (40, 40)])
    small = discs(2.6, [(r, c) for r in range(6, 60, 12) for c in range(6, 60, 12)])
    nuclei = np.stack([big, small, np.zeros_like(big)])
    tiles = stained(0.1 + 1.2 * nuclei, np.full_like(nuclei, 0.4))
    threshold = haematoxylin_threshold(tiles)
    found = dict(zip(TILE_FEATURES, tile_features(tiles, mpp=1.0, threshold=threshold).T, strict=True))
    area = 64 * 64 / 1e6  # square millimetres
    np.testing.assert_allclose(found["nuclei_per_mm2"], [4 / area, 25 / area, 0], rtol=1e-6)
    np.testing.assert_allclose(
        found["nuclear_area_um2"][:2], [big.sum() / 4, small.sum() / 25], rtol=0.2
    )  # the smoothing moves edges by a fraction of a pixel
    assert np.isnan(found["nuclear_area_um2"][2])
    assert found["small_nuclei_share"][0] == 0 and found["small_nuclei_share"][1] == 1
    assert found["nuclear_cover"][0] == pytest.approx(big.mean(), rel=0.2)
    # Were pixels 2 microns wide: four times the area, a quarter of the density.
    coarse = dict(zip(TILE_FEATURES, tile_features(tiles, mpp=2.0, threshold=threshold).T, strict=True))
    np.testing.assert_allclose(coarse["nuclear_area_um2"][:2], 4 * found["nuclear_area_um2"][:2], rtol=1e-5)
    np.testing.assert_allclose(coarse["nuclei_per_mm2"], found["nuclei_per_mm2"] / 4, rtol=1e-5)


def test_nuclei_of_neighbouring_tiles_do_not_join() -> None:
    half = np.zeros((64, 64))
    half[:5, 20:28] = 1.0
    other = np.zeros((64, 64))
    other[:5, 20:28] = 1.0
    tiles = stained(0.1 + 1.2 * np.stack([half, other]), np.full((2, 64, 64), 0.4))
    counts = tile_features(tiles, mpp=1.0, threshold=haematoxylin_threshold(tiles))
    assert np.array_equal(counts[0], counts[1], equal_nan=True)


def test_colour_by_hand() -> None:
    tile = np.empty((1, 3, 16, 16), dtype=np.uint8)
    tile[0, 0], tile[0, 1], tile[0, 2] = 199, 99, 149
    found = dict(zip(TILE_FEATURES, tile_features(tile, mpp=1.0, threshold=np.inf)[0], strict=True))
    # Optical density −ln((I + 1) / 256).
    np.testing.assert_allclose(
        [found["od_red"], found["od_green"], found["od_blue"]], [0.246860, 0.940007, 0.534542], rtol=1e-5
    )
    assert found["haematoxylin_spread"] == pytest.approx(0, abs=1e-6)
    # One grey level: no contrast, all energy.
    assert [found["glcm_contrast"], found["glcm_homogeneity"], found["glcm_energy"]] == [0, 1, 1]


def test_texture_sees_contrast() -> None:
    flat = np.full((64, 64), 0.4)
    stripes = np.where(np.arange(64)[None, :] // 2 % 2 == 0, 0.1, 0.9) * np.ones((64, 1))
    tiles = stained(np.stack([flat, stripes]), np.full((2, 64, 64), 0.3))
    found = dict(zip(TILE_FEATURES, tile_features(tiles, mpp=1.0, threshold=np.inf).T, strict=True))
    assert found["glcm_contrast"][1] > 5 + found["glcm_contrast"][0]
    assert found["glcm_energy"][1] < found["glcm_energy"][0]


def test_pooling_by_hand_leaves_out_what_is_unknown() -> None:
    features = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(pool(features), [2.0, 5.0, np.nan, 1.0, 0.0, np.nan])
    assert len(pooled_names()) == 2 * len(TILE_FEATURES) == len(set(pooled_names()))


def test_pooling_does_not_see_the_order_of_tiles() -> None:
    features = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    np.testing.assert_allclose(pool(features), pool(features[::-1]), rtol=1e-6)
    np.testing.assert_allclose(pool(features)[5:], features.std(axis=0), rtol=1e-5)


@pytest.fixture
def amounts() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    nuclear = rng.random((6, 48, 48)) < 0.4
    haematoxylin = np.where(nuclear, rng.uniform(0.8, 1.4, nuclear.shape), 0.0)
    eosin = np.where(nuclear, 0.0, rng.uniform(0.4, 1.0, nuclear.shape))
    return haematoxylin, eosin


def test_stains_of_a_known_mixture_are_found(amounts: tuple[np.ndarray, np.ndarray]) -> None:
    fit = fit_stains(stained(*amounts, light=240.0))
    assert fit is not None
    for column, truth in enumerate((HAEMATOXYLIN, EOSIN)):
        cosine = fit.matrix[:, column] @ truth / np.linalg.norm(truth)
        assert cosine > 0.995


def test_stains_agree_with_monai() -> None:
    from monai.apps.pathology.transforms.stain.array import ExtractHEStains

    rng = np.random.default_rng(5)
    # Haematoxylin everywhere: MONAI drops pixels that are pale in any channel.
    tiles = stained(rng.uniform(0.6, 1.6, (6, 48, 48)), rng.uniform(0.2, 1.0, (6, 48, 48)), 240.0)
    fit = fit_stains(tiles)
    assert fit is not None
    picture = np.moveaxis(tiles, 1, -1).reshape(-1, tiles.shape[-1], 3)
    theirs = ExtractHEStains(tli=240, alpha=1, beta=0.15)(picture)
    # The same two vectors; MONAI's order depends on the eigenvectors' arbitrary sign.
    np.testing.assert_allclose(np.sort(fit.matrix, axis=1), np.sort(theirs, axis=1), atol=1e-4)


def test_normalising_brings_two_stainings_together(amounts: tuple[np.ndarray, np.ndarray]) -> None:
    haematoxylin, eosin = amounts
    pale, dark = stained(0.6 * haematoxylin, 0.7 * eosin, 240.0), stained(1.2 * haematoxylin, 1.3 * eosin, 240.0)
    before = np.abs(pale.astype(int) - dark).mean()
    fits = [fit_stains(pale), fit_stains(dark)]
    after = np.abs(normalise(pale, fits[0]).astype(int) - normalise(dark, fits[1])).mean()  # type: ignore[arg-type]
    assert after < 0.15 * before


def test_the_reference_is_left_as_it_is() -> None:
    rng = np.random.default_rng(0)
    amount = rng.uniform(0.1, 1.0, (2, 2, 32, 32)) * REFERENCE_MOST[:, None, None]
    density = np.einsum("cs,tsyx->tcyx", REFERENCE, amount)
    tiles = np.clip(240 * np.exp(-density), 0, 255).astype(np.uint8)
    again = normalise(tiles, StainFit(matrix=REFERENCE, most=REFERENCE_MOST))
    assert np.abs(again.astype(int) - tiles).max() <= 2


def test_glass_has_no_stains() -> None:
    assert fit_stains(np.full((2, 3, 16, 16), 245, dtype=np.uint8)) is None


def test_texture_by_hand() -> None:
    """Columns of two colours in turn. One pixel aside, three of the four directions meet the other colour; two pixels
    aside, the diagonals alone do, by one row and one column."""
    from skimage.color import rgb2hed

    pair = np.array([[[140, 100, 170], [220, 190, 230]]], dtype=np.uint8)
    dark, pale = (int(np.clip(one / 0.2 * 16, 0, 15)) for one in rgb2hed(pair)[0, :, 0])
    assert 0 < pale < dark < 15
    tile = np.tile(pair[0].T[None, :, None, :], (1, 1, 16, 8))
    for mpp, differ in ((2.0, 0.75), (1.0, 0.5), (1.4, 0.75)):
        found = dict(zip(TILE_FEATURES, tile_features(tile, mpp=mpp, threshold=np.inf)[0], strict=True))
        assert found["glcm_contrast"] == pytest.approx(differ * (dark - pale) ** 2)
        assert found["glcm_homogeneity"] == pytest.approx(1 - differ + differ / (1 + (dark - pale) ** 2))
        assert found["glcm_energy"] == pytest.approx(np.sqrt(0.5), abs=0.01)
        assert found["glcm_correlation"] == pytest.approx(1 - 2 * differ, abs=0.01)


@pytest.mark.parametrize(
    ("height", "width", "mpp", "counts", "small"),
    [
        (8, 4, 0.5, True, True),  # 32 pixels of 0.25 square microns: 8, the least of a nucleus
        (7, 4, 0.5, False, True),
        (8, 5, 2.5, True, False),  # 40 of 6.25: 250, the most
        (9, 5, 2.5, False, False),
        (5, 4, 1.5, True, False),  # 20 of 2.25: 45, no small one any more
        (4, 4, 1.5, True, True),
    ],
)
def test_which_pieces_are_nuclei(height: int, width: int, mpp: float, counts: bool, small: bool) -> None:
    """A stripe from edge to edge has as many pixels above half its height as were drawn, smoothed or not."""
    drawn = np.zeros((2, height, 24))
    drawn[1, :, 8 : 8 + width] = 1.0
    tiles = stained(0.1 + 1.2 * drawn, np.full_like(drawn, 0.4))
    heights = np.array([stained(np.array([[[one]]]), np.array([[[0.4]]])) for one in (0.1, 1.3)])[:, 0]
    low, high = (float(haematoxylin(one)) for one in heights)
    found = dict(zip(TILE_FEATURES, tile_features(tiles, mpp=mpp, threshold=(low + high) / 2).T, strict=True))
    assert found["nuclei_per_mm2"] == pytest.approx([0, counts / (height * 24 * mpp**2 / 1e6)])
    assert found["nuclear_cover"] == pytest.approx([0, width / 24])
    assert found["nuclear_stain"][1] == pytest.approx(high, rel=1e-5)
    if counts:
        assert found["nuclear_area_um2"][1] == pytest.approx(height * width * mpp**2)
        assert found["nuclear_area_spread"][1] == 0 and found["small_nuclei_share"][1] == small
    else:
        assert np.isnan(found["nuclear_area_um2"][1])


def haematoxylin(pixel: np.ndarray) -> float:
    from skimage.color import rgb2hed

    return float(rgb2hed(pixel.reshape(1, 1, 3))[0, 0, 0])


def test_the_threshold_of_nuclei_parts_two_stains_and_is_none_of_one() -> None:
    drawn = np.zeros((1, 16, 16))
    assert haematoxylin_threshold(stained(drawn + 0.3, drawn + 0.4)) == np.inf
    drawn[:, :, 8:] = 1.0
    tiles = stained(0.1 + 1.2 * drawn, drawn * 0 + 0.4)
    low, high = (haematoxylin(tiles[0, :, 0, column]) for column in (0, 15))
    assert low < haematoxylin_threshold(tiles) < high
    assert haematoxylin_threshold(np.full((1, 3, 8, 8), 255, np.uint8)) == np.inf


def test_stains_of_several_slides_in_one_by_hand() -> None:
    one = StainFit(matrix=np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), most=np.array([1.0, 2.0]))
    two = StainFit(matrix=np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), most=np.array([3.0, 2.5]))
    more = average_stains([one, two, StainFit(matrix=one.matrix, most=np.array([9.0, 9.0]))])
    assert more is not None and average_stains([]) is None
    # Mean of (1, 0), (0, 1), (1, 0): (2, 1) / 3, of length √5 / 3.
    assert more.matrix[:, 0] == pytest.approx(np.array([2, 1, 0]) / np.sqrt(5))
    assert more.matrix[:, 1] == pytest.approx([0, 1, 0])
    assert more.most.tolist() == [3.0, 2.5]


def test_too_few_coloured_pixels_tell_no_stains(amounts: tuple[np.ndarray, np.ndarray]) -> None:
    """A hundred coloured pixels are enough."""
    both = stained(*amounts, light=240.0)[0].reshape(3, -1)
    density = np.linalg.norm(-np.log((both + 1.0) / 240), axis=0)
    coloured = both[:, density > 0.15][:, :100]
    assert coloured.shape == (3, 100)
    glass = np.full((3, 44), 250, dtype=np.uint8)
    enough = np.concatenate([coloured, glass], axis=1).reshape(1, 3, 12, 12)
    assert fit_stains(enough) is not None
    few = np.concatenate([coloured[:, 1:], glass, glass[:, :1]], axis=1).reshape(1, 3, 12, 12)
    assert fit_stains(few) is None
    assert fit_stains(np.full((1, 3, 12, 12), 120, dtype=np.uint8)) is None, "one colour has no two directions"
