from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv
from PIL import Image
from scipy import ndimage

from data_modules.ingest.slides.settings import TissueSettings
from data_modules.ingest.slides.tissue import (
    TissueMask,
    _drop_small,
    _fill_holes,
    _local_laplacian,
    _pen,
    _red_ink,
    _rims,
    _saturation_threshold,
    find_tissue,
)

MPP = 4.0


@pytest.fixture
def pixels() -> np.ndarray:
    """Glass 200×200 at 4 microns per pixel, with textured pink in rows 50–150 and columns 40–140."""
    rng = np.random.default_rng(3)
    drawn = np.full((200, 200, 3), 243, dtype=np.uint8)
    drawn[50:150, 40:140] = np.clip(np.array([200, 110, 170]) + rng.integers(-40, 41, (100, 100, 1)), 0, 255)
    return drawn


def test_tissue_is_where_it_was_drawn(pixels: np.ndarray) -> None:
    mask = find_tissue(pixels, mpp=MPP, settings=TissueSettings())
    assert mask.kept[55:145, 45:135].all()
    outside = np.ones((200, 200), dtype=bool)
    outside[47:153, 37:143] = False
    assert not mask.kept[outside].any()
    # 100 × 100 pixels of 16 square microns.
    assert mask.tissue_mm2 == pytest.approx(0.16, rel=0.08)
    assert all(mask.share(name) < 0.01 for name in ("pen", "fold", "blur", "bubble"))


def test_glass_alone_has_no_tissue() -> None:
    noise = np.random.default_rng(0).integers(238, 246, (150, 150, 3), dtype=np.uint8)
    mask = find_tissue(noise, mpp=MPP, settings=TissueSettings())
    assert not mask.kept.any()
    assert np.isnan(mask.sharpness)
    blank = find_tissue(np.full((50, 50, 3), 255, np.uint8), mpp=MPP, settings=TissueSettings())
    assert not blank.kept.any()


@pytest.mark.parametrize("ink", [(30, 60, 190), (20, 150, 60), (25, 25, 28), (218, 24, 24)])
def test_ink_is_rejected_on_glass_and_on_tissue(pixels: np.ndarray, ink: tuple[int, int, int]) -> None:
    pixels[90:102, 10:180] = ink
    mask = find_tissue(pixels, mpp=MPP, settings=TissueSettings())
    assert mask.artefacts["pen"][90:102, 12:178].all()
    assert not mask.kept[90:102].any()
    assert mask.kept[55:80, 45:135].all()
    kept = find_tissue(pixels, mpp=MPP, settings=TissueSettings(reject=()))
    assert not kept.artefacts


