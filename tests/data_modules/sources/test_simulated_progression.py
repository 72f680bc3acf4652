"""The embedded cohort's time to progression: a table of its own, and nothing else that was ever written changes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sksurv.metrics import concordance_index_censored

from data_modules.sources.simulated import write_cohort
from data_modules.sources.simulated.cohort import draw
from data_modules.sources.simulated.design import CELL
from data_modules.sources.simulated.progression import Progression, concordance, draw_progression
from data_modules.sources.simulated.source import truth_folder
from tests.helpers.simulated import hashes

BEFORE = {
    "": "b55d4f0cdfd9057343aec2545eeff0a1aee25e1f488cfdd842fd3f41c0b61743",
    ".truth": "c282ca0a007cd607937656d0a558e62d27c21cc1bf8655238b0f3656d86a3411",
}
"""Of all files of 16 patients, seed 3, as commit 58ad160 wrote them, stamps included."""
LATER = ("progression.tsv", "progression.parquet", "oracle_progression.json")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("progression") / "cohort"
    write_cohort(folder, patients=16, seed=3, workers=1)
    return folder


def whole(folder: Path) -> str:
    found = "".join(f"{name} {value}\n" for name, value in sorted(hashes(folder).items()) if name not in LATER)
    return hashlib.sha256(found.encode()).hexdigest()


def test_every_file_of_before_is_what_it_was(root: Path) -> None:
    assert whole(root) == BEFORE[""]
    assert whole(truth_folder(root)) == BEFORE[".truth"]


def test_a_cohort_of_before_gets_the_table_and_nothing_else(root: Path) -> None:
    then = hashes(root)
    (root / "progression.tsv").unlink()
    slide = next((root / "slides").glob("*.tif"))
    written = slide.stat().st_mtime_ns
    write_cohort(root, patients=16, seed=3, workers=1)
    assert hashes(root) == then
    assert slide.stat().st_mtime_ns == written


def test_table_and_truth_agree(root: Path) -> None:
    table = pd.read_csv(root / "progression.tsv", sep="\t").set_index("case_submitter_id")
    truth = pd.read_parquet(truth_folder(root) / "progression.parquet").set_index("patient_id")["log_risk"]
    oracle = json.loads((truth_folder(root) / "oracle_progression.json").read_text())
    seen = table["progression_seen"] == "yes"
    days = table["days_to_progression_or_last_visit"].astype(float)
    expected = concordance_index_censored(seen.to_numpy(), days.to_numpy(), truth.loc[table.index].to_numpy())[0]
    assert oracle == {"c_harrell": pytest.approx(expected), "events": int(seen.sum()), "patients": 16}
    assert (days >= 1).all()


@pytest.mark.parametrize("seed", [1, 7, 20])
def test_what_drives_response_drives_progression_at_any_seed(seed: int) -> None:
    drawn = draw(patients=240, seed=seed, interaction=1.0)
    found = drawn.progression
    assert 0.55 < found.seen.mean() < 0.75
    risk = [CELL[bool(t), bool(d)] for t, d in zip(drawn.rich, drawn.deficient, strict=True)] + drawn.outcome.clinical
    np.testing.assert_allclose(np.corrcoef(found.risk, risk)[0, 1], -1)
    assert 0.79 < concordance_index_censored(found.seen, found.days.astype(float), found.risk)[0] < 0.85
    # Each route alone says little.
    for one in (drawn.rich, drawn.deficient):
        alone = concordance_index_censored(found.seen, found.days.astype(float), one.astype(float))[0]
        assert abs(alone - 0.5) < 0.1
    without = draw(patients=240, seed=seed, interaction=0.0)
    assert np.array_equal(without.rich, drawn.rich)
    assert np.ptp(without.progression.risk) < np.ptp(found.risk)


def test_times_are_weibull_quantiles_and_end_with_the_study_or_earlier() -> None:
    """The same stream of random numbers, with SciPy's distribution: cell after cell, then entries, then who leaves."""
    rich, deficient = np.arange(40) % 2 == 0, np.arange(40) % 5 < 2
    clinical = np.linspace(-1, 1, 40)
    given = {"rich": rich, "deficient": deficient, "clinical": clinical}
    found = draw_progression(np.random.default_rng(5), **given, interaction=0.5)
    cells = np.array([CELL[bool(t), bool(d)] for t, d in zip(rich, deficient, strict=True)])
    risk = -0.9 * (0.5 * cells + clinical)
    np.testing.assert_allclose(found.risk, risk - risk.mean())
    rng = np.random.default_rng(5)
    quantile = np.empty(40)
    for cell in ((False, False), (False, True), (True, False), (True, True)):
        members = rng.permutation(np.flatnonzero((rich == cell[0]) & (deficient == cell[1])))
        quantile[members] = (np.arange(len(members)) + rng.random()) / len(members)
    time = stats.weibull_min.ppf(quantile, 1.3, scale=800 * np.exp(-found.risk / 1.3))
    entry, leaving = rng.random(40), rng.exponential(4000.0, 40)
    end = np.minimum(1800 - 900 * entry, leaving)
    assert found.days.tolist() == np.maximum(1, np.ceil(np.minimum(time, end))).tolist()
    assert found.seen.tolist() == (time <= end).tolist() and 5 < found.seen.sum() < 35


def test_concordance_by_hand() -> None:
    """Of pairs whose earlier one is seen: a tie of risks counts half; who is last seen on the same day counts later."""
    days, seen = np.array([10, 20, 20, 30]), np.array([True, True, False, True])
    risk = np.array([2.0, 1.0, 3.0, 1.0])
    # 10 before all others: right, wrong, right; 20 before the one last seen that day, wrong, and 30, a tie.
    assert concordance(Progression(risk=risk, days=days, seen=seen)) == pytest.approx((2 + 0.5) / 5)
    nobody = Progression(risk=risk, days=days, seen=np.zeros(4, dtype=bool))
    assert np.isnan(concordance(nobody))
