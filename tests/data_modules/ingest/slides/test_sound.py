"""Unusual slides that are sound: each is to be read to the values that its maker knows, and never refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from data_modules.modalities.slides.slides import Slides

Draw = Callable[..., np.ndarray]
TILE = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib"}
OME = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
CORNERS = [[x, y] for y in range(256, 768, 128) for x in range(128, 640, 128)]
"""Where the 16 tiles of 64 pixels at 1 micron lie in the slide of `pixels`."""


@pytest.fixture(scope="module")
def pixels(draw_tissue: Draw) -> np.ndarray:
    """4 × 4 tiles of tissue at 0.5 microns per pixel."""
    return draw_tissue((128, 256, 640, 768))


def silent(step: str, done: int, total: int) -> None:
    pass


def slides(root: Path, **changes: Any) -> Slides:
    source = SimpleNamespace(root=root, cache=root / "cache", simulated=False)
    options: dict[str, Any] = {"files": "slides/*", "tissue": {"reject": ["pen"]}, "workers": 1, "max_failed": 0.0}
    return Slides(name="slides", source=source, **(options | changes))  # type: ignore[arg-type]


def corners(root: Path, **changes: Any) -> dict[str, list[list[int]]]:
    """Patient → corners of their tiles, through check and ingest."""
    made = slides(root, **changes)
    assert made.check() == []
    made.prepare(silent)
    fitted = made.fit([], np.zeros(0, dtype=np.int64))
    return {patient: fitted.load(patient).coords.tolist() for patient in sorted(made.patients)}  # type: ignore[union-attr]


def tiff(path: Path, *pages: tuple[np.ndarray, dict[str, Any]], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, **options) as out:
        for page, how in pages:
            out.write(page, **{"photometric": "rgb", **how})
    return path


def level(factor: int, **more: Any) -> dict[str, Any]:
    return {
        **TILE,
        "resolution": (2e4 / factor,) * 2,
        "resolutionunit": "CENTIMETER",
        "subfiletype": int(factor > 1),
        "metadata": None,
        "software": False,
        **more,
    }


def half(pixels: np.ndarray, factor: int = 2) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).reduce(factor))


def test_ome_tiff_with_label_and_macro_behind_the_slide(tmp_path: Path, pixels: np.ndarray) -> None:
    small = {**TILE, "metadata": OME | {"Name": "label image", "PhysicalSizeX": 8.0, "PhysicalSizeY": 8.0}}
    main = {**TILE, "metadata": OME, "subifds": 1}
    tiff(
        tmp_path / "slides/P1.ome.tif",
        (pixels, main),
        (half(pixels), {**TILE, "subfiletype": 1}),
        (half(pixels, 8), small),
        ome=True,
    )
    assert corners(tmp_path, patient_pattern=r"P\d") == {"P1": CORNERS}


def test_ome_tiff_with_its_macro_before_the_slide(tmp_path: Path, pixels: np.ndarray) -> None:
    macro = {**TILE, "metadata": OME | {"Name": "macro", "PhysicalSizeX": 4.0, "PhysicalSizeY": 4.0}}
    main = {**TILE, "metadata": OME | {"Name": "slide"}, "subifds": 1}
    tiff(
        tmp_path / "slides/P1.ome.tif",
        (half(pixels, 8), macro),
        (pixels, main),
        (half(pixels), {**TILE, "subfiletype": 1}),
        ome=True,
    )
    made = slides(tmp_path, patient_pattern=r"P\d")
    made.prepare(silent)
    (entry,) = made.ingested.entries.values()
    assert entry.coords().tolist() == CORNERS
    assert (entry.record()["width"], entry.record()["mpp"]) == (1024, pytest.approx(0.5))


def test_aperio_with_thumbnail_label_and_macro(tmp_path: Path, pixels: np.ndarray) -> None:
    head = "Aperio Image Library v11.2.1\r\n1024x1024 [0,0 1024x1024] (256x256) JPEG/RGB Q=70|AppMag = 20|MPP = 0.5000"
    plain = {"metadata": None, "software": False, "rowsperstrip": 16, "compression": "zlib"}
    tiff(
        tmp_path / "slides/P1.svs",
        (pixels, {**TILE, "metadata": None, "software": False, "description": head}),
        (half(pixels, 8), {**plain, "description": head + "|thumbnail"}),
        (half(pixels), {**TILE, "metadata": None, "software": False, "description": head}),
        (np.full((96, 128, 3), 90, np.uint8), {**plain, "description": "label 128x96", "subfiletype": 1}),
        (np.full((96, 300, 3), 130, np.uint8), {**plain, "description": "macro 300x96", "subfiletype": 9}),
    )
    assert corners(tmp_path, patient_pattern=r"P\d") == {"P1": CORNERS}


def test_two_dicom_slides_in_one_folder(
    tmp_path: Path, pixels: np.ndarray, draw_tissue: Draw, write_dicom_slide: Callable[..., Path]
) -> None:
    """Each is a series of two levels; the files say nothing of it in their names' order."""
    for patient, drawn in (("P1", pixels), ("P2", draw_tissue((256, 256, 512, 512), seed=1))):
        folder = write_dicom_slide(tmp_path / patient, drawn, mpp=0.5, levels=(1, 2))
        (tmp_path / "slides").mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.rename(tmp_path / "slides" / f"{file.stem}_{patient}.dcm")
    found = corners(tmp_path, patient_pattern=r"P\d")
    assert [len(found[patient]) for patient in ("P1", "P2")] == [16, 4]


