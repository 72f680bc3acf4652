"""What is measured of groups of patients, against scikit-learn, lifelines and by differences of weights."""

from __future__ import annotations

from typing import Any

import lifelines
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import cohen_kappa_score

from fusion.contract import EndpointSpec, Truth
from fusion.evaluation.gauges.base import Estimate, gap_over_error
from fusion.evaluation.gauges.classes import BinaryGauge, rank_estimate
from fusion.evaluation.gauges.grades import kappa_influence
from fusion.evaluation.gauges.kinds import gauge_of
from fusion.evaluation.gauges.times import TimesGauge
from fusion.evaluation.outcome import outcome_of
from tests.helpers.survival import followed

BINARY = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
GRADE = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))
DEATH = EndpointSpec(
    name="death", kind="survival", classes=("censored", "event"), horizons=(5.0, 8.0, 11.0), unit="months"
)


def test_gaps_over_their_errors_by_hand() -> None:
    """Three against three patients: Welch's t, and Hanley and McNeil's error of AUROCs 1 and 1/2 of two pairs each."""
    labels, scores = np.array([1, 1, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.1, 0.9, 0.1, 0.5])
    member = np.array([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    sides = [BinaryGauge(outcome_of(BINARY), [Truth(label=labels)], one) for one in (member, 1 - member)]
    variances = []
    for area in ((1 * 2 + 0.5) / 3, (0.5 * 2 + 0.5) / 3):
        one = area / (2 - area) - area**2
        variances.append((area * (1 - area) + one) / 2)
    found = gap_over_error(*(one.tested([scores]) for one in sides))
    assert found[0] == pytest.approx((1 - 0.5) / np.sqrt(sum(variances)))
    residual = labels - scores
    expected = (residual[:3].mean() - residual[3:].mean()) / np.sqrt(
        residual[:3].var(ddof=1) / 3 + residual[3:].var(ddof=1) / 3
    )
    found = gap_over_error(*(one.calibration_tested([scores]) for one in sides))
    assert found[0] == pytest.approx(expected)
    nothing = Estimate(value=np.array([np.nan]), variance=np.array([0.1]))
    assert gap_over_error(nothing, nothing)[0] == 0


def test_kappa_is_scikit_learns_and_influence_its_derivative_by_a_weight() -> None:
    rng = np.random.default_rng(1)
    labels, calls = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    calls = np.where(rng.random(50) < 0.5, labels, calls)
    value, influence, least = kappa_influence(labels.astype(float), calls.astype(float), np.ones((1, 50)))
    assert value[0] == pytest.approx(cohen_kappa_score(labels, calls, weights="quadratic"))
    step = 1e-4
    weights = 1 + step * np.concatenate([np.eye(50), -np.eye(50)])
    # `number` is at least 1 a draw, so weights that sum to 50 ± step are means of weighted patients.
    moved = kappa_influence(labels.astype(float), calls.astype(float), weights)[0]
    assert influence[0] == pytest.approx((moved[:50] - moved[50:]) / (2 * step), abs=1e-6)
    assert 0 < least[0] < (influence**2).sum()
    assert np.isnan(kappa_influence(np.ones(3), np.ones(3), np.ones((1, 3)))[0][0])


def test_grades_are_off_by_the_grade_expected_and_a_group_needs_two_grades() -> None:
    labels = np.array([0, 1, 2, 2])
    scores = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    gauge = gauge_of(outcome_of(GRADE), [Truth(label=labels)], np.ones((1, 4)))
    assert gauge.calibration([scores])[0] == pytest.approx(((0 - 0.5) + (1 - 1.3) + 0 + 2) / 4)
    assert gauge.of_nobody()[0] == pytest.approx([0.25, 0.25, 0.5])
    assert gauge.enough([5, 0, 9], (0, 1, 2)) and not gauge.enough([4, 4, 30], (0, 1, 2))
    assert gauge.dealt_within() is None


@pytest.fixture(scope="module")
def death() -> dict[str, Any]:
    times, events, risk = followed(80, seed=2, censored=0.5)
    rng = np.random.default_rng(0)
    survival = np.sort(expit(rng.normal(size=(80, 3))))[:, ::-1]
    scores = np.concatenate([risk[:, None], survival], axis=1)
    return {"times": times, "events": events, "scores": scores, "member": (rng.random((1, 80)) < 0.5).astype(float)}


def times_gauge(death: dict[str, Any], counts: np.ndarray, **changed: Any) -> TimesGauge:
    truth = Truth(label=death["events"].astype(np.int64), time=death["times"], part=np.arange(80) % 2)
    return TimesGauge(outcome_of(EndpointSpec(**(vars(DEATH) | changed))), [truth], counts)


def test_times_are_calibrated_at_the_middle_horizon_beside_lifelines_estimate(death: dict[str, Any]) -> None:
    gauge, scores, here = times_gauge(death, death["member"]), [death["scores"]], death["member"][0] == 1
    curve = lifelines.KaplanMeierFitter().fit(death["times"][here], death["events"][here])
    expected = 1 - float(curve.predict(8.0)) - (1 - death["scores"][here, 2].mean())
    assert gauge.calibration(scores)[0] == pytest.approx(expected)
    assert gauge.told()["calibration"] == "risk at 8 months, observed minus expected"
    nobody = gauge.of_nobody()[0]
    whole = lifelines.KaplanMeierFitter().fit(death["times"], death["events"])
    assert nobody == pytest.approx([0.0, *whole.predict([5.0, 8.0, 11.0])])


def test_the_error_of_the_observed_risk_is_greenwoods_and_influence_the_derivative(death: dict[str, Any]) -> None:
    gauge = times_gauge(death, np.ones((1, 80)))
    curve = lifelines.KaplanMeierFitter().fit(death["times"], death["events"])
    table = curve.event_table.loc[:8.0].iloc[1:]
    greenwood = (table["observed"] / (table["at_risk"] * (table["at_risk"] - table["observed"]))).sum()
    flat = np.full((80, 4), 0.5)  # the same of everybody: the predicted risk adds no error
    found = gauge.calibration_tested([flat]).variance[0]
    assert found == pytest.approx(float(curve.predict(8.0)) ** 2 * greenwood)
    step = 1e-4
    moved = times_gauge(death, 1 + step * np.concatenate([np.eye(80), -np.eye(80)])).calibration([death["scores"]])
    derivative = (moved[:80] - moved[80:]) / (2 * step)
    assert gauge.calibration_tested([death["scores"]]).variance[0] == pytest.approx((derivative**2).sum(), rel=1e-4)


def test_nobody_followed_to_the_horizon_is_not_told(death: dict[str, Any]) -> None:
    early = (death["times"] < 8.0).astype(float)[None, :]
    gauge = times_gauge(death, early)
    assert np.isnan(gauge.calibration([death["scores"]])[0])
    assert np.isnan(times_gauge(death, death["member"], horizons=()).calibration([death["scores"][:, :1]])[0])
    assert gauge.enough([0, 5], (1,)) and not gauge.enough([90, 4], (1,))
    assert (
        gap_over_error(gauge.calibration_tested([death["scores"]]), gauge.calibration_tested([death["scores"]]))[0] == 0
    )


def test_ranks_of_every_draw_are_the_mean_over_repeats() -> None:
    """Two repeats, three draws of members: AUROCs 1 and 0.5; 1 and 1; 1 and 0. Variances by the formula, by hand."""
    labels = np.array([1.0, 1.0, 0.0, 0.0])
    scores = [np.array([0.9, 0.8, 0.2, 0.1]), np.array([0.9, 0.1, 0.5, 0.2])]
    counts = np.array([[1.0, 1, 1, 1], [1, 0, 1, 1], [0, 1, 1, 1]])
    found = rank_estimate(labels, scores, counts)
    assert found.value.tolist() == [0.75, 1.0, 0.5]
    assert found.variance[1:].tolist() == pytest.approx([0.101010, 1 / 6], abs=1e-5)
