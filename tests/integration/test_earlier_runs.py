"""A run folder that commit 2c33775 wrote still predicts, bit for bit, and explains."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from integration.conftest import Workplace

ARCHIVE = Path(__file__).resolve().parents[1] / "fixtures" / "run_2c33775.tar.xz"


@pytest.fixture(scope="module")
def earlier(trained: Path, workplace: Workplace) -> Iterator[Path]:
    """The run, of the 40 simulated patients that this version writes byte for byte the same."""
    del trained  # it wrote the cohort and ingested it
    folder = workplace.folder / "earlier"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    yield folder / "run"
    shutil.rmtree(folder)


def test_it_predicts_what_it_predicted_then(earlier: Path, workplace: Workplace) -> None:
    names_old_places = (earlier / "config.yaml").read_text(encoding="utf-8")
    assert "data_modules.cohort.CohortSource" in names_old_places
    assert "fusion.encoders.cnn.TileCNN" in names_old_places
    out = workplace.folder / "earlier" / "predictions"
    line = ("run=earlier/run", "cohort=tcga_brca_simulated", "cohort.patients=40", f"output={out}")
    done = workplace("predict", *line)
    assert done.returncode == 0, done.stderr
    now = pd.read_csv(out / "predictions.csv", float_precision="round_trip").set_index("patient_id")["score"]
    then = pd.read_parquet(earlier / "predictions.parquet")
    then = then[then["arm"] == "fusion"].set_index("patient_id")["score"]
    # Another processor sums in another order: scores differ in the eleventh digit there.
    assert now.loc[then.index].tolist() == pytest.approx(then.tolist(), rel=1e-6)


def test_it_explains(earlier: Path, workplace: Workplace) -> None:
    out = workplace.folder / "earlier" / "explanations"
    patient = pd.read_parquet(earlier / "predictions.parquet")["patient_id"].iloc[0]
    line = ("run=earlier/run", f"patients=[{patient}]", "steps=8", "root=data/tcga_brca_simulated_patients_40")
    done = workplace("explain", *line, f"output={out}", "workers=1")
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(out / "attributions.parquet")
    assert set(table["modality"]) == {"slides", "variants", "clinical"}
    assert (out / "attribution_report.html").is_file()
