from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from fusion.evaluation.curves import THRESHOLDS, curves
from fusion.evaluation.decision_curve import net_benefit, net_benefit_draws
from fusion.evaluation.intervals import resample
from fusion.evaluation.metrics import Scored, calibration_line


def example(patients: int = 150, *, seed: int = 0) -> Scored:
    rng = np.random.default_rng(seed)
    scores = rng.beta(2, 3, patients)
    return Scored(
        labels=(rng.random(patients) < scores).astype(float),
        scores=scores,
        thresholds=np.full(patients, 0.5),
        folds=np.zeros(patients, dtype=np.int64),
    )


def test_the_line_is_scikit_learns() -> None:
    data = example()
    line = calibration_line(data.labels, data.scores, np.ones((1, 150)))[0]
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(data.scores)[:, None], data.labels)
    assert line == pytest.approx([theirs.coef_[0, 0], theirs.intercept_[0]], abs=1e-4)


def test_curves_are_means_over_repeats_with_bands_of_the_shared_draws() -> None:
    repeats = [example(seed=0), example(seed=0)]
    repeats[1] = Scored(labels=repeats[0].labels, scores=repeats[0].scores**1.3, thresholds=repeats[0].thresholds,
                        folds=repeats[0].folds)  # fmt: skip
    plan = resample(np.arange(150), 300, seed=0)
    found = curves(repeats, plan)
    decision, calibration = found["decision"], found["calibration"]
    assert decision is not None
    assert calibration is not None
    by_hand = [net_benefit(one.labels, one.scores, THRESHOLDS) for one in repeats]
    assert decision["value"] == pytest.approx(np.mean(by_hand, axis=0), abs=1e-6)
    drawn = np.mean(
        [net_benefit_draws(one.labels, one.scores, THRESHOLDS, plan.counts[1:301]) for one in repeats], axis=0
    )
    assert decision["low"] == pytest.approx(np.quantile(drawn, 0.025, axis=0), abs=1e-6)
    assert decision["high"] == pytest.approx(np.quantile(drawn, 0.975, axis=0), abs=1e-6)
    lines = [calibration_line(one.labels, one.scores, np.ones((1, 150)))[0] for one in repeats]
    x = logit(np.array(calibration["x"]))
    assert calibration["value"] == pytest.approx(np.mean([expit(a * x + b) for a, b in lines], axis=0), abs=1e-4)
    for curve in (decision, calibration):
        assert (np.array(curve["low"]) <= np.array(curve["value"]) + 1e-9).all()
        assert (np.array(curve["high"]) >= np.array(curve["value"]) - 1e-9).all()


def test_scores_all_alike_have_no_calibration_curve() -> None:
    data = example()
    flat = Scored(labels=data.labels, scores=np.full(150, 0.4), thresholds=data.thresholds, folds=data.folds)
    found = curves([flat], resample(np.arange(150), 20, seed=0))
    assert found["calibration"] is None
    assert found["decision"] is not None


def test_net_benefit_of_draws_is_that_of_the_drawn_sample() -> None:
    data = example(30)
    counts = resample(np.arange(30), 3, seed=0).counts[1:4]
    for row, found in zip(counts, net_benefit_draws(data.labels, data.scores, THRESHOLDS, counts), strict=True):
        rows = np.repeat(np.arange(30), row.astype(int))
        assert found == pytest.approx(net_benefit(data.labels[rows], data.scores[rows], THRESHOLDS))
    # A score on the threshold is treated.
    assert net_benefit(np.array([1.0, 0.0]), np.array([0.5, 0.1]), np.array([0.5])) == pytest.approx([0.5])
