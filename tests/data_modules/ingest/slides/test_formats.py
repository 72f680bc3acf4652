"""Formats beside OpenSlide's own TIFFs: plain images, OME-TIFF, DICOM; and what is no stained slide."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from data_modules.ingest.slides.ingest import IngestSettings, entry_for, ingest_slide
from data_modules.ingest.slides.ome import read_ome
from data_modules.ingest.slides.settings import TileSettings, TissueSettings
from data_modules.ingest.slides.slide_facts import SlideError, SlideRequest
from data_modules.ingest.slides.slide_files import is_slide, open_slide, read_thumbnail, sort_out_slides
from data_modules.ingest.slides.tiles import to_rgb

Draw = Callable[..., np.ndarray]
SETTINGS = IngestSettings(tissue=TissueSettings(reject=("pen",)))
CORNERS = [[x, y] for y in range(256, 768, 128) for x in range(128, 640, 128)]


@pytest.fixture(scope="module")
def pixels(draw_tissue: Draw) -> np.ndarray:
    """4 × 4 tiles of tissue at 0.5 microns per pixel."""
    return draw_tissue((128, 256, 640, 768))


def region(request: SlideRequest, left: int, top: int, level: int, side: int) -> np.ndarray:
    slide, _ = open_slide(request)
    try:
        return np.asarray(to_rgb(slide.read_region((left, top), level, (side, side))))
    finally:
        slide.close()


def ome(path: Path, pixels: np.ndarray, *, levels: int = 3, mpp: float = 0.5, **options: object) -> Path:
    """OME-TIFF as Bio-Formats writes it: the pyramid in sub-images of the first."""
    settings = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib", **options}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        metadata = {"axes": "YXS", "PhysicalSizeX": mpp * 1e3, "PhysicalSizeXUnit": "nm"}
        metadata |= {"PhysicalSizeY": mpp, "PhysicalSizeYUnit": "µm"}
        tiff.write(pixels, subifds=levels - 1, metadata=metadata, **settings)
        for level in range(1, levels):
            tiff.write(pixels[:: 2**level, :: 2**level], subfiletype=1, **settings)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_plain_region_needs_its_resolution_told(tmp_path: Path, pixels: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"region.{suffix}"
    Image.fromarray(pixels).save(path, quality=95)
    with pytest.raises(SlideError, match=r"region\.\w+ does not say its microns per pixel"):
        open_slide(SlideRequest(path=path))
    entry = ingest_slide(SlideRequest(path=path, mpp=0.5), SETTINGS, cache=tmp_path / "cache")
    assert entry.coords().tolist() == CORNERS
    assert entry.record()["vendor"] == suffix
    if suffix == "png":
        half = np.asarray(Image.fromarray(pixels).reduce(2))
        assert np.abs(entry.tiles()[0].transpose(1, 2, 0).astype(int) - half[128:192, 64:128]).max() <= 1


def test_what_is_transparent_is_glass_and_palettes_are_colours(tmp_path: Path, pixels: np.ndarray) -> None:
    rgba = np.dstack([pixels, np.full(pixels.shape[:2], 255, dtype=np.uint8)])
    rgba[:256] = 0
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    seen = region(SlideRequest(path=tmp_path / "rgba.png", mpp=0.5), 0, 0, 0, 512)
    assert (seen[:256] == 255).all() and np.array_equal(seen[256:], pixels[256:512, :512])
    Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    entry = ingest_slide(SlideRequest(path=tmp_path / "palette.png", mpp=0.5), SETTINGS, cache=tmp_path / "cache")
    assert len(entry.coords()) == 16


@pytest.mark.parametrize("compression", ["zlib", "jpeg"])
def test_ome_tiff_with_its_levels_and_its_resolution(tmp_path: Path, pixels: np.ndarray, compression: str) -> None:
    request = SlideRequest(path=ome(tmp_path / "slide.ome.tif", pixels, compression=compression))
    slide, facts = open_slide(request)
    assert facts.mpp == pytest.approx(0.5) and (facts.width, facts.height) == (1024, 1024)
    assert slide.level_count == 3 and slide.level_downsamples == (1.0, 2.0, 4.0)
    assert [slide.get_best_level_for_downsample(factor) for factor in (0.5, 1.9, 2.01, 9.0)] == [0, 0, 1, 2]
    assert read_thumbnail(slide, downsample=8).shape == (128, 128, 3)
    slide.close()
    entry = ingest_slide(request, SETTINGS, cache=tmp_path / "cache")
    assert entry.coords().tolist() == CORNERS
    if compression == "zlib":
        # Across four of the file's tiles, and beyond the edge.
        assert np.array_equal(region(request, 100, 300, 0, 200), pixels[300:500, 100:300])
        assert np.array_equal(region(request, 200, 400, 1, 100), pixels[::2, ::2][200:300, 100:200])
        beyond = region(request, 960, 960, 0, 128)
        assert np.array_equal(beyond[:64, :64], pixels[960:, 960:]) and (beyond[64:] == 255).all()


def test_sixteen_bits_are_read_by_their_upper_half(tmp_path: Path, pixels: np.ndarray) -> None:
    wide = (pixels.astype(np.uint16) << 8) + 77
    request = SlideRequest(path=ome(tmp_path / "wide.ome.tif", wide, levels=1))
    assert np.array_equal(region(request, 100, 300, 0, 200), pixels[300:500, 100:300])
    # Neither tiled nor of OME: OpenSlide refuses it, and it is read all the same.
    path = tmp_path / "strips.tif"
    tifffile.imwrite(path, wide, photometric="rgb", resolution=(20000, 20000), resolutionunit="CENTIMETER")
    assert len(ingest_slide(SlideRequest(path=path), SETTINGS, cache=tmp_path / "cache").coords()) == 16


def _save(mode: str, name: str) -> Callable[[Path, np.ndarray], Path]:
    def write(folder: Path, pixels: np.ndarray) -> Path:
        image = Image.fromarray(pixels).convert("L")
        if mode == "I;16":
            image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
        elif mode != "L":
            image = image.convert(mode)
        image.save(folder / name)
        return folder / name

    return write


def _tiff(name: str, take: Callable[[np.ndarray], np.ndarray], **options: object) -> Callable[[Path, np.ndarray], Path]:
    def write(folder: Path, pixels: np.ndarray) -> Path:
        tifffile.imwrite(folder / name, take(pixels), **options)
        return folder / name

    return write


def _truncated(folder: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:3000])
    return folder / "cut.png"


def _empty(name: str) -> Callable[[Path, np.ndarray], Path]:
    def write(folder: Path, pixels: np.ndarray) -> Path:
        (folder / name).touch()
        return folder / name

    return write


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_save("L", "grey.png"), r"grey\.png is a grey image \(mode L\)"),
        (_save("LA", "grey.png"), r"grey\.png is a grey image \(mode LA\)"),
        (_save("I;16", "grey.png"), r"grey\.png is a grey image \(mode I;16"),
        (_save("1", "ink.png"), r"ink\.png is a grey image \(mode 1\)"),
        (_tiff("grey.ome.tif", lambda p: p[..., 0]), r"grey\.ome\.tif .* grey or single-channel TIFF \(axes YX\)"),
        (
            _tiff("planes.ome.tif", lambda p: p.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"),
            r"planes\.ome\.tif .* not RGB pixel by pixel",
        ),
        (_tiff("real.ome.tif", lambda p: p.astype(np.float32), photometric="rgb"), r"TIFF of float32; RGB of 8 or 16"),
        (_truncated, r"cut\.png does not open as an image"),
        (_empty("none.svs"), r"none\.svs does not open as a slide \(the file is empty, 0 bytes\)"),
        (_empty("none.png"), r"none\.png does not open as a slide \(the file is empty, 0 bytes\)"),
    ],
)
def test_what_is_no_stained_slide_is_refused(
    tmp_path: Path, pixels: np.ndarray, write: Callable[[Path, np.ndarray], Path], message: str
) -> None:
    with pytest.raises(SlideError, match=message):
        open_slide(SlideRequest(path=write(tmp_path, pixels), mpp=0.5))


@pytest.mark.parametrize("levels", [1, 3])
def test_a_slide_without_colour_is_refused_when_it_is_looked_at(
    tmp_path: Path, pixels: np.ndarray, levels: int, write_slide: Callable[..., Path]
) -> None:
    grey = np.repeat(pixels.mean(axis=-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    path = write_slide(tmp_path / "grey.tif", grey, levels=levels)
    with pytest.raises(SlideError, match=r"grey\.tif is grey all over"):
        ingest_slide(SlideRequest(path=path), SETTINGS, cache=tmp_path / "cache")
    white = write_slide(tmp_path / "white.tif", np.full_like(pixels, 244), levels=levels)
    with pytest.raises(SlideError, match=r"white\.tif shows 0\.000 mm² of tissue"):
        ingest_slide(SlideRequest(path=white), SETTINGS, cache=tmp_path / "cache")


def test_an_image_bomb_is_refused_and_a_slide_of_its_size_is_not(
    tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch, write_slide: Callable[..., Path]
) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("RGB", (20_000, 10_000)).save(bomb)  # 0.6 MB that unpack to 600
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(SlideError, match=r"bomb\.png has more pixels than Pillow's limit of 89,478,485"):
        open_slide(SlideRequest(path=bomb, mpp=0.5))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600_000)
    Image.fromarray(pixels).save(tmp_path / "region.png")
    with pytest.raises(SlideError, match=r"region\.png has more pixels than Pillow's limit of 600,000"):
        open_slide(SlideRequest(path=tmp_path / "region.png", mpp=0.5))
    for path in (write_slide(tmp_path / "slide.tif", pixels), ome(tmp_path / "slide.ome.tif", pixels)):
        assert len(ingest_slide(SlideRequest(path=path), SETTINGS, cache=tmp_path / "cache").coords()) == 16


def test_overlapping_tiles_are_counted_by_hand(tmp_path: Path, pixels: np.ndarray) -> None:
    path = ome(tmp_path / "slide.ome.tif", pixels)
    tile = TileSettings(overlap=32, min_tissue=1.0, max_tiles=None)
    entry = ingest_slide(
        SlideRequest(path=path), IngestSettings(tile=tile, tissue=SETTINGS.tissue), cache=tmp_path / "cache"
    )
    # 512 pixels of tissue hold (512 - 128) / 64 + 1 = 7 squares of 128 every 64, each way.
    assert len(entry.coords()) == 49
    assert np.diff(entry.coords()[:7, 0]).tolist() == [64] * 6


def test_slides_of_several_files_are_one_slide_and_known_by_all_of_them(
    tmp_path: Path, pixels: np.ndarray, write_dicom_slide: Callable[..., Path]
) -> None:
    for folder in ("a", "b"):
        write_dicom_slide(tmp_path / folder, pixels[:256, :256], mpp=0.5, levels=(1, 2))
    for name in ("m.mrxs", "m/Data0001.dat", "m/Index.dat", "s.svs"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    names = ("a/level0.dcm", "a/level1.dcm", "b/level0.dcm", "b/level1.dcm", "m.mrxs", "m/Data0001.dat", "s.svs")
    listed = [tmp_path / name for name in names]
    kept, left_out = sort_out_slides(listed)
    assert kept == [listed[0], listed[2], listed[4], listed[6]]
    assert left_out == {
        "further files of a DICOM slide": [listed[1], listed[3]],
        "that are no slides by name or content": [listed[5]],
    }
    assert [path.name for path in SlideRequest(path=listed[1]).files] == ["level1.dcm", "level0.dcm"]
    for name in ("h [1].vms", "h [1]_map.jpg", "h 1_map.jpg"):
        (tmp_path / name).touch()
    hamamatsu = SlideRequest(path=tmp_path / "h [1].vms")
    assert [path.name for path in hamamatsu.files] == ["h [1].vms", "h [1]_map.jpg"]
    mirax = SlideRequest(path=tmp_path / "m.mrxs")
    assert [path.name for path in mirax.files] == ["m.mrxs", "Data0001.dat", "Index.dat"]
    before = entry_for(mirax, SETTINGS, cache=tmp_path / "cache").key
    (tmp_path / "m/Data0001.dat").write_text("other pixels")
    assert entry_for(mirax, SETTINGS, cache=tmp_path / "cache").key != before


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"\0" * 128 + b"DICM\2\0\0\0UL", True),
        (b"\0" * 127 + b"DICM\2\0\0\0UL", False),
        (b"\0" * 128 + b"DIC", False),
        (b"II*\0" + b"\0" * 200, True),
        (b"MM\0+" + b"\0" * 200, True),
        (b"ZISRAWFILE" + b"\0" * 200, True),
        (b"notes" * 40, False),
    ],
)
def test_a_slide_without_an_ending_is_known_by_its_first_bytes(tmp_path: Path, head: bytes, known: bool) -> None:
    """DICOM's four letters stand after 128 bytes, and more follows."""
    path = tmp_path / "IM0001"
    path.write_bytes(head)
    assert is_slide(path) is known


