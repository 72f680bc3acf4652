from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_modules.ingest.slides.ingest import IngestSettings, SlideEntry, entry_for, ingest_slide
from data_modules.ingest.slides.settings import TileSettings, TissueSettings
from data_modules.ingest.slides.slide_facts import SlideError, SlideRequest
from data_modules.ingest.slides.slide_files import open_slide, read_thumbnail
from data_modules.ingest.slides.slide_set import SlideSet, ingest_slides, load_set
from data_modules.ingest.slides.stain import fit_stains
from fusion.contract import FusionError

# Flat rectangles are drawn: what is in focus cannot be told from them.
SETTINGS = IngestSettings(tissue=TissueSettings(reject=("pen",)))
WriteSlide = Callable[..., Path]
Draw = Callable[..., np.ndarray]


def silent(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def slides(tmp_path: Path, write_slide: WriteSlide, draw_tissue: Draw) -> list[SlideRequest]:
    """Six slides with 4 × 4 tiles of tissue."""
    return [
        SlideRequest(
            path=write_slide(tmp_path / f"slides/p{number}.tif", draw_tissue((128, 256, 640, 768), seed=number))
        )
        for number in range(6)
    ]


def run(requests: list[SlideRequest], cache: Path, **options: object) -> SlideSet:
    return ingest_slides(
        requests, SETTINGS, cache=cache, progress=silent, **{"workers": 1, "max_failed": 0.5, **options}
    )  # type: ignore[arg-type]


def test_sixteen_tiles_at_either_resolution(tmp_path: Path, slides: list[SlideRequest]) -> None:
    for tile in (TileSettings(), TileSettings(size=32, mpp=2.0)):
        settings = IngestSettings(tile=tile, tissue=SETTINGS.tissue)
        entry = ingest_slide(slides[0], settings, cache=tmp_path / "cache")
        assert entry.tiles().shape == (16, 3, tile.size, tile.size)
        assert entry.tiles().dtype == np.uint8
        corners = [[x, y] for y in range(256, 768, 128) for x in range(128, 640, 128)]
        assert entry.coords().tolist() == corners
        record = entry.record()
        assert record["tiles_possible"] == record["tiles_kept"] == 16
        assert record["mpp"] == pytest.approx(0.5)
        assert record["tissue_mm2"] == pytest.approx(0.256**2, rel=0.1)
        assert np.isfinite(entry.features()[:, :11]).all()


def test_tiles_hold_the_pixels_of_their_place(tmp_path: Path, slides: list[SlideRequest], draw_tissue: Draw) -> None:
    entry = ingest_slide(slides[0], SETTINGS, cache=tmp_path / "cache")
    half = np.asarray(Image.fromarray(draw_tissue((128, 256, 640, 768), seed=0)).reduce(2))
    for tile, (x, y) in zip(entry.tiles(), entry.coords() // 2, strict=True):
        assert np.array_equal(tile.transpose(1, 2, 0), half[y : y + 64, x : x + 64])


def test_the_stains_of_a_slide_come_back_as_they_were_estimated(tmp_path: Path, slides: list[SlideRequest]) -> None:
    settings = replace(SETTINGS, stain="fold")
    entry = ingest_slide(slides[0], settings, cache=tmp_path / "cache")
    estimated, kept = fit_stains(entry.tiles()), entry.stains()
    assert estimated is not None and kept is not None
    assert kept.matrix.shape == (3, 2) and kept.most.shape == (2,)
    assert np.array_equal(kept.matrix, estimated.matrix) and np.array_equal(kept.most, estimated.most)


def test_batches_leave_no_mark(tmp_path: Path, slides: list[SlideRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = IngestSettings(tile=TileSettings(size=16, max_tiles=None), tissue=SETTINGS.tissue)
    whole = ingest_slide(slides[0], settings, cache=tmp_path / "one")
    monkeypatch.setattr("data_modules.ingest.slides.ingest._BATCH", 7)
    parts = ingest_slide(slides[0], settings, cache=tmp_path / "two")
    assert len(whole.tiles()) == 256
    assert np.array_equal(whole.tiles(), parts.tiles())
    np.testing.assert_allclose(whole.features(), parts.features(), rtol=1e-5, equal_nan=True)


def test_processes_make_the_same_and_the_cache_keeps_it(tmp_path: Path, slides: list[SlideRequest]) -> None:
    alone = run(slides, tmp_path / "one")
    steps: list[tuple[int, int]] = []
    pooled = ingest_slides(
        slides,
        SETTINGS,
        cache=tmp_path / "two",
        progress=lambda step, done, total: steps.append((done, total)),
        workers=2,
    )
    assert steps == [(number, 6) for number in range(7)]
    assert list(alone.entries) == list(pooled.entries) == [f"p{number}.tif" for number in range(6)]
    for name, entry in alone.entries.items():
        assert np.array_equal(entry.tiles(), pooled.entries[name].tiles())
        assert np.array_equal(entry.features(), pooled.entries[name].features(), equal_nan=True)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*.npy")}
    start = time.perf_counter()
    again = run(slides, tmp_path / "two")
    assert time.perf_counter() - start < 1
    assert again.entries == pooled.entries
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*.npy")}


def test_the_cache_goes_by_content(tmp_path: Path, slides: list[SlideRequest]) -> None:
    cache = tmp_path / "cache"
    key = entry_for(slides[0], SETTINGS, cache=cache).key
    moved = tmp_path / "elsewhere.tif"
    moved.write_bytes(slides[0].path.read_bytes())
    assert entry_for(SlideRequest(path=moved), SETTINGS, cache=cache).key == key
    others = [
        entry_for(slides[1], SETTINGS, cache=cache).key,
        entry_for(SlideRequest(path=moved, mpp=0.25), SETTINGS, cache=cache).key,
        entry_for(slides[0], IngestSettings(), cache=cache).key,
        entry_for(slides[0], IngestSettings(tissue=SETTINGS.tissue, stain="macenko"), cache=cache).key,
        entry_for(slides[0], IngestSettings(tissue=SETTINGS.tissue, tile=TileSettings(size=65)), cache=cache).key,
    ]
    assert len({key, *others}) == 6


def test_a_slide_that_fails_is_listed_and_the_rest_go_on(
    tmp_path: Path, slides: list[SlideRequest], write_slide: WriteSlide
) -> None:
    white = np.full((1024, 1024, 3), 244, dtype=np.uint8)
    broken = write_slide(tmp_path / "slides/broken.tif", white)
    content = bytearray(slides[0].path.read_bytes())
    content[8 : len(content) // 2] = bytes(len(content) // 2 - 8)  # the header stands, the pixels are gone
    torn = tmp_path / "slides/torn.tif"
    torn.write_bytes(bytes(content))
    result = run([*slides, SlideRequest(path=broken), SlideRequest(path=torn)], tmp_path / "cache", workers=2)
    assert sorted(result.entries) == [f"p{number}.tif" for number in range(6)]
    assert "broken.tif shows 0.000 mm² of tissue and no tile of 64 pixels" in result.errors["broken.tif"]
    assert "torn.tif" in result.errors["torn.tif"]
    with (result.folder / "quality.csv").open() as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert rows["p0.tif"]["tiles_kept"] == "16" and rows["p0.tif"]["error"] == ""
    assert "no tile" in rows["broken.tif"]["error"]
    with Image.open(result.folder / "contact_sheet_01.png") as sheet:
        assert sheet.size[0] > 1500 and len(sheet.getcolors(1 << 24) or ()) > 50
    known = load_set([*slides, SlideRequest(path=broken), SlideRequest(path=torn)], SETTINGS, cache=tmp_path / "cache")
    assert known == result


def test_too_many_failures_stop_the_run(tmp_path: Path, slides: list[SlideRequest], write_slide: WriteSlide) -> None:
    white = write_slide(tmp_path / "slides/white.tif", np.full((512, 512, 3), 244, dtype=np.uint8))
    requests = [SlideRequest(path=white), *slides]
    with pytest.raises(FusionError, match=r"1 of 7 slides failed, above modality\.slides\.max_failed=0\.1: white\.tif"):
        run(requests, tmp_path / "cache", max_failed=0.1)
    assert load_set(requests, SETTINGS, cache=tmp_path / "cache") is None
    assert len(run(requests, tmp_path / "cache", max_failed=0.2).entries) == 6


_KILLED = """
import sys
from pathlib import Path
from data_modules.ingest.slides.slide_set import ingest_slides
from data_modules.ingest.slides.slide_facts import SlideRequest
from data_modules.ingest.slides.ingest import IngestSettings
from data_modules.ingest.slides.settings import TissueSettings

if __name__ == "__main__":
    folder, cache = map(Path, sys.argv[1:])
    requests = [SlideRequest(path=path) for path in sorted(folder.glob("*.tif"))]
    settings = IngestSettings(tissue=TissueSettings(reject=("pen",)))
    print("started", flush=True)
    ingest_slides(requests, settings, cache=cache, progress=lambda *told: print(*told, flush=True), workers=2)
"""


def test_a_killed_run_leaves_whole_entries_and_resumes(tmp_path: Path, slides: list[SlideRequest], root: Path) -> None:
    script = tmp_path / "ingest_script.py"
    script.write_text(_KILLED)
    cache = tmp_path / "cache"
    with subprocess.Popen(
        [sys.executable, script, slides[0].path.parent, cache],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " 2 6" in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    time.sleep(1.0)  # its workers see the parent gone
    whole = [path for path in (cache / "slides").iterdir() if path.is_dir() and not path.name.startswith(".")]
    assert 2 <= len(whole) <= 6
    for folder in whole:
        assert {path.name for path in folder.iterdir()} == {
            "tiles.npy",
            "coords.npy",
            "features.npy",
            "slide.json",
            "panel.png",
        }
        assert json.loads((folder / "slide.json").read_text())["tiles_kept"] == 16
    assert load_set(slides, SETTINGS, cache=cache) is None
    before = {path: path.stat().st_mtime_ns for folder in whole for path in folder.iterdir()}
    assert len(run(slides, cache).entries) == 6
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_process_that_dies_costs_its_slide_alone(
    tmp_path: Path, slides: list[SlideRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    # What a crash in a C library does: the worker is gone without a word.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, openslide\n"
        "real = openslide.OpenSlide\n"
        "def opened(path):\n"
        "    if path.endswith('p3.tif'):\n"
        "        os._exit(139)\n"
        "    return real(path)\n"
        "openslide.OpenSlide = opened\n"
    )
    result = run(slides, tmp_path / "cache", workers=2)
    assert sorted(result.entries) == ["p0.tif", "p1.tif", "p2.tif", "p4.tif", "p5.tif"]
    assert "p3.tif: the process that read it died" in result.errors["p3.tif"]


def test_resolution_from_slide_config_or_refused(tmp_path: Path, write_slide: WriteSlide, draw_tissue: Draw) -> None:
    pixels = draw_tissue((0, 0, 256, 256), size=(256, 256))
    told = write_slide(tmp_path / "told.tif", pixels, mpp=0.25, levels=1)
    mute = write_slide(tmp_path / "mute.tif", pixels, mpp=None, levels=1)
    absurd = write_slide(tmp_path / "absurd.tif", pixels, mpp=352.8, levels=1)

    def mpp(**request: object) -> float:
        slide, facts = open_slide(SlideRequest(**request))  # type: ignore[arg-type]
        slide.close()
        return facts.mpp

    assert mpp(path=told) == pytest.approx(0.25)
    assert mpp(path=told, default_mpp=0.5) == pytest.approx(0.25)
    assert mpp(path=told, mpp=0.5) == 0.5
    assert mpp(path=mute, default_mpp=0.5) == 0.5
    with pytest.raises(SlideError, match=r"mute\.tif does not say its microns per pixel"):
        mpp(path=mute)
    with pytest.raises(SlideError, match=r"absurd\.tif has 352\.8 microns per pixel"):
        mpp(path=absurd)
    text = tmp_path / "text.tif"
    text.write_text("not a slide")
    with pytest.raises(SlideError, match=r"text\.tif does not open as a slide"):
        mpp(path=text)


@pytest.mark.parametrize("downsample", [1.0, 4.0, 8.0, 10.3])
def test_a_thumbnail_read_in_blocks_is_the_slide_reduced(
    tmp_path: Path, write_slide: WriteSlide, downsample: float
) -> None:
    rows, columns = np.mgrid[0:700, 0:3000]
    pixels = np.stack([rows % 256, columns // 12, (rows + columns) // 15], axis=-1).astype(np.uint8)
    slide, _ = open_slide(SlideRequest(path=write_slide(tmp_path / "wide.tif", pixels)))
    thumbnail = read_thumbnail(slide, downsample=downsample)
    slide.close()
    width, height = round(3000 / downsample), round(700 / downsample)
    assert thumbnail.shape == (height, width, 3)
    expected = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)).astype(int)
    assert np.abs(thumbnail[..., 1:].astype(int) - expected[..., 1:]).max() <= 2


def test_the_real_slide_goes_through(tmp_path: Path, root: Path) -> None:
    path = root.parent / "shared/data/histology/cmu_small_region.svs"
    if not path.is_file():
        pytest.skip("cmu_small_region.svs is not on this machine")
    settings = IngestSettings(tile=TileSettings(max_tiles=None))
    entry = ingest_slide(SlideRequest(path=path), settings, cache=tmp_path / "cache")
    record = entry.record()
    assert record["mpp"] == pytest.approx(0.499)
    # 2220 × 2967 pixels hold 17 × 23 tiles of 128.26; a third of the region is tissue.
    assert record["tile_side"] == pytest.approx(64 / 0.499)
    assert record["tiles_kept"] == record["tiles_possible"] == len(entry.coords())
    assert 0.30 < record["tissue_share"] < 0.40
    assert 0.28 * 17 * 23 < record["tiles_kept"] < 0.40 * 17 * 23
    # Tissue is darker and more coloured than glass: every tile taken shows it.
    tiles = entry.tiles().astype(int)
    assert (tiles.min(axis=1).mean(axis=(1, 2)) < 215).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_stops_the_run_and_leaves_whole_entries(
    tmp_path: Path, slides: list[SlideRequest], workers: int
) -> None:
    cache = tmp_path / "small_disk"
    cache.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", cache], capture_output=True)
    if mount.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        with pytest.raises(FusionError, match=r"no space left on the disk of the cache folder .*small_disk.*`cache`"):
            run(slides, cache, workers=workers)
        for path in (cache / "slides").iterdir():
            if path.is_dir() and not path.name.startswith("."):
                assert len(SlideEntry(folder=path).tiles()) == SlideEntry(folder=path).record()["tiles_kept"]
    finally:
        subprocess.run(["umount", cache], check=True)


# The tiles of the real slide, column by column of each row from the top, as they were counted on its picture with mask
# and grid drawn on: tissue from the tip at the top to the full width at the bottom, the cyst left out.
_COUNTED = {
    1: [7, 8],
    2: [7, 8, 9, 10],
    4: [8, 11],
    8: [3, 7, 8, 9, 10, 11, 12],
    9: [7, 8, 9, 10, 11, 13],
    12: [7, 8, 9, 11, 12],
    17: [6, 7, 8, 9, 10, 11, 12, 13, 14],
    20: [4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    22: [4, 5, 6, 7, 8, 9, 10, 11, 12],
}


def test_real_tiles_are_those_counted_by_hand(tmp_path: Path, root: Path) -> None:
    folder = root.parent / "shared/data/histology"
    if not (folder / "cmu_small_region.svs").is_file():
        pytest.skip("the real images are not on this machine")
    settings = IngestSettings(tile=TileSettings(size=128, mpp=0.5, max_tiles=None))
    region = SlideRequest(path=folder / "cmu_small_region.svs")
    entry = ingest_slide(region, settings, cache=tmp_path)
    side = entry.record()["tile_side"]
    columns, rows = np.rint(entry.coords() / side).astype(int).T
    for row, counted in _COUNTED.items():
        assert columns[rows == row].tolist() == counted, row
    assert len(columns) == 139 and not (rows == 0).any() and rows.max() == 22
    # Images full of tissue, 1,000 pixels of 0.25 microns: 3 × 3 tiles of 256 fit, or 6 × 6 with half of each shared.
    images = [SlideRequest(path=path, mpp=0.25) for path in sorted(folder.glob("monuseg_breast/*.png"))]
    assert len(images) == 8
    found = ingest_slides(images, settings, cache=tmp_path, progress=silent, workers=1, max_failed=0)
    assert [len(entry.coords()) for entry in found.entries.values()] == [9] * 8
    half = IngestSettings(tile=TileSettings(size=128, mpp=0.5, overlap=64, max_tiles=None), stain="macenko")
    overlapping = ingest_slide(images[0], half, cache=tmp_path)
    # (1000 - 256) / 128 + 1 = 6.8.
    assert len(overlapping.coords()) == 36
    with Image.open(found.folder / "contact_sheet_01.png") as sheet:
        assert sheet.size == (6 * 306 + 6, 2 * 320 + 24)
