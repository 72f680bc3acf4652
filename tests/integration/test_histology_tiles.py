"""``+experiment=histology_tiles`` on invented tiles: the real commands, several classes and two, new images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image

if TYPE_CHECKING:
    from integration.conftest import Workplace

COLOURS = {"fat": (240, 220, 235), "stroma": (220, 120, 170), "tumour & <nerve>": (120, 70, 150)}
SMALL = (
    "+experiment=seed_cnn",
    "cohort.simulated=true",
    "modality.tiles.size=null",
    "model.encoders.tiles.channels=[4,4,4,8,8]",
    "folds.outer=2",
    "trainer.max_epochs=2",
    "trainer.min_epochs=1",
    "evaluation.draws=50",
    "workers=1",
)


@pytest.fixture(scope="module")
def tiles(workplace: Workplace) -> Path:
    """36 tiles of 24 pixels in three folders, whose file names recur in each."""
    rng = np.random.default_rng(0)
    root = workplace.folder / "data" / "tiles"
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(np.array(colour) + rng.normal(0, 12, (24, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:03}.{'png' if number % 2 else 'jpg'}")
    return root


@pytest.fixture(scope="module")
def run(workplace: Workplace, tiles: Path) -> Path:
    done = workplace("train", *SMALL, f"cohort.root={tiles}", "output=tiles_run")
    assert done.returncode == 0, done.stderr
    assert "Balanced accuracy" in done.stdout
    return workplace.folder / "tiles_run"


def test_every_tile_has_a_probability_of_every_class(run: Path) -> None:
    predictions = pd.read_parquet(run / "predictions.parquet")
    assert set(predictions["arm"]) == {"fusion", "classical_lr", "classical_forest", "classical"}
    scores = predictions[[f"score_{name}" for name in sorted(COLOURS)]]
    assert scores.sum(axis=1).to_numpy() == pytest.approx(np.ones(len(scores)))
    assert (scores.max(axis=1) == predictions["score"]).all()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["class_patients"] == [12, 12, 12]
    # Colour alone tells these apart: a model of hand-crafted features that fails would have mixed labels up.
    assert metrics["arms"]["classical"]["accuracy"]["value"] > 0.95
    assert set(pd.read_parquet(run / "inner.parquet")) >= {"balanced_accuracy", "accuracy", "auroc"}


def test_the_report_shows_classes_errors_and_what_is_not_known(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "tumour &amp; &lt;nerve&gt;" in page
    assert "<nerve>" not in page
    assert "figures are optimistic" in page
    assert "SIMULATED" in page
    wrong = json.loads((run / "metrics.json").read_text())["confusion"]["fusion"]["matrix"]
    errors = int(np.sum(wrong) - np.trace(wrong))
    assert page.count('src="data:image/jpeg;base64,') == min(errors, 24)


def test_new_images_in_any_folders_are_classified(run: Path, tiles: Path, workplace: Workplace) -> None:
    new = workplace.folder / "data" / "new"
    for name in ("b", "c"):
        (new / name).mkdir(parents=True)
        (new / name / "same.png").write_bytes((tiles / "fat" / "001.png").read_bytes())
    Image.fromarray(np.full((24, 24), 128, dtype=np.uint8)).save(new / "grey.png")
    done = workplace("predict", "run=tiles_run", "cohort=histology_tiles", f"cohort.root={new}", "output=predictions/t")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(workplace.folder / "predictions" / "t" / "predictions.csv")
    assert table["file"].tolist() == ["b/same.png", "c/same.png", "grey.png"]
    assert set(table["class"]) <= set(COLOURS)
    assert (table["fold_models"] == 2).all()
    scores = table[[f"score_{name}" for name in sorted(COLOURS)]]
    assert scores.sum(axis=1).to_numpy() == pytest.approx(np.ones(3))
    assert scores.iloc[0].to_numpy() == pytest.approx(scores.iloc[1].to_numpy())
    assert not (workplace.folder / "predictions" / "t" / "metrics.json").exists()


def test_a_runs_own_tiles_get_their_out_of_fold_scores(run: Path, tiles: Path, workplace: Workplace) -> None:
    done = workplace(
        "predict", "run=tiles_run", "cohort=histology_tiles", f"cohort.root={tiles}", "output=predictions/own"
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(workplace.folder / "predictions" / "own" / "predictions.csv", float_precision="round_trip")
    kept = pd.read_parquet(run / "predictions.parquet").query("arm == 'fusion'").set_index("patient_id")
    mine = table.set_index("patient_id").loc[kept.index]
    assert (mine["score"] == kept["score"]).all()
    metrics = json.loads((workplace.folder / "predictions" / "own" / "metrics.json").read_text())
    trained = json.loads((run / "metrics.json").read_text())["arms"]["fusion"]["accuracy"]["value"]
    assert metrics["arms"]["fusion"]["accuracy"]["value"] == pytest.approx(trained)


def test_two_collapsed_classes_take_the_binary_path_from_the_runs_weights(
    run: Path, tiles: Path, workplace: Workplace
) -> None:
    labels = "cohort.label_map={rest: '*', tumour: ['tumour & <nerve>']}"
    done = workplace(
        "train", *SMALL, f"cohort.root={tiles}", labels, "model/head=response", "arms=[fusion]",
        "output=predictions/two", "model.encoders.tiles.weights=tiles_run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = json.loads((workplace.folder / "predictions" / "two" / "metrics.json").read_text())
    assert metrics["positives"] == 12
    assert "auroc" in metrics["arms"]["fusion"]


def test_the_runs_encoder_embeds_the_tiles_of_slides(run: Path, tiles: Path) -> None:
    """``modality.slides.embed.weights=<run folder>``: what the trained network makes of a tile, to the last layer."""
    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings

    settings = EmbeddingSettings(encoder="cnn", weights=str(run))
    assert settings.problems() == []
    files = sorted(tiles.rglob("*.png"))
    stack = np.stack([np.asarray(Image.open(file)).transpose(2, 0, 1) for file in files])
    found = settings.load().embed(stack)
    assert found.shape == (len(files), 8)  # channels=[4,4,4,8,8]
    nearest = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e9 * np.eye(len(files))
    same = [files[i].parent == files[j].parent for i, j in enumerate(nearest.argmin(axis=1))]
    assert np.mean(same) > 0.9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("cohort.root", "sub-folder a class")),
        (("cohort.root=nowhere",), ("nowhere", "cohort.root")),
        (("cohort.root=data/tiles", "model/head=response"), ("model/head=by_endpoint", "multiclass")),
        (("cohort.root=data/tiles", "cohort.ignore=[stroma]"), ("model/head=by_endpoint", "binary")),
    ],
)
def test_what_is_refused(tiles: Path, workplace: Workplace, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = workplace("train", *SMALL, *arguments, "output=predictions/refused")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    # Before any image is measured or any arm trained.
    assert done.stdout == ""
