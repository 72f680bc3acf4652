"""Odd slides: what is left out of them, what is refused, and that each message's own remedy helps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from data_modules.ingest.slides.levels import fits, sound_levels
from data_modules.ingest.slides.ome import read_ome
from data_modules.ingest.slides.tiff_slide import TiffSlide
from data_modules.modalities.slides.slides import Slides

Draw = Callable[..., np.ndarray]
TILE = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib"}
OME = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}


@pytest.fixture(scope="module")
def pixels(draw_tissue: Draw) -> np.ndarray:
    """4 × 4 tiles of tissue at 0.5 microns per pixel."""
    return draw_tissue((128, 256, 640, 768))


def slides(root: Path, **changes: Any) -> Slides:
    source = SimpleNamespace(root=root, cache=root / "cache", simulated=False)
    options: dict[str, Any] = {"files": "slides/*", "tissue": {"reject": ["pen"]}, "workers": 1, "max_failed": 0.0}
    return Slides(name="slides", source=source, **(options | changes))  # type: ignore[arg-type]


def number_of_tiles(made: Slides) -> int:
    assert made.check() == []
    made.prepare(lambda step, done, total: None)
    (entry,) = made.ingested.entries.values()
    return len(entry.coords())


def pages(path: Path, *levels: tuple[np.ndarray, int, float], **options: Any) -> Path:
    """A TIFF of tiled pages: pixels, subfiletype, microns per pixel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as out:
        for page, kind, mpp in levels:
            resolution = {"resolution": (1e4 / mpp,) * 2, "resolutionunit": "CENTIMETER"} if mpp else {}
            out.write(page, **TILE, subfiletype=kind, metadata=None, software=False, **resolution, **options)
    return path


def reduced(pixels: np.ndarray, factor: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).reduce(factor))


def test_which_sizes_are_one_picture_reduced() -> None:
    assert fits((187, 12), (3000, 200)) and fits((188, 13), (3000, 200))  # 16, cut or filled
    assert not fits((640, 512), (3072, 2048)) and not fits((256, 256), (3000, 1600))
    # A label among the levels, of factors 4.8 and 4; the reader takes their mean.
    assert sound_levels([(3072, 2048), (768, 512), (640, 512)], [1, 4, 4.4]) == {0: 1.0, 1: 4}
    # Padded to whole tiles: left out where the factor is a guess, kept where the file says it (Philips).
    assert sound_levels([(3000, 1600), (768, 512)], [1, (3000 / 768 + 1600 / 512) / 2]) == {0: 1.0}
    assert sound_levels([(3000, 1600), (768, 512)], [1, 4.0]) == {0: 1.0, 1: 4.0}


@pytest.mark.parametrize("odd", ["label", "padded"])
def test_a_level_that_does_not_show_the_slide_is_left_out(tmp_path: Path, pixels: np.ndarray, odd: str) -> None:
    wide = np.pad(pixels, ((0, 0), (0, 512), (0, 0)), constant_values=243)
    rest = {
        "label": [(reduced(wide, 4), 1, 2.0), (np.full((256, 320, 3), (200, 90, 150), np.uint8), 1, 2.0)],
        "padded": [(np.pad(reduced(wide, 16), ((0, 64), (0, 160), (0, 0)), constant_values=255), 1, 8.0)],
    }[odd]
    pages(tmp_path / "slides/P1.tif", (wide, 0, 0.5), *rest)
    assert number_of_tiles(slides(tmp_path, tissue={"mpp": 8.0, "reject": ["pen"]})) == 16


def test_the_largest_page_is_the_slide(tmp_path: Path, pixels: np.ndarray) -> None:
    """OpenSlide takes the first tiled page, here the macro."""
    pages(tmp_path / "slides/P1.tif", (reduced(pixels, 4), 0, 2.0), (pixels, 0, 0.5))
    made = slides(tmp_path)
    assert number_of_tiles(made) == 16
    assert made.ingested.entries["P1.tif"].record()["width"] == 1024


@pytest.mark.parametrize("name", ["P1.tif", "P1.ome.tif"])
def test_a_slide_that_was_cut_says_so(tmp_path: Path, pixels: np.ndarray, name: str) -> None:
    path = tmp_path / "slides" / name
    path.parent.mkdir()
    tifffile.imwrite(path, pixels, **TILE, metadata=OME if ".ome" in name else None, ome=".ome" in name)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (problem,) = slides(tmp_path, mpp=0.5).check()
    assert f"is cut short: it has {len(whole) // 2:,} bytes" in problem and "Copy them again" in problem
    path.write_bytes(whole)
    assert slides(tmp_path, mpp=0.5).check() == []


