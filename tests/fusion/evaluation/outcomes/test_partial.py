"""The partial likelihood and Breslow's hazard, by hand and against lifelines."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime

from fusion.contract import Truth
from fusion.evaluation.outcomes.partial import RiskSets, breslow
from tests.helpers.times import invented


def test_three_patients_by_hand():
    """Events at 1 and 2, censored at 3, risks log 1, 2, 3: losses log(6/1) and log(5/2)."""
    truth = Truth(label=np.array([1, 1, 0]), time=np.array([1.0, 2.0, 3.0]))
    losses = RiskSets.of(truth).losses(np.log([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(losses, [np.log(6), np.log(5 / 2), 0.0])


def test_ties_are_efrons_by_hand():
    """Two events at 1 (weights 1 and 2) and one at risk (3): log 6 and log(6 − 3/2), less log 1 and log 2."""
    truth = Truth(label=np.array([1, 1, 0]), time=np.array([1.0, 1.0, 1.0]))
    losses = RiskSets.of(truth).losses(np.log([1.0, 2.0, 3.0]))
    assert losses.sum() == pytest.approx(np.log(6) + np.log(4.5) - np.log(2))


def test_parts_are_never_compared():
    _, truth = invented(60)
    risks = np.random.default_rng(1).normal(size=60)
    part = np.arange(60) % 3
    whole = RiskSets.of(replace(truth, part=part)).losses(risks)
    for one in range(3):
        inside = part == one
        np.testing.assert_allclose(RiskSets.of(truth[inside]).losses(risks[inside]), whole[inside])
    moved = RiskSets.of(replace(truth, part=part)).losses(risks + 100.0 * part)
    np.testing.assert_allclose(moved, whole)


def test_derivatives_are_those_of_the_loss():
    rows, truth = invented(50)
    truth = replace(truth, part=np.arange(50) % 2)
    sets, design = RiskSets.of(truth), rows.to_numpy()
    risks = 0.4 * design[:, 1]
    numeric = approx_fprime(risks, lambda eta: sets.losses(eta).sum(), 1e-7)
    np.testing.assert_allclose(sets.gradient(risks), numeric, atol=1e-5)
    by_beta = approx_fprime(np.zeros(4), lambda beta: sets.gradient(risks + design @ beta) @ design, 1e-7)
    np.testing.assert_allclose(sets.hessian(risks, design), by_beta, atol=1e-4)
    first, second = sets.along(risks, design[:, 0])
    assert first.sum() == pytest.approx(sets.gradient(risks) @ design[:, 0])
    assert second.sum() == pytest.approx(sets.hessian(risks, design)[0, 0])
    assert (first[truth.label == 0] == 0).all()


def test_the_likelihood_is_lifelines():
    """Of the coefficients that lifelines finds, its log likelihood (Efron) to 1e-6; their gradient is nothing."""
    from lifelines import CoxPHFitter

    rows, truth = invented(80)
    table = rows.assign(time=truth.times, event=truth.label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = CoxPHFitter().fit(table, "time", "event")
    risks = rows.to_numpy() @ fitted.params_.to_numpy()
    sets = RiskSets.of(truth)
    assert sets.losses(risks).sum() == pytest.approx(-fitted.log_likelihood_, abs=1e-6)
    assert np.abs(rows.to_numpy().T @ sets.gradient(risks)).max() < 1e-2


def test_the_hazard_is_lifelines():
    """Breslow's, without ties in which the two differ; times of events alone."""
    from lifelines import CoxPHFitter

    rows, truth = invented(60)
    times = truth.times + np.linspace(0, 0.5, 60)
    table = rows.assign(time=times, event=truth.label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = CoxPHFitter().fit(table, "time", "event")
    risks = fitted.predict_log_partial_hazard(rows).to_numpy()
    at, hazard = breslow(replace(truth, time=times), risks)
    expected: pd.Series = fitted.baseline_cumulative_hazard_.iloc[:, 0].loc[at]
    np.testing.assert_allclose(hazard, expected, rtol=1e-6)


def test_by_hand_the_hazard_counts_ties_once_each():
    """Two deaths at 1 of weights 1 + 2 + 3, one at 2 of 3."""
    truth = Truth(label=np.array([1, 1, 1]), time=np.array([1.0, 1.0, 2.0]))
    at, hazard = breslow(truth, np.log([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(at, [1, 2])
    np.testing.assert_allclose(hazard, [2 / 6, 2 / 6 + 1 / 3])


def test_without_events_there_is_nothing():
    truth = Truth(label=np.zeros(4, dtype=np.int64), time=np.arange(1.0, 5.0))
    assert RiskSets.of(truth).losses(np.arange(4.0)).tolist() == [0.0] * 4
    assert RiskSets.of(truth).gradient(np.arange(4.0)).tolist() == [0.0] * 4
