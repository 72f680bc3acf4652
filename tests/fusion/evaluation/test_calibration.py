from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import f1_score

from fusion.evaluation.calibration import Platt, choose_threshold, fit_platt, reliability
from fusion.evaluation.decision_curve import net_benefit, treat_all
from fusion.evaluation.outcomes.ordinal import Grades


def test_platt_recovers_the_line_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(3.0, 2.0, 20_000)
    labels = rng.random(20_000) < expit(0.7 * logits - 1.5)
    platt = fit_platt(logits, labels)
    assert (platt.slope, platt.intercept) == pytest.approx((0.7, -1.5), abs=0.06)
    assert Platt(**platt.state()) == platt


def test_platt_keeps_the_mean_and_stays_finite_on_separable_scores() -> None:
    logits, labels = np.array([-3.0, -2, -1, 1, 2]), np.array([0, 0, 0, 1, 1])
    platt = fit_platt(logits, labels)
    scores = platt(logits)
    assert 0 < platt.slope < 10
    # The gradient in the intercept vanishes where the mean score is the share of positives.
    assert scores.sum() == pytest.approx(2.0, abs=1e-6)
    assert (np.diff(scores) > 0).all()


def test_platt_never_turns_the_ranking_round_and_falls_back_to_the_prevalence() -> None:
    logits, labels = np.arange(10.0), np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    scores = fit_platt(logits, labels)(logits)
    assert (np.diff(scores) > 0).all()
    assert scores == pytest.approx(np.full(10, 0.4), abs=0.01)
    assert fit_platt(np.full(10, 7.0), labels)(np.full(10, 7.0)) == pytest.approx(np.full(10, 0.4))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_platt_scores_do_not_depend_on_the_unit_of_the_logit(scale: float) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=60)
    labels = (rng.random(60) < expit(logits)).astype(int)
    assert fit_platt(scale * logits, labels)(scale * logits) == pytest.approx(
        fit_platt(logits, labels)(logits), abs=1e-7
    )


def test_scores_stay_off_0_and_1() -> None:
    scores = Platt(slope=100.0, intercept=0.0)(np.array([-50.0, 50.0]))
    assert 0 < scores[0] < scores[1] < 1


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([0.0, np.nan], [0, 1], "1 of 2 scores are not finite"),
        ([0.0, 1.0], [1, 1], "both classes"),
        ([0.0, 1.0], [0, 2], "0 or 1"),
        ([0.0, 1.0, 2.0], [0, 1], "same patients"),
    ],
)
def test_bad_input_is_refused(logits: list[float], labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_platt(logits, labels)


def test_threshold_by_hand() -> None:
    labels, scores = np.array([0, 0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
    # Youden: at 0.25 sensitivity 1, specificity 2/3; at 0.5 sensitivity 2/3, specificity 1. Equal: the higher of two.
    assert choose_threshold(labels, scores) == pytest.approx(0.5)
    # F1 at 0.25: 6/7; at 0.5: 4/5.
    assert choose_threshold(labels, scores, rule="f1") == pytest.approx(0.25)


def test_threshold_is_the_best_of_all_cuts() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(80) < 0.4).astype(int)
    scores = np.round(rng.beta(2, 2, 80) * 0.7 + 0.3 * labels, 2)
    best = max(f1_score(labels, scores >= cut) for cut in np.unique(scores))
    cut = choose_threshold(labels, scores, rule="f1")
    assert f1_score(labels, scores >= cut) == pytest.approx(best)


def test_reliability_by_hand() -> None:
    scores = np.concatenate([np.full(10, 0.2), np.full(10, 0.7)])
    labels = np.concatenate([[1, 1], np.zeros(8), np.ones(7), np.zeros(3)])
    curve = reliability(labels, scores, bins=2)
    assert curve.predicted == pytest.approx([0.2, 0.7])
    assert curve.observed == pytest.approx([0.2, 0.7])
    # Wilson's interval for 2 of 10, as published: 0.057 to 0.510.
    assert (curve.low[0], curve.high[0]) == pytest.approx((0.0567, 0.5098), abs=1e-3)
    twice = reliability(np.tile(labels, 2), np.tile(scores, 2), bins=2, repeats=2)
    assert twice.low == pytest.approx(curve.low)


def test_net_benefit_by_hand() -> None:
    labels, scores = np.array([1.0, 1, 0, 0, 0]), np.array([0.9, 0.3, 0.6, 0.2, 0.1])
    thresholds = np.array([0.25, 0.5])
    # At 0.25: 2 true, 1 false positive of 5 → 0.4 - 0.2/3; at 0.5: 1 and 1 → 0.2 - 0.2.
    assert net_benefit(labels, scores, thresholds) == pytest.approx([0.4 - 0.2 / 3, 0.0])
    assert treat_all(labels, thresholds) == pytest.approx([0.4 - 0.6 / 3, 0.4 - 0.6])


def test_platts_prior_is_worth_a_tenth_of_a_patient_of_standardised_logits() -> None:
    """Against scikit-learn: C = 10 on the standardised logit."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(8)
    logits = rng.normal(2.0, 3.0, 40)
    labels = (rng.random(40) < expit(0.4 * (logits - 2))).astype(int)
    z = (logits - logits.mean()) / logits.std()
    reference = LogisticRegression(C=10.0, tol=1e-12, max_iter=1000)
    reference.fit(z[:, None], labels)
    assert fit_platt(logits, labels).slope * logits.std() == pytest.approx(reference.coef_[0, 0], abs=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_a_steeper_calibrator_keeps_the_mean_score_whatever_the_scale_of_logits(scale: float) -> None:
    """A plain model under a strong penalty gives logits that hardly vary, far from 0."""
    random = np.random.default_rng(0)
    logits = scale * (random.normal(size=200) - 5.0)
    labels = (random.random(200) < expit(logits / scale + 5.0)).astype(np.int64)
    platt = fit_platt(logits, labels)
    steeper = platt.steeper(1.4, logits, narrower=1.4)
    assert steeper.slope == pytest.approx(1.4 * platt.slope)
    narrow = logits.mean() + (logits - logits.mean()) / np.sqrt(1.4)
    assert steeper(narrow).mean() == pytest.approx(platt(logits).mean(), abs=1e-6)


@pytest.mark.parametrize(("patients", "spread"), [(120, 1.0), (200, 2.0), (600, 3.0)])
def test_platts_slope_of_calibrated_logits_is_one_in_the_middle_of_cohorts(patients: int, spread: float) -> None:
    """Log odds that are right need no slope; smoothed targets and a prior of 1 made it 0.90, 0.90 and 0.93."""
    rng = np.random.default_rng(1)
    slopes = []
    for _ in range(300):
        logits = spread * rng.normal(size=patients) - 1.0
        slopes.append(fit_platt(logits, (rng.random(patients) < expit(logits)).astype(int)).slope)
    assert np.median(slopes) == pytest.approx(1.0, abs=0.025)


@pytest.mark.parametrize("fitted", [Platt(slope=3.0, intercept=1.0), Grades(slope=3.0, cuts=(0.0, 1.0))])
def test_the_variance_of_calibrated_logits_has_the_slope_squared(fitted: Platt | Grades) -> None:
    """Of 0, 2, 4 it is 8 / 3."""
    assert fitted.variance([0.0, 2.0, 4.0]) == pytest.approx(9 * 8 / 3)