def test_tiles_finer_than_the_slide(tmp_path: Path, pixels: np.ndarray) -> None:
    pages(tmp_path / "slides/P1.tif", (pixels, 0, 2.0))
    (problem,) = slides(tmp_path, tile={"mpp": 0.5}).check()
    assert "P1.tif has 2 microns per pixel, coarser than the 0.5" in problem and "4-fold" in problem
    assert "Set modality.slides.tile.mpp to 2 or more" in problem
    assert slides(tmp_path, tile={"mpp": 2.0}).check() == []
    assert slides(tmp_path, tile={"mpp": 0.5}, mpp={"P1.tif": 0.5}).check() == []


def test_a_resolution_that_cannot_be_is_overruled_by_name_alone(tmp_path: Path, pixels: np.ndarray) -> None:
    pages(tmp_path / "slides/P1.tif", (pixels, 0, 0.025))
    (problem,) = slides(tmp_path, mpp=0.5).check()  # a number is for slides that say nothing
    assert (
        "0.025 microns per pixel" in problem and "a mapping of file name" in problem and "a number does not" in problem
    )
    assert number_of_tiles(slides(tmp_path, mpp={"P1.tif": 0.5})) == 16


def test_objective_power_counts_where_it_is_asked_for(tmp_path: Path, pixels: np.ndarray) -> None:
    head = "Aperio Image Library v11\r\n1024x1024 [0,0 1024x1024] (256x256) JPEG/RGB Q=70|AppMag = 20"
    pages(tmp_path / "slides/P1.svs", (pixels, 0, 0.0), description=head)
    (problem,) = slides(tmp_path).check()
    assert "does not say its microns per pixel (it says 20×)" in problem and "objective_power to true" in problem
    assert number_of_tiles(slides(tmp_path, objective_power=True)) == 16
    assert number_of_tiles(slides(tmp_path, mpp=0.5)) == 16


def test_resolution_and_objective_that_contradict_each_other(tmp_path: Path, pixels: np.ndarray) -> None:
    head = "Aperio Image Library v11\r\n1024x1024 [0,0 1024x1024] (256x256) JPEG/RGB Q=70|AppMag = 20|MPP = 5.0"
    pages(tmp_path / "slides/P1.svs", (pixels, 0, 0.0), description=head)
    (problem,) = slides(tmp_path).check()
    assert "has 5 microns per pixel and an objective of 20×, which gives some 0.5" in problem
    assert number_of_tiles(slides(tmp_path, mpp={"P1.svs": 0.5})) == 16


@pytest.mark.parametrize(
    ("unit", "size"), [("µm", 0.5), ("&#181;m", 0.5), ("&#xB5;m", 0.5), ("μm", 0.5), ("m", 5e-7), ("Å", 5e3)]
)
def test_ome_units(unit: str, size: float) -> None:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        "<Image><Pixels "
        f'SizeX="8" SizeY="4" SignificantBits="12" PhysicalSizeX="{size}" PhysicalSizeXUnit="{unit}" '
        f'PhysicalSizeY="{size}" PhysicalSizeYUnit="{unit}"/></Image></OME>'
    )
    (image,) = read_ome(text)
    assert image.size == (8, 4) and image.bits == 12
    assert image.mpp == pytest.approx((0.5, 0.5))


def test_a_unit_that_is_none_is_quoted(tmp_path: Path, pixels: np.ndarray) -> None:
    (tmp_path / "slides").mkdir()
    said = OME | {"PhysicalSizeXUnit": "pixel", "PhysicalSizeYUnit": "pixel"}
    tifffile.imwrite(tmp_path / "slides/P1.ome.tif", pixels, **TILE, metadata=said, ome=True)
    (problem,) = slides(tmp_path).check()
    assert "'pixel' is no unit of OME's" in problem
    assert slides(tmp_path, mpp=0.5).check() == []


def test_twelve_bits_of_sixteen(tmp_path: Path, pixels: np.ndarray) -> None:
    (tmp_path / "slides").mkdir()
    path = tmp_path / "slides/P1.ome.tif"
    dark = pixels.astype(np.uint16) * 16
    tifffile.imwrite(path, dark, **TILE, metadata=OME | {"SignificantBits": 12}, ome=True)
    made = slides(tmp_path, tile={"mpp": 0.5, "max_tiles": None})
    assert number_of_tiles(made) == 64
    # Tiles of 64 of the slide's own pixels, from x 128 and y 256 on.
    first = made.ingested.entries["P1.ome.tif"].tiles()[0]
    np.testing.assert_array_equal(first.transpose(1, 2, 0), pixels[256:320, 128:192])
    tifffile.imwrite(path, dark, **TILE, metadata=OME, ome=True)
    (problem,) = slides(tmp_path).check()
    assert "samples reach 3,8" in problem and "Write SignificantBits" in problem


