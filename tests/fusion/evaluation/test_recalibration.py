"""An update to another cohort: found where it is known, judged on patients it did not see."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from fusion.apply.recalibration import recalibrate
from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.recalibration import cross_fitted, fit_recalibration

BINARY = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
SETTINGS = SimpleNamespace(draws=50, seed=0)


def shifted(patients: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose log-odds should have been 1.6 times as far, less 0.7."""
    rng = np.random.default_rng(seed)
    scores = expit(rng.normal(size=patients))
    labels = (rng.random(patients) < expit(1.6 * logit(scores) - 0.7)).astype(np.float64)
    return scores, labels


def test_slope_and_intercept_are_logistic_regressions() -> None:
    scores, labels = shifted(3_000)
    found = fit_recalibration(scores, labels, "slope", strength=0.0)
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(scores)[:, None], labels)
    assert (found.slope, found.intercept) == pytest.approx((reference.coef_[0, 0], reference.intercept_[0]), abs=1e-4)
    only = fit_recalibration(scores, labels, "intercept")
    assert only.slope == 1.0
    assert only(scores).mean() == pytest.approx(labels.mean(), abs=1e-6)


def test_a_patients_own_label_has_no_part_in_the_updated_score() -> None:
    scores, labels = shifted(60)
    first = cross_fitted(scores, labels, "slope")
    flipped = labels.copy()
    one, other = np.flatnonzero(labels == 1)[0], np.flatnonzero(labels == 0)[0]
    flipped[[one, other]] = flipped[[other, one]]
    assert fit_recalibration(scores, flipped, "slope") != fit_recalibration(scores, labels, "slope")
    alone = np.abs(cross_fitted(scores, labels, "slope") - fit_recalibration(scores, labels, "slope")(scores))
    assert alone.max() > 1e-4
    assert np.array_equal(first, cross_fitted(scores, labels, "slope"))


def test_separable_scores_stay_finite_and_ranks_are_kept() -> None:
    scores = np.linspace(0.1, 0.9, 20)
    found = fit_recalibration(scores, (scores > 0.5).astype(float), "slope")
    assert 1 < found.slope < 30
    assert fit_recalibration(scores, (scores < 0.5).astype(float), "slope").slope > 0


def test_a_strong_prior_leaves_the_slope_at_one() -> None:
    scores, labels = np.linspace(0.1, 0.9, 20), (np.arange(20) % 3 == 0).astype(float)
    assert fit_recalibration(scores, labels, "slope", strength=1e9).slope == pytest.approx(1.0, abs=1e-6)
    assert abs(fit_recalibration(scores, labels, "slope").slope) < 0.9


def rows_of(scores: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient_id": [f"P{row:03}" for row in range(len(scores))],
            "arm": "fusion",
            "repeat": 0,
            "fold": 0,
            "endpoint": "response",
            "label": labels.astype(int),
            "score": scores,
            "threshold": 0.5,
        }
    )


@pytest.mark.parametrize(
    ("asked", "patients", "what"),
    [(True, 400, "slope"), (True, 30, "intercept"), ("intercept", 400, "intercept"), ("slope", 60, "slope")],
)
def test_before_and_after_are_told(asked: Any, patients: int, what: str) -> None:
    rows = rows_of(*shifted(patients, seed=2))
    table = pd.concat([rows, rows.iloc[:5].assign(patient_id=[f"new{row}" for row in range(5)])])
    found = recalibrate(asked, table, rows, BINARY, SETTINGS)
    assert found is not None
    assert found.record["updated"] == what
    assert len(found.scores) == patients + 5
    before, after = found.record["before"], found.record["after"]
    large = "calibration_intercept"
    assert abs(after[large]["value"]) < abs(before[large]["value"])
    if patients == 400:
        assert after["brier"]["value"] < before["brier"]["value"]
    whole = expit(found.record["slope"] * logit(rows["score"].iloc[0]) + found.record["intercept"])
    assert found.scores.loc["new0"] == pytest.approx(whole)
    assert found.scores.iloc[0] != pytest.approx(whole, abs=1e-6)


def test_what_cannot_be_is_refused() -> None:
    rows = rows_of(*shifted(40))
    assert recalibrate(None, rows, rows, BINARY, SETTINGS) is None
    with pytest.raises(FusionError, match="set true, intercept or slope"):
        recalibrate("platt", rows, rows, BINARY, SETTINGS)
    with pytest.raises(FusionError, match="two labelled patients"):
        recalibrate(True, rows, None, BINARY, SETTINGS)
    three = outcome_of(EndpointSpec(name="t", kind="multiclass", classes=("a", "b", "c")))
    with pytest.raises(FusionError, match=r"binary endpoints; .t. is multiclass"):
        recalibrate(True, rows, rows, three, SETTINGS)