def test_a_resolution_that_ome_leaves_empty_is_none_of_one_micron() -> None:
    text = '<OME><Image Name="a"><Pixels PhysicalSizeX="{}" PhysicalSizeY="500" {} SizeX="7" SizeY="5"/></Image></OME>'
    (empty,) = read_ome(text.format("", ""))
    assert (empty.size, empty.mpp) == ((7, 5), (0.0, 500.0))
    (nanometres,) = read_ome(text.format("250", 'PhysicalSizeXUnit="nm" PhysicalSizeYUnit="nm"'))
    assert nanometres.mpp == pytest.approx((0.25, 0.5))


@pytest.fixture
def dicom(tmp_path: Path, pixels: np.ndarray, write_dicom_slide: Callable[..., Path]) -> Path:
    """A DICOM whole-slide image of two levels, each an instance of one series, tiled and in JPEG."""
    return write_dicom_slide(tmp_path / "dicom", pixels, mpp=0.5, levels=(1, 2))


def test_a_dicom_slide(tmp_path: Path, dicom: Path, pixels: np.ndarray) -> None:
    listed = sorted(dicom.glob("*.dcm"))
    assert len(listed) == 2
    (path,), _ = sort_out_slides(listed)
    slide, facts = open_slide(SlideRequest(path=path))
    assert facts.vendor == "dicom" and facts.mpp == pytest.approx(0.5) and slide.level_count == 2
    slide.close()
    entry = ingest_slide(SlideRequest(path=path), SETTINGS, cache=tmp_path / "cache")
    assert entry.coords().tolist() == CORNERS
    half = np.asarray(Image.fromarray(pixels).reduce(2)).astype(int)
    seen = entry.tiles()[0].transpose(1, 2, 0).astype(int)
    assert np.abs(seen - half[128:192, 64:128]).mean() < 6  # JPEG


def test_the_command_explains_itself_at_once(root: Path) -> None:
    import sys

    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "data_modules.ingest.slides", "--help"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0
    assert "python -m data_modules.ingest.slides cohort=mine" in run.stdout
    assert not any(name in run.stderr for name in (" torch\n", "openslide\n", " monai\n", " hydra\n"))