def test_samples_that_are_no_rgb(tmp_path: Path, pixels: np.ndarray) -> None:
    (tmp_path / "slides").mkdir()
    path = tmp_path / "slides/P1.ome.tif"
    inks = np.dstack([255 - pixels, np.zeros(pixels.shape[:2], np.uint8)])
    tifffile.imwrite(path, inks, photometric="separated", tile=(128, 128), metadata=OME, ome=True)
    (problem,) = slides(tmp_path).check()
    assert "SEPARATED" in problem
    # A fourth sample of no said meaning is no opacity.
    more = np.dstack([pixels, np.zeros(pixels.shape[:2], np.uint8)])
    tifffile.imwrite(
        path, more, photometric="rgb", extrasamples=["unspecified"], tile=(128, 128), metadata=OME, ome=True
    )
    assert number_of_tiles(slides(tmp_path)) == 16


def test_tissue_that_was_taken_for_pen_is_said(tmp_path: Path, pixels: np.ndarray) -> None:
    blue = pixels[..., [2, 1, 0]].copy()
    blue[..., 0] = np.where(blue[..., 1] < 200, 60, blue[..., 0])
    blue[..., 2] = np.where(blue[..., 1] < 200, 220, blue[..., 2])
    pages(tmp_path / "slides/P1.tif", (blue, 0, 0.5))
    made = slides(tmp_path, max_failed=1.0)
    made.prepare(lambda step, done, total: None)
    (error,) = made.ingested.errors.values()
    assert "was taken for pen. If it is not, take it out of tissue.reject" in error
    assert number_of_tiles(slides(tmp_path, tissue={"reject": []})) == 16


def test_one_slide_under_two_patients_and_names_of_now(tmp_path: Path, pixels: np.ndarray) -> None:
    first = pages(tmp_path / "slides/NAME-P1.tif", (pixels, 0, 0.5))
    slides(tmp_path, patient_pattern=r"P\d").prepare(lambda step, done, total: None)
    first.rename(tmp_path / "slides/P1.tif")
    pages(tmp_path / "slides/P2.tif", (pixels[::-1], 0, 0.5))
    made = slides(tmp_path, patient_pattern=r"P\d")
    assert not made.account.notable
    (tmp_path / "slides/P2.tif").write_bytes((tmp_path / "slides/P1.tif").read_bytes())
    made = slides(tmp_path, patient_pattern=r"P\d")
    assert "P1.tif of P1 = P2.tif of P2" in str(made.account)
    assert made.account.counts["the same under several patients"] == 1
    made.prepare(lambda step, done, total: None)
    table = (made.ingested.folder / "quality.csv").read_text()
    assert "NAME" not in table and "P1.tif" in table and "P2.tif" in table


def test_links_to_nothing_are_named(tmp_path: Path, pixels: np.ndarray) -> None:
    pages(tmp_path / "slides/P1.tif", (pixels, 0, 0.5))
    (tmp_path / "slides/P2.tif").symlink_to(tmp_path / "annex/P2.tif")
    (tmp_path / "slides/P2.json").symlink_to(tmp_path / "annex/P2.json")
    made = slides(tmp_path)
    (problem,) = made.check()
    assert "1 slides are links to nothing (slides/P2.tif → " in problem
    (tmp_path / "slides/P2.tif").unlink()
    made = slides(tmp_path)
    assert made.check() == []
    assert "1 links to nothing (slides/P2.json)" in str(made.account)


@pytest.mark.parametrize("bright", [True, False])
def test_of_a_large_slide_of_one_level_some_tiles_tell_its_depth_the_last_among_them(
    tmp_path: Path, bright: bool
) -> None:
    """4,112 × 4,112 pixels of 16 bits in 81 tiles, dark but for the last tile."""
    pixels = np.zeros((4112, 4112, 3), dtype=np.uint16)
    pixels[4096:, 4096:] = 60000 if bright else 900
    path = tmp_path / "slide.tif"
    tifffile.imwrite(path, pixels, tile=(512, 512), photometric="rgb", compression="zlib", metadata=None)
    if bright:
        with closing(TiffSlide(path)) as slide:
            assert slide.dimensions == (4112, 4112)
        return
    with pytest.raises(ValueError, match="whose samples reach 900 of 65,535"):
        TiffSlide(path)
