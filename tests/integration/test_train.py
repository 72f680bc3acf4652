"""``python -m fusion.train +experiment=breast_tcga`` at small size: the real command; Hail, slides and networks run."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import yaml

if TYPE_CHECKING:
    from integration.conftest import Workplace


ARMS = {
    "fusion",
    "only_slides",
    "only_variants",
    "only_clinical",
    "classical_lr",
    "classical_forest",
    "late",
    "classical",
    "floor_clinical",
    "floor_site",
}


def test_every_patient_has_one_score_an_arm(trained: Path) -> None:
    predictions = pd.read_parquet(trained / "predictions.parquet")
    cohort = pd.read_csv(trained / "cohort.csv")
    kept = cohort.loc[cohort["kept"], "patient_id"]
    assert set(predictions["arm"]) == ARMS
    for _, rows in predictions.groupby("arm"):
        assert sorted(rows["patient_id"]) == sorted(kept)
    assert predictions["score"].between(0, 1).all()


def test_no_patient_is_scored_by_models_that_saw_them(trained: Path) -> None:
    folds = json.loads((trained / "folds.json").read_text())["folds"]
    predictions = pd.read_parquet(trained / "predictions.parquet")
    for fold in folds:
        scored = set(predictions.loc[predictions["fold"] == fold["index"], "patient_id"])
        assert scored == set(fold["test"])
        assert not scored & set(fold["train"])
        for inner in fold["inner"]:
            assert not set(inner["train"]) & set(inner["val"])
            assert set(inner["train"]) | set(inner["val"]) == set(fold["train"])


def test_everything_is_stamped_simulated(trained: Path) -> None:
    assert json.loads((trained / "run.json").read_text())["simulated"] is True
    assert json.loads((trained / "metrics.json").read_text())["simulated"] is True
    assert "SIMULATED" in (trained / "report.html").read_text()
    for figure in (trained / "figures").glob("*.svg"):
        assert "SIMULATED" in figure.read_text()


def test_the_folder_is_complete(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {
        "config.yaml", "run.json", "folds.json", "cohort.csv", "predictions.parquet", "metrics.json",
        "selected.parquet", "models", "figures", "report.html",
    } <= names  # fmt: skip
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["cohort"]["patients"] == 40
    selected = pd.read_parquet(trained / "selected.parquet")
    assert {"feature", "gene", "rank", "selected", "fold"} <= set(selected)
    record = json.loads((trained / "run.json").read_text())
    begun, ended = (datetime.fromisoformat(record[one]) for one in ("started", "finished"))
    assert abs((ended - begun).total_seconds() - record["seconds"]) < 3, "what the run says of its time agrees"
    parts = {part["title"]: part for part in json.loads((trained / "quality.json").read_text())["parts"]}
    assert set(parts) == {"slides", "somatic variants", "germline variants", "clinical"}
    somatic = parts["somatic variants"]
    sites = somatic["counts"]["sites"]
    assert 0 < sites["filter"] < sites["kept_variants"] < sites["read"] + sites["multi_allelic_split"]
    assert (trained / "figures" / somatic["figure"]).is_file()
    assert not list(trained.rglob("*.partial"))
    assert not [path for path in trained.rglob("*") if path.suffix in (".pkl", ".pt", ".ckpt", ".joblib")]


def test_the_working_directory_stays_clean(trained: Path, workplace: Workplace) -> None:
    assert "run" in workplace.left_by_training
    assert workplace.left_by_training <= {"run", "data", ".cache"}


def test_one_worker_gives_the_same_scores_bit_for_bit(trained: Path, workplace: Workplace) -> None:
    done = workplace.train("output=again", "overwrite=true", "workers=2", "logger=none")
    assert done.returncode == 0, done.stderr
    assert "Verdict" in done.stdout
    first = pd.read_parquet(trained / "predictions.parquet")
    second = pd.read_parquet(workplace.folder / "again" / "predictions.parquet")
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_an_interrupted_run_resumes(trained: Path, workplace: Workplace) -> None:
    """What a kill after the first fold leaves behind, and going on from it."""
    before = pd.read_parquet(trained / "predictions.parquet")
    record = json.loads((trained / "run.json").read_text())
    unfinished = {key: value for key, value in record.items() if key not in ("files", "seconds", "finished", "steps")}
    (trained / "run.json").write_text(json.dumps({**unfinished, "status": "running"}))
    (trained / "models" / "repeat0_fold1" / "result.json").unlink()
    kept = (trained / "models" / "repeat0_fold0" / "fusion" / "member0.safetensors").stat().st_mtime_ns

    refused = workplace.train("output=run")
    assert refused.returncode == 2
    assert "resume=true" in refused.stderr

    done = workplace.train("output=run", "resume=true")
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(before, pd.read_parquet(trained / "predictions.parquet"), check_exact=True)
    assert (trained / "models" / "repeat0_fold0" / "fusion" / "member0.safetensors").stat().st_mtime_ns == kept


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("modality.clinical.columns=[vital_status]",), ("vital_status", "modality.clinical.columns")),
        (("cohort.build=GRCh37",), ("GRCh37", "cohort.build")),
        (("folds.outer=30",), ("folds.outer",)),
        (("arms=[fusion,late]",), ("singles",)),
        (("cohort.generator=null", "cohort.root=nowhere"), ("nowhere", "cohort.root")),
    ],
)
def test_bad_input_ends_early(
    trained: Path, workplace: Workplace, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = workplace.train("output=refused", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not (workplace.folder / "refused" / "models").exists()
