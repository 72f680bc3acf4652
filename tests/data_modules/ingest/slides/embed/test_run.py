"""Slides are embedded as they are read; a kill costs little, two runs share the work, failures are listed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings
from data_modules.ingest.slides.embed.run import _read_all
from data_modules.ingest.slides.ingest import IngestSettings, SlideEntry, entry_for
from data_modules.ingest.slides.settings import TileSettings, TissueSettings
from data_modules.ingest.slides.slide_facts import SlideRequest
from data_modules.ingest.slides.slide_set import SlideSet, ingest_slides, load_set
from fusion.contract import FusionError

# An encoder of one's own, whose numbers can be worked out: the mean of each channel. It can be slow on demand.
_OWN = """
import os, time
import torch
class Means(torch.nn.Module):
    embedding_width = 3
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    def forward(self, pixels):
        time.sleep(float(os.environ.get("SLOW", "0")))
        return pixels.mean(dim=(2, 3))
"""
TILE = TileSettings(size=32, max_tiles=None)
PLAIN = IngestSettings(tile=TILE, tissue=TissueSettings(reject=("pen",)))
TILES = 64  # 512 × 512 pixels of tissue at 0.5 microns: 8 × 8 tiles of 32 microns


def silent(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_encoder.py").write_text(_OWN)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def embedding(own: Path) -> EmbeddingSettings:
    return EmbeddingSettings(encoder="own_encoder.Means", batch=10)


@pytest.fixture(scope="module")
def slides(
    tmp_path_factory: pytest.TempPathFactory, write_slide: Callable[..., Path], draw_tissue: Callable[..., np.ndarray]
) -> list[SlideRequest]:
    folder = tmp_path_factory.mktemp("slides")
    return [
        SlideRequest(path=write_slide(folder / f"p{number}.tif", draw_tissue((128, 256, 640, 768), seed=number)))
        for number in range(4)
    ]


def run(requests: list[SlideRequest], cache: Path, embedding: EmbeddingSettings, **options: object) -> SlideSet:
    settings = replace(PLAIN, embed=embedding.key())
    return ingest_slides(
        requests,
        settings,
        cache=cache,
        embedding=embedding,
        **{"progress": silent, "max_failed": 0.5, **options},  # type: ignore[arg-type]
    )


def test_embeddings_are_those_of_the_tiles(
    tmp_path: Path, slides: list[SlideRequest], embedding: EmbeddingSettings
) -> None:
    told: list[tuple[str, int, int]] = []
    found = run(slides, tmp_path, embedding, progress=lambda *step: told.append(step))
    pixels = ingest_slides(slides, PLAIN, cache=tmp_path, progress=silent, workers=1)
    for name, entry in found.entries.items():
        tiles = pixels.entries[name].tiles()
        assert entry.embeddings().shape == (TILES, 3)
        np.testing.assert_allclose(entry.embeddings(), tiles.mean(axis=(2, 3)) / 255, rtol=1e-5)
        assert np.array_equal(entry.coords(), pixels.entries[name].coords())
        np.testing.assert_allclose(entry.features(), pixels.entries[name].features(), rtol=1e-4, atol=1e-6)
        assert sorted(path.name for path in entry.folder.iterdir()) == [
            "coords.npy",
            "embeddings.npy",
            "features.npy",
            "panel.png",
            "slide.json",
        ]
    assert [step for step in told if step[0].endswith("Means")][-1] == ("slides: own_encoder.Means", 4, 4)
    assert ("slides: tiles of this slide", 60, TILES) in told and told[-1][1:] == (4, 4)
    assert (found.folder / "contact_sheet_01.png").is_file()
    assert pd.read_csv(found.folder / "quality.csv")["tiles_kept"].tolist() == [TILES] * 4
    assert load_set(slides, replace(PLAIN, embed=embedding.key()), cache=tmp_path) == found


def test_another_encoder_is_another_entry_and_stains_are_normalised(
    tmp_path: Path, slides: list[SlideRequest], embedding: EmbeddingSettings
) -> None:
    first = run(slides[:1], tmp_path, embedding).entries["p0.tif"]
    larger = replace(embedding, input_size=64)
    assert run(slides[:1], tmp_path, larger).entries["p0.tif"] != first
    settings = replace(PLAIN, stain="macenko", embed=embedding.key())
    stained = ingest_slides(slides[:1], settings, cache=tmp_path, embedding=embedding, progress=silent)
    tiles = ingest_slides(slides[:1], replace(PLAIN, stain="macenko"), cache=tmp_path, progress=silent, workers=1)
    np.testing.assert_allclose(
        stained.entries["p0.tif"].embeddings(), tiles.entries["p0.tif"].tiles().mean(axis=(2, 3)) / 255, rtol=1e-5
    )
    assert np.abs(stained.entries["p0.tif"].embeddings() - first.embeddings()).max() > 0.05


def test_slides_that_fail_are_listed_and_too_many_stop_the_run(
    tmp_path: Path, slides: list[SlideRequest], embedding: EmbeddingSettings, write_slide: Callable[..., Path]
) -> None:
    white = write_slide(tmp_path / "white.tif", np.full((512, 512, 3), 244, dtype=np.uint8))
    torn = tmp_path / "torn.tif"
    content = bytearray(slides[0].path.read_bytes())
    content[8 : len(content) // 2] = bytes(len(content) // 2 - 8)
    torn.write_bytes(bytes(content))
    requests = [SlideRequest(path=torn), *slides[:2], SlideRequest(path=white)]
    found = run(requests, tmp_path / "cache", embedding)
    assert sorted(found.entries) == ["p0.tif", "p1.tif"]
    assert "shows 0.000 mm² of tissue" in found.errors["white.tif"] and "torn.tif" in found.errors["torn.tif"]
    with pytest.raises(FusionError, match=r"2 of 4 slides failed, above modality\.slides\.max_failed=0\.3"):
        run(requests, tmp_path / "other", embedding, max_failed=0.3)


_SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings
from data_modules.ingest.slides.slide_facts import SlideRequest
from data_modules.ingest.slides.slide_set import ingest_slides
from data_modules.ingest.slides.embed.run import _read_all
from data_modules.ingest.slides.ingest import IngestSettings
from data_modules.ingest.slides.settings import TileSettings
from data_modules.ingest.slides.settings import TissueSettings
import data_modules.ingest.slides.embed.run

data_modules.ingest.slides.embed.run._SAFE = 20
folder, cache = map(Path, sys.argv[1:])
embedding = EmbeddingSettings(encoder="own_encoder.Means", batch=10)
settings = IngestSettings(
    tile=TileSettings(size=32, max_tiles=None), tissue=TissueSettings(reject=("pen",)), embed=embedding.key()
)
ingest_slides(
    [SlideRequest(path=path) for path in sorted(folder.glob("*.tif"))],
    settings,
    cache=cache,
    embedding=embedding,
    progress=lambda *told: print(*told, flush=True),
)
"""


