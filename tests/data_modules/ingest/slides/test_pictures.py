"""Files of several pictures, of pixels elsewhere, of samples that are no opacity, and of formats that are not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import tifffile

from data_modules.ingest.slides.slide_facts import SlideError, SlideRequest
from data_modules.ingest.slides.slide_files import open_slide, sort_out_slides
from data_modules.modalities.slides.slides import Slides

Draw = Callable[..., np.ndarray]
TILE: dict[str, Any] = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib"}
HALF: dict[str, Any] = {"resolution": (2e4, 2e4), "resolutionunit": "CENTIMETER", "metadata": None}
OME = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}


@pytest.fixture(scope="module")
def pixels(draw_tissue: Draw) -> np.ndarray:
    return draw_tissue((128, 256, 384, 512))[:512, :512]


def problem(path: Path) -> str | None:
    try:
        open_slide(SlideRequest(path=path))[0].close()
    except SlideError as error:
        return str(error)
    return None


def colour(path: Path) -> tuple[float, ...]:
    slide, _ = open_slide(SlideRequest(path=path))
    part = np.asarray(slide.read_region((128, 256), 0, (256, 256)))
    slide.close()
    assert (part[..., 3] == 255).all()
    return tuple(part[..., :3].mean((0, 1)))


def test_two_slides_in_a_file(tmp_path: Path, pixels: np.ndarray) -> None:
    """OpenSlide shows the first, without a word."""
    path = tmp_path / "P1.tif"
    with tifffile.TiffWriter(path) as out:
        out.write(pixels, **TILE, **HALF)
        out.write(pixels[::-1, :400], **TILE, **HALF)
    assert f"{path.name} does not open as a slide (it is a TIFF of 2 pictures of slide size" in str(problem(path))
    with tifffile.TiffWriter(path) as out:
        out.write(pixels, **TILE, **HALF)
        out.write(pixels[:300, :300], **TILE, **HALF)  # a thumbnail or label
    assert problem(path) is None
    with tifffile.TiffWriter(path) as out:
        out.write(pixels, **TILE, **HALF)
        out.write(pixels[:500], **TILE, **HALF, subfiletype=1)  # a level
    assert problem(path) is None


@pytest.mark.parametrize("axis", ["Z", "T"])
def test_planes_of_an_ome_tiff(tmp_path: Path, pixels: np.ndarray, axis: str) -> None:
    """The first of the focal planes is as good as any, and blurred."""
    path = tmp_path / "P1.ome.tif"
    tifffile.imwrite(path, np.stack([pixels] * 3), **TILE, metadata={**OME, "axes": f"{axis}YXS"})
    assert "it is a TIFF of 3 pictures of slide size: several slides, focal planes" in str(problem(path))
    tifffile.imwrite(path, pixels, **TILE, metadata={**OME, "axes": "YXS"})
    assert problem(path) is None


def test_pixels_in_another_file(tmp_path: Path, pixels: np.ndarray) -> None:
    """OME-TIFF of two files: tiles of the other one's picture were looked for at their places in this one."""
    uids = [uuid4(), uuid4()]
    images = "".join(
        f'<Image ID="Image:{k}"><Pixels ID="Pixels:{k}" DimensionOrder="XYCZT" Type="uint8" SizeX="{side}" '
        f'SizeY="{side}" SizeC="3" SizeZ="1" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5"><Channel ID="C:{k}" '
        f'SamplesPerPixel="3"/><TiffData><UUID FileName="P{k}.ome.tif">urn:uuid:{uids[k]}</UUID></TiffData></Pixels>'
        "</Image>"
        for k, side in enumerate((256, 512))
    )
    for k, picture in enumerate((pixels[:256, :256], pixels)):
        text = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{uids[k]}">{images}</OME>'
        )
        tifffile.imwrite(tmp_path / f"P{k}.ome.tif", picture, **TILE, metadata=None, description=text)
    assert "an OME-TIFF whose pixels lie in another file, P1.ome.tif" in str(problem(tmp_path / "P0.ome.tif"))
    assert colour(tmp_path / "P1.ome.tif") == pytest.approx(tuple(pixels[256:, 128:384].mean((0, 1))))