def test_sixteen_bit_tiles_over_the_whole_range(tmp_path: Path, pixels: np.ndarray) -> None:
    tiff(tmp_path / "slides/P1.ome.tif", (pixels.astype(np.uint16) * 257, {**TILE, "metadata": OME}), ome=True)
    assert corners(tmp_path, patient_pattern=r"P\d") == {"P1": CORNERS}


def test_links_to_slides_and_to_folders_of_them(tmp_path: Path, pixels: np.ndarray) -> None:
    tiff(tmp_path / "store/P1.tif", (pixels, level(1)))
    tiff(tmp_path / "archive/P2/P2.tif", (pixels, level(1, compression=None)))
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides/P1.tif").symlink_to(tmp_path / "store/P1.tif")
    (tmp_path / "slides/P2").symlink_to(tmp_path / "archive/P2")
    assert corners(tmp_path, files="slides/**/*.tif", patient_pattern=r"P\d") == {"P1": CORNERS, "P2": CORNERS}


@pytest.mark.parametrize("up", [False, True], ids=["cut", "filled"])
def test_levels_whose_sizes_are_rounded(tmp_path: Path, draw_tissue: Draw, up: bool) -> None:
    """1023 × 203 pixels: the factors of the last level are 16.2 and 16.9, or 16.0 and 15.6, by rounding alone."""
    drawn = draw_tissue((256, 0, 640, 203), size=(1023, 203))
    grown = np.pad(drawn, ((0, 16), (0, 16), (0, 0)), mode="edge")
    pages = []
    for factor in (1, 4, 16):
        wide, high = (-(-side // factor) if up else side // factor for side in (1023, 203))
        pages.append((half(grown, factor)[:high, :wide] if factor > 1 else drawn, level(factor)))
    tiff(tmp_path / "slides/P1.tif", *pages)
    assert corners(tmp_path, patient_pattern=r"P\d") == {"P1": [[256, 0], [384, 0], [512, 0]]}


def test_pixels_that_are_nearly_square_and_nearly_as_fine_as_asked(tmp_path: Path, pixels: np.ndarray) -> None:
    """Calibrated scanners say 0.5032 by 0.5018 where 0.5 is asked for: nothing is made up by enlarging by 0.5 %."""
    how = level(1, resolution=(1e4 / 0.5032, 1e4 / 0.5018))
    tiff(tmp_path / "slides/P1.tif", (pixels, how))
    found = corners(tmp_path, patient_pattern=r"P\d", tile={"size": 128, "mpp": 0.5})
    assert len(found["P1"]) == 16


def test_names_with_dots_are_patients_without_a_pattern(tmp_path: Path, pixels: np.ndarray) -> None:
    """The file's name less its endings, and nothing more of it."""
    tiff(tmp_path / "slides/A.01.tif", (pixels, level(1)))
    tiff(tmp_path / "slides/A.02.ome.tif", (pixels[::-1], {**TILE, "metadata": OME}), ome=True)
    assert sorted(corners(tmp_path)) == ["A.01", "A.02"]


def test_slides_of_one_name_in_folders_of_patients(tmp_path: Path, pixels: np.ndarray, draw_tissue: Draw) -> None:
    tiff(tmp_path / "slides/P1/scan.tif", (pixels, level(1)))
    tiff(tmp_path / "slides/P2/scan.tif", (draw_tissue((256, 256, 512, 512), seed=1), level(1)))
    found = corners(tmp_path, files="slides/*/scan.tif", patient_pattern=r"slides/([^/]+)/")
    assert [len(found[patient]) for patient in ("P1", "P2")] == [16, 4]


def test_a_plain_region_of_told_resolution(tmp_path: Path, pixels: np.ndarray) -> None:
    (tmp_path / "slides").mkdir()
    Image.fromarray(pixels).save(tmp_path / "slides/P1.png")
    assert corners(tmp_path, patient_pattern=r"P\d", mpp={"P1.png": 0.5}) == {"P1": CORNERS}


def test_side_files_beside_the_slides(tmp_path: Path, pixels: np.ndarray) -> None:
    tiff(tmp_path / "slides/P1.tif", (pixels, level(1)))
    for name in ("._P1.tif", ".DS_Store", "P1.xml", "Thumbs.db", "md5sums.txt"):
        (tmp_path / "slides" / name).write_bytes(b"\0\5\26\7")
    assert corners(tmp_path, patient_pattern=r"P\d") == {"P1": CORNERS}