def start(tmp_path: Path, slides: list[SlideRequest], cache: Path, own: Path, slow: str) -> subprocess.Popen[str]:
    script = tmp_path / "embed_script.py"
    script.write_text(_SCRIPT)
    root = Path(__file__).resolve().parents[5]
    path = os.pathsep.join([str(root), str(own)])
    return subprocess.Popen(
        [sys.executable, str(script), str(slides[0].path.parent), str(cache)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "SLOW": slow, "OMP_NUM_THREADS": "1"},
    )


def test_a_killed_run_goes_on_within_the_slide(
    tmp_path: Path, slides: list[SlideRequest], embedding: EmbeddingSettings, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    with start(tmp_path, slides, cache, own, "0.05") as process:
        assert process.stdout is not None
        done = False
        for line in process.stdout:
            done |= "Means 1 4" in line
            if done and "tiles of this slide 50 64" in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    folders = list((cache / "slides").iterdir())
    whole = [path for path in folders if path.is_dir() and not path.name.startswith(".")]
    assert len(whole) == 1 and SlideEntry(folder=whole[0]).embeddings().shape == (TILES, 3)
    partial = [path for path in folders if path.name.endswith(".partial") and (path / "rows.json").exists()]
    assert len(partial) == 1
    assert json.loads((partial[0] / "rows.json").read_text())["rows"] in (40, 50)
    seen: list[int] = []
    real = embedding.load().embed

    class Counting:
        def embed(self, tiles: np.ndarray) -> np.ndarray:
            seen.append(len(tiles))
            return real(tiles)

    monkeypatch.setattr(EmbeddingSettings, "load", lambda self: Counting())
    resumed = run(slides, cache, embedding)
    # Two slides whole, and of the interrupted one only what was not safe yet.
    assert 2 * TILES + 4 <= sum(seen) <= 2 * TILES + 24
    monkeypatch.undo()
    fresh = run(slides, tmp_path / "fresh", embedding)
    for name, entry in fresh.entries.items():
        assert np.array_equal(resumed.entries[name].embeddings(), entry.embeddings())
        assert sorted(p.name for p in resumed.entries[name].folder.iterdir()) == sorted(
            p.name for p in entry.folder.iterdir()
        )


def test_two_runs_share_the_work(
    tmp_path: Path, slides: list[SlideRequest], embedding: EmbeddingSettings, own: Path
) -> None:
    cache = tmp_path / "cache"
    both = [start(tmp_path, slides, cache, own, "0.03") for _ in range(2)]
    told = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    # Every slide was embedded by one of them, and both end with all four.
    embedded = sum(text.count("tiles of this slide 64 64") for text in told)
    assert embedded == 4
    assert all(text.rstrip().endswith("Means 4 4") for text in told)
    assert len(run(slides, cache, embedding).entries) == 4


def test_a_slide_that_another_run_is_busy_with_comes_last_and_a_read_one_stays_claimed(
    tmp_path: Path, slides: list[SlideRequest]
) -> None:
    """Claimed until what was read is written: otherwise a second run would clear the entry meanwhile."""
    others = entry_for(slides[0], PLAIN, cache=tmp_path).claim(wait=False)
    assert others is not None
    read, wait = [], []
    for piece in _read_all(slides[:2], PLAIN, cache=tmp_path, batch=TILES, readers=1):
        if piece.waiting:
            wait.append(piece.request.label)
            others.release()
        elif piece.last:
            read.append(piece.request.label)
            assert piece.claim is not None
            assert piece.claim.entry.claim(wait=False) is None
            piece.claim.release()
    assert read == ["p1.tif", "p0.tif"]
    assert wait == ["p0.tif"]


def test_nothing_counts_that_a_full_disk_cut_short(
    tmp_path: Path, slides: list[SlideRequest], embedding: EmbeddingSettings
) -> None:
    cache = tmp_path / "small_disk"
    cache.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", cache], capture_output=True)
    if mount.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        with pytest.raises(FusionError, match=r"no space left on the disk of the cache folder .*small_disk"):
            run(slides, cache, embedding)
        settings = replace(PLAIN, embed=embedding.key())
        assert load_set(slides, settings, cache=cache) is None
        for request in slides:
            place = entry_for(request, settings, cache=cache)
            assert not place.complete or SlideEntry(folder=place.folder).embeddings().shape == (TILES, 3)
    finally:
        subprocess.run(["umount", cache], check=True)


def test_an_embedding_of_the_wrong_width_is_refused(
    tmp_path: Path, slides: list[SlideRequest], own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / "lying_encoder.py").write_text(_OWN.replace("embedding_width = 3", "embedding_width = 5"))
    lying = EmbeddingSettings(encoder="lying_encoder.Means")
    with pytest.raises(FusionError, match=r"gives embeddings of shape \(64, 3\), but \(tile, 5\) is expected"):
        run(slides[:1], tmp_path, lying)
