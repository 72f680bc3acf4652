"""``python -m fusion.predict`` on the small run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from integration.conftest import Check, Workplace


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, float_precision="round_trip").set_index("patient_id")


def test_training_patients_get_their_out_of_fold_scores_bit_for_bit(trained: Path, workplace: Workplace) -> None:
    done = workplace(
        "predict", "run=run", "cohort=tcga_brca_simulated", "cohort.patients=40", "output=predictions", "overwrite=true"
    )
    assert done.returncode == 0, done.stderr
    scores = read(workplace.folder / "predictions" / "predictions.csv")
    trained_scores = pd.read_parquet(trained / "predictions.parquet").set_index("patient_id")
    trained_scores = trained_scores[trained_scores["arm"] == "fusion"]
    assert scores["score"].loc[trained_scores.index].tolist() == trained_scores["score"].tolist()
    assert scores["in_training"].all()
    assert (scores["fold_models"] == 1).all()
    metrics = json.loads((workplace.folder / "predictions" / "metrics.json").read_text())
    assert "On this cohort, " in done.stdout
    assert metrics["simulated"] is True
    assert metrics["patients"] == len(trained_scores)


def test_every_stored_arm_gives_its_out_of_fold_scores_and_is_compared(trained: Path, workplace: Workplace) -> None:
    """Classical models from skops, late fusion and the chosen arm too: bit for bit, and a verdict for the cohort."""
    folder = workplace.folder / "predictions"
    if not folder.exists():
        pytest.skip("the test before this one predicts")
    by_arm = pd.read_csv(folder / "arms.csv", float_precision="round_trip")
    expected = pd.read_parquet(trained / "predictions.parquet")
    expected = expected[~expected["arm"].str.startswith("floor_")]  # what floors are of is not kept
    assert set(by_arm["arm"]) == set(expected["arm"])
    for arm, rows in by_arm.groupby("arm"):
        there = expected[expected["arm"] == arm].set_index("patient_id")["score"]
        assert rows.set_index("patient_id")["score"].loc[there.index].tolist() == there.tolist(), arm
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {row["arm"] for row in metrics["comparisons"]} == set(expected["arm"]) - {"fusion"}
    assert set(metrics["verdict"]["against"]) == {"only_slides", "only_variants", "only_clinical", "late", "classical"}
    assert "auroc_fold_mean" not in metrics["arms"]["late"]


def test_a_classical_arm_is_applied_by_itself(trained: Path, workplace: Workplace) -> None:
    done = workplace(
        "predict", "run=run", "cohort=tcga_brca_simulated", "cohort.patients=40", "arm=classical", "output=classical",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = read(workplace.folder / "classical" / "predictions.csv")["score"]
    expected = pd.read_parquet(trained / "predictions.parquet").set_index("patient_id")
    expected = expected.loc[expected["arm"] == "classical", "score"]
    assert scores.loc[expected.index].tolist() == expected.tolist()
    assert "verdict" not in json.loads((workplace.folder / "classical" / "metrics.json").read_text())


def test_altered_weights_are_refused(trained: Path, workplace: Workplace, refused: Check) -> None:
    copy = workplace.folder / "altered"
    shutil.copytree(trained, copy)
    weights = copy / "models" / "repeat0_fold0" / "fusion" / "member0.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    try:
        refused("predict", "run=altered", "cohort=tcga_brca_simulated", words=("altered", "member0.safetensors"))
    finally:
        shutil.rmtree(copy)


def test_a_run_without_weights_is_refused(trained: Path, workplace: Workplace, refused: Check) -> None:
    copy = workplace.folder / "weightless"
    shutil.copytree(trained, copy)
    for weights in copy.glob("models/*/*/member*.safetensors"):
        weights.unlink()
    try:
        refused("predict", "run=weightless", "cohort=tcga_brca_simulated", words=("weightless", "missing"))
    finally:
        shutil.rmtree(copy)


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_a_run_of_a_newer_version_is_refused(trained: Path, workplace: Workplace, refused: Check, command: str) -> None:
    copy = workplace.folder / "newer"
    copy.mkdir()
    record = json.loads((trained / "run.json").read_text())
    record["format"] += 1
    (copy / "run.json").write_text(json.dumps(record))
    cohort = ("cohort=tcga_brca_simulated",) if command == "predict" else ()
    try:
        refused(command, "run=newer", *cohort, words=("newer version", "Update the package"))
    finally:
        shutil.rmtree(copy)


def test_no_run_is_refused(workplace: Workplace, refused: Check) -> None:
    refused("predict", "run=nowhere", "cohort=tcga_brca_simulated", words=("nowhere", "run="))


def test_another_build_is_refused(trained: Path, refused: Check) -> None:
    refused(
        "predict",
        "run=run",
        "cohort=tcga_brca_simulated",
        "cohort.patients=40",
        "cohort.build=GRCh37",
        words=("GRCh37", "cohort.build"),
    )


def test_an_unknown_arm_is_refused(trained: Path, refused: Check) -> None:
    refused(
        "predict",
        "run=run",
        "cohort=tcga_brca_simulated",
        "cohort.patients=40",
        "arm=only_blood",
        words=("only_blood", "only_slides"),
    )