def test_a_fourth_sample_that_is_no_opacity(tmp_path: Path, pixels: np.ndarray) -> None:
    """It is 0 in the lower half; OpenSlide takes it for opacity, whatever the file says: half is glass."""
    more = np.full(pixels.shape[:2], 255, dtype=np.uint8)
    more[300:] = 0
    whole = tuple(pixels[256:, 128:384].mean((0, 1)))
    for kind, same in (("unspecified", True), ("unassalpha", False)):
        tifffile.imwrite(tmp_path / "P1.tif", np.dstack([pixels, more]), extrasamples=[kind], **TILE, **HALF)
        if same:
            assert colour(tmp_path / "P1.tif") == pytest.approx(whole)
        else:
            slide, _ = open_slide(SlideRequest(path=tmp_path / "P1.tif"))
            assert np.asarray(slide.read_region((128, 256), 0, (256, 256)))[100:, :, 3].max() == 0
            slide.close()
    five = np.dstack([pixels, more, more])
    tifffile.imwrite(tmp_path / "P1.tif", five, extrasamples=["unspecified"] * 2, **TILE, **HALF)
    assert "5 samples a pixel, not RGB" in str(problem(tmp_path / "P1.tif"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("P1.isyntax", b"<?xml", "Philips iSyntax, which is not read: convert it to a pyramidal TIFF"),
        ("P1.VSI", b"II*\0", "Olympus VSI, which is not read"),
        ("P1.svs", b"<!DOCTYPE html><html>", "it is a web page: a log-in or error page was downloaded"),
        ("P1.svs", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("P1.svs", b"", "the file is empty, 0 bytes"),
        ("P1.mrxs", b"[GENERAL]", "the folder of its pixels, P1, does not lie beside it"),
    ],
)
def test_what_is_no_slide_that_is_read(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert sort_out_slides([tmp_path / name]) == ([tmp_path / name], {})
    assert said in str(problem(tmp_path / name))


def test_a_palette_is_called_one(tmp_path: Path, pixels: np.ndarray) -> None:
    table = np.zeros((3, 256), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "P1.tif", pixels[..., 0], photometric="palette", colormap=table, **HALF)
    assert "a TIFF of PALETTE pixels (colours by a table), not RGB" in str(problem(tmp_path / "P1.tif"))


def test_dicom_slides_in_the_folder_of_another_patient(
    tmp_path: Path, pixels: np.ndarray, write_dicom_slide: Callable[..., Path]
) -> None:
    import pydicom

    for folder, patient in (("P1", "P1"), ("P2", "P3"), ("P3", "P2"), ("P4", "P4"), ("P5", "P5")):
        path = write_dicom_slide(tmp_path / "slides" / folder, pixels, mpp=0.5, levels=(1,)) / "level0.dcm"
        one = pydicom.dcmread(path)
        one.PatientID = patient
        one.save_as(path)

    def made(**given: Any) -> list[str]:
        source = SimpleNamespace(root=tmp_path, cache=tmp_path / "cache", simulated=False)
        return Slides(name="slides", source=source, files="slides/*/*.dcm", **given).check_names()  # type: ignore[arg-type]

    for given in ({"patient_pattern": r"(P\d)/"}, {}):
        (told,) = made(**given)
        assert "2 slides are of one patient by their path and of another by PatientID" in told
        assert "(slides/P2/level0.dcm: P2 and P3, slides/P3/level0.dcm: P3 and P2)" in told
    rows = [f"slides/{folder}/level0.dcm,{folder}\n" for folder in ("P1", "P2", "P3", "P4", "P5")]
    (tmp_path / "sheet.csv").write_text("file,patient\n" + "".join(rows))
    assert made(sample_sheet={"file": "sheet.csv", "key": "file", "patient": "patient"}) == []


def test_a_slide_twice_for_one_patient(tmp_path: Path, pixels: np.ndarray) -> None:
    (tmp_path / "slides").mkdir()
    for number, name in enumerate(("P1_a", "P1_b", "P2_a")):
        tifffile.imwrite(tmp_path / f"slides/{name}.tif", pixels if number < 2 else pixels[:256], **TILE, **HALF)
    source: Any = SimpleNamespace(root=tmp_path, cache=tmp_path / "cache", simulated=False)
    account = Slides(name="slides", source=source, files="slides/*", patient_pattern=r"P\d").account
    assert account.doubles == () and account.twice == ("P1_a.tif of P1 = P1_b.tif of P1",)
    assert "1 are there twice for one patient, byte for byte (P1_a.tif of P1 = P1_b.tif of P1)" in str(account)
