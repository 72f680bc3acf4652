"""``+experiment=breast_mri`` at tiny size: the real commands over volumes in both formats; train, predict, explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from integration.conftest import Check, Workplace

COHORT = ("cohort.patients=24", "cohort.seed=5")
SMALL = (
    *COHORT,
    "folds.outer=2",
    "folds.inner=2",
    "trainer.max_epochs=2",
    "trainer.min_epochs=1",
    "model.encoders.mri.channels=[4,4]",
    "evaluation.draws=50",
    "workers=1",
)


@pytest.fixture(scope="module")
def mri(workplace: Workplace) -> Path:
    """The run folder of a tiny run, in the workplace's subfolder ``data`` that the other tests leave alone."""
    done = workplace("train", "+experiment=breast_mri", *SMALL, "output=data/mri_run")
    assert done.returncode == 0, done.stderr
    assert "Verdict" in done.stdout
    return workplace.folder / "data" / "mri_run"


def test_all_arms_score_everyone_and_all_is_stamped(mri: Path) -> None:
    predictions = pd.read_parquet(mri / "predictions.parquet")
    networks, floors = {"fusion", "base", "only_mri", "only_clinical"}, {"floor_clinical", "floor_site"}
    arms = networks | floors | {"classical_lr", "classical_forest", "late", "classical"}
    assert set(predictions["arm"]) == arms
    assert (predictions.groupby("arm").size() == 24).all()
    assert predictions["score"].between(0, 1).all()
    assert json.loads((mri / "metrics.json").read_text())["simulated"] is True
    assert "SIMULATED" in (mri / "report.html").read_text()
    cohort = pd.read_csv(mri / "cohort.csv").set_index("patient_id")
    assert cohort["mri"].sum() == 23  # one lacks the volumes, and is kept for their table


def test_prediction_repeats_out_of_fold_scores_and_takes_new_patients(mri: Path, workplace: Workplace) -> None:
    run = f"run={mri.relative_to(workplace.folder)}"
    done = workplace("predict", run, "cohort=mri_simulated", *COHORT, "output=data/mri_same")
    assert done.returncode == 0, done.stderr
    same = pd.read_csv(workplace.folder / "data" / "mri_same" / "predictions.csv", float_precision="round_trip")
    trained = pd.read_parquet(mri / "predictions.parquet").query("arm == 'fusion'").set_index("patient_id")["score"]
    assert same.set_index("patient_id")["score"].loc[trained.index].tolist() == trained.tolist()


def test_other_intensities_are_refused(mri: Path, workplace: Workplace, refused: Check) -> None:
    refused(
        "predict",
        f"run={mri.relative_to(workplace.folder)}",
        "cohort=mri_simulated",
        *COHORT,
        "modality.mri.sequences.t1_post.intensity=ct",
        words=("modality.mri.sequences", "'mr'", "'ct'"),
    )


def test_explain_names_modalities_and_patches(mri: Path, workplace: Workplace) -> None:
    done = workplace(
        "explain",
        f"run={mri.relative_to(workplace.folder)}",
        "patients=[SIM-MR-0002,SIM-MR-0005]",
        "steps=8",
        "workers=1",
        "output=data/mri_explained",
    )
    assert done.returncode == 0, done.stderr
    rows = pd.read_parquet(workplace.folder / "data" / "mri_explained" / "attributions.parquet")
    patches = rows[(rows["modality"] == "mri") & rows["feature"].str.startswith("t1_")]
    assert (patches.groupby("patient")["attention"].sum() - 1).abs().max() < 1e-5
    page = (workplace.folder / "data" / "mri_explained" / "patients" / "SIM-MR-0005.html").read_text()
    assert page.count('alt="t1_post, axial plane"') == 1
    assert page.count('class="voxels"') >= 3
    listed = page.partition('aria-label="mri, patches"')[2].partition("</table>")[0]
    assert "t1_pre, patch 0, 0, 0" in listed and "t1_post, patch 0, 0, 0" in listed
    columns = page.partition('<section aria-label="mri">')[2].partition("</section>")[0]
    assert "all mri pooled" in columns and "patch" not in columns and "unknown" not in columns
    assert {"mri", "clinical"} <= set(rows.loc[rows["feature"] == "(modality)", "modality"])