@pytest.mark.parametrize("colour", [(152, 8, 40), (176, 30, 75), (200, 60, 90), (120, 80, 30)])
def test_blood_and_brown_pigment_are_no_ink(pixels: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Colours of real tiles of haemorrhage, as red as ink, and of a pigment."""
    pixels[90:102, 45:135] = colour
    mask = find_tissue(pixels, mpp=MPP, settings=TissueSettings())
    assert not mask.artefacts["pen"].any()


def test_a_fold_is_rejected(pixels: np.ndarray) -> None:
    pixels[60:140, 80:90] = (70, 10, 60)  # twice the optical density: saturated and dark
    mask = find_tissue(pixels, mpp=MPP, settings=TissueSettings())
    assert mask.artefacts["fold"][65:135, 82:88].all()
    assert not mask.kept[65:135, 82:88].any()
    assert mask.kept[65:135, 100:130].all()


def test_what_is_out_of_focus_is_rejected(pixels: np.ndarray) -> None:
    pixels[50:150, 40:90] = ndimage.gaussian_filter(pixels[50:150, 40:90], sigma=(3, 3, 0))
    mask = find_tissue(pixels, mpp=MPP, settings=TissueSettings())
    assert mask.artefacts["blur"][75:125, 55:70].all()
    assert not mask.artefacts["blur"][75:125, 105:130].any()


def test_the_rim_of_an_air_bubble_is_rejected(pixels: np.ndarray) -> None:
    rows, columns = np.mgrid[0:200, 0:200]
    distance = np.hypot(rows - 172, columns - 172)
    pixels[(distance < 24) & (distance > 20)] = (150, 90, 140)
    mask = find_tissue(pixels, mpp=MPP, settings=TissueSettings(reject=("bubble",)))
    assert mask.artefacts["bubble"][(distance < 23) & (distance > 21)].all()
    assert not mask.kept[150:, 150:].any()
    assert mask.kept[55:145, 45:135].all()


def test_dust_goes_and_small_holes_close(pixels: np.ndarray) -> None:
    pixels[10:16, 10:16] = (180, 90, 150)  # 576 square microns
    pixels[70:76, 70:76] = 243
    pixels[100:130, 100:130] = 243  # 14,400 square microns
    mask = find_tissue(pixels, mpp=MPP, settings=TissueSettings(reject=()))
    assert not mask.kept[:30, :30].any()
    assert mask.kept[70:76, 70:76].all()
    assert not mask.kept[105:125, 105:125].any()


def test_a_fixed_threshold_is_used_as_given(pixels: np.ndarray) -> None:
    assert find_tissue(pixels, mpp=MPP, settings=TissueSettings(saturation=0.9)).tissue_mm2 == 0
    assert find_tissue(pixels, mpp=MPP, settings=TissueSettings(saturation=0.2)).threshold == 0.2


@pytest.mark.parametrize("name", ["TCGA-A7-A13E-01Z-00-DX1", "TCGA-AR-A1AS-01Z-00-DX1"])
def test_real_tissue_without_glass_is_kept(name: str, root: Path) -> None:
    file = root.parent / "shared/data/histology/monuseg_breast" / f"{name}.png"
    if not file.is_file():
        pytest.skip(f"{file.name} is not on this machine")
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB").reduce(16))
    mask = find_tissue(pixels, mpp=4.0, settings=TissueSettings())
    assert mask.kept.mean() > 0.9


def test_real_blood_is_kept_and_red_ink_over_real_tissue_is_found(root: Path) -> None:
    import openslide

    folder = root.parent / "shared/data/histology"
    if not folder.is_dir():
        pytest.skip(f"{folder.name} is not on this machine")
    for file in sorted((folder / "tiles150/haemorrhage").iterdir())[:20]:
        with Image.open(file) as image:
            tile = np.asarray(image.convert("RGB").reduce(8))
        assert find_tissue(tile, mpp=4.0, settings=TissueSettings()).share("pen") == 0, file.name
    with openslide.OpenSlide(str(folder / "cmu_small_region.svs")) as slide:
        pixels = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB").reduce(8)).copy()
    assert find_tissue(pixels, mpp=4.0, settings=TissueSettings()).share("pen") < 0.001
    stroke = np.s_[100:130, 40:240]
    pixels[stroke] = pixels[stroke] * np.array([0.9, 0.1, 0.1])  # a marker's transmission, over tissue and glass
    mask = find_tissue(pixels, mpp=4.0, settings=TissueSettings())
    assert mask.artefacts["pen"][stroke].mean() > 0.99
    assert not mask.kept[stroke].any()


def test_red_ink_is_told_by_the_pixels_own_green_and_blue() -> None:
    """Of every red pixel: its optical density in blue exceeds 3/4 of that in green, though only hue, saturation and
    value are at hand."""
    pixels = np.random.default_rng(0).integers(0, [256, 90, 90], (300, 300, 3), dtype=np.uint8)
    hue, saturation, value = np.moveaxis(rgb_to_hsv(pixels / 255), -1, 0)
    _, green, blue = np.moveaxis(pixels.astype(np.float64), -1, 0)
    red = (saturation > 0.6) & ((hue > 0.93) | (hue < 0.02))
    more = 0.75 * np.log((green + 1) / 256) - np.log((blue + 1) / 256)
    clear = np.abs(more) > 1e-9  # 0 and 3, 15 and 31 are on the line itself
    assert red.sum() > 1000 and 0.1 < (more[red] > 0).mean() < 0.9
    assert (_red_ink(hue, saturation, value) == (red & (more > 0)))[clear].all()


@pytest.mark.parametrize(
    ("hue", "saturation", "value", "pen"),
    [
        (0.20, 0.50, 0.9, False), (0.21, 0.50, 0.9, True), (0.51, 0.21, 0.9, True), (0.51, 0.20, 0.9, False),
        (0.52, 0.40, 0.9, False), (0.52, 0.41, 0.9, True), (0.654, 0.41, 0.9, True), (0.655, 0.41, 0.9, False),
        (0.80, 0.34, 0.29, True), (0.80, 0.35, 0.29, False), (0.80, 0.34, 0.30, False),
    ],
)  # fmt: skip
def test_which_colours_are_ink(hue: float, saturation: float, value: float, pen: bool) -> None:
    """Green, blue and black, to the bounds."""
    hue_, saturation_, value_ = (np.full((9, 9), one, dtype=np.float32) for one in (hue, saturation, value))
    assert _pen(hue_, saturation_, value_, mpp=5.0).any() == pen


def test_ink_is_wider_than_a_few_cells_and_is_taken_with_its_rim() -> None:
    """At 2.5 microns a radius of 2 pixels: strokes of 5 pixels stay and grow by 5 on either side, those of 4 go."""
    colour = {"saturation": np.full((40, 30), 0.9, np.float32), "value": np.full((40, 30), 0.9, np.float32)}
    for width, found in ((5, slice(10, 25)), (4, slice(0, 0))):
        hue = np.full((40, 30), 0.8, dtype=np.float32)
        hue[:, 15 : 15 + width] = 0.6
        row = _pen(hue, mpp=2.5, **colour)[20]
        assert np.flatnonzero(row).tolist() == list(range(30))[found]


def test_pieces_and_holes_by_their_number_of_pixels() -> None:
    mask = np.zeros((8, 9), dtype=bool)
    mask[1, 1] = mask[2, 2] = mask[3, 3] = True  # three pixels, corner to corner
    mask[6, 6:8] = True
    assert np.array_equal(_drop_small(mask, 2), mask)
    three = mask.copy()
    three[6] = False
    assert np.array_equal(_drop_small(mask, 2.5), three) and np.array_equal(_drop_small(mask, 3), three)
    assert not _drop_small(mask, 4).any()
    holed = np.ones((8, 9), dtype=bool)
    holed[2, 2:4] = False
    holed[5, 4:7] = False
    holed[0, 6] = holed[4, 0] = holed[7, 3] = holed[3, 8] = False  # at each border: no holes
    holed[3, 4] = False  # beside the first corner to corner: a hole of its own
    filled = _fill_holes(holed, 2)
    assert filled[2, 2:4].all() and filled[3, 4] and not filled[5, 4:7].any()
    assert not (filled[0, 6] or filled[4, 0] or filled[7, 3] or filled[3, 8])
    assert np.array_equal(_fill_holes(holed, 1)[2, 2:4], [False, False])


def test_rings_are_rims_by_their_share_of_what_they_enclose() -> None:
    """The border of a square of n by n has 4n - 4 of n² pixels: 36 % of n = 10, 33 % of n = 11."""
    found = np.zeros((30, 40), dtype=bool)
    for left, side in ((1, 10), (20, 11)):
        found[5 : 5 + side, left : left + side] = True
        found[6 : 4 + side, left + 1 : left + side - 1] = False
    rims = _rims(found)
    assert not rims[:, :15].any() and np.array_equal(rims[:, 15:], found[:, 15:])


def test_sharpness_by_hand() -> None:
    """A bright green point has -4 of its height there and 1 at its four neighbours; their mean square in 3 × 3."""
    thumbnail = np.full((9, 9, 3), 100, dtype=np.uint8)
    thumbnail[4, 4, 1] = 200
    sharp = _local_laplacian(thumbnail, window=3)
    assert sharp[4, 4] == pytest.approx(58.7 * np.sqrt(20 / 9), rel=1e-5)
    assert sharp[3, 3] == pytest.approx(58.7 * np.sqrt(18 / 9), rel=1e-5)
    assert sharp[2, 4] == pytest.approx(58.7 * np.sqrt(1 / 9), rel=1e-5)
    assert sharp[0, 0] == pytest.approx(0, abs=1e-3)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        one = np.zeros((9, 9, 3), dtype=np.uint8)
        one[4, 4, channel] = 100
        assert _local_laplacian(one, window=1)[4, 4] == pytest.approx(400 * weight, rel=1e-5)


def test_shares_by_hand() -> None:
    found = np.zeros((4, 5), dtype=bool)
    found[:2] = True
    pen = np.zeros((4, 5), dtype=bool)
    pen[2, :4] = True
    mask = TissueMask(kept=found, found=found, artefacts={"pen": pen}, mpp=100.0, threshold=0.1, sharpness=1.0)
    assert mask.share("pen") == pytest.approx(4 / 20) and mask.share("blur") == 0
    assert mask.share_of_found("pen") == pytest.approx(4 / 14) and mask.share_of_found("fold") == 0
    assert mask.tissue_mm2 == pytest.approx(10 * 0.01)


def test_otsus_threshold_counts_between_glass_and_stroma_alone() -> None:
    saturation = np.full((10, 10), 0.02, dtype=np.float32)
    assert _saturation_threshold(saturation, "otsu") == 0.12
    for low, threshold in ((0.02, 0.06), (0.3, 0.12)):
        saturation[:5], saturation[5:] = low, 0.9
        assert _saturation_threshold(saturation, "otsu") == pytest.approx(threshold)
    assert _saturation_threshold(saturation, 0.3) == 0.3
