"""Curves and tests against lifelines and scikit-survival."""

from __future__ import annotations

import lifelines
import numpy as np
import pytest
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import restricted_mean_survival_time
from sksurv.compare import compare_survival
from sksurv.nonparametric import kaplan_meier_estimator

from fusion.evaluation.survival.curves import kaplan_meier, log_rank, numbers_at_risk, restricted_mean
from tests.helpers.survival import followed

CLOSE = {"rtol": 0, "atol": 1e-6}


@pytest.mark.parametrize("censored", [0.0, 0.5, 0.9])
def test_kaplan_meier(censored):
    times, events, _ = followed(79, seed=1, censored=censored)  # odd: no curve is at one half but for rounding
    found = kaplan_meier(times, events)
    at, survival, interval = kaplan_meier_estimator(events.astype(bool), times, conf_type="log-log")
    np.testing.assert_array_equal(found.times, at)
    np.testing.assert_allclose(found.survival, survival, **CLOSE)
    inside = (survival > 0) & (survival < 1)
    np.testing.assert_allclose(found.low[inside], interval[0][inside], **CLOSE)
    np.testing.assert_allclose(found.high[inside], interval[1][inside], **CLOSE)
    fitted = lifelines.KaplanMeierFitter().fit(times, events)
    median = fitted.median_survival_time_
    assert found.median == pytest.approx(median) if np.isfinite(median) else np.isnan(found.median)
    np.testing.assert_allclose(found.at(7.0)[0], fitted.predict(7.0), **CLOSE)


def test_after_the_last_patient_nothing_is_known():
    found = kaplan_meier(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    assert found.at(0.5) == (1.0, 1.0, 1.0)
    assert found.at(2.0)[0] == 0.5
    assert np.isnan(found.at(2.5)[0])
    assert kaplan_meier(np.array([1.0, 2.0]), np.array([0.0, 1.0])).at(9.0)[0] == 0


def test_all_censored():
    found = kaplan_meier(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    assert found.survival.tolist() == found.low.tolist() == found.high.tolist() == [1.0, 1.0]
    assert np.isnan(found.median)


def test_numbers_at_risk_count_who_leaves_at_that_time():
    assert numbers_at_risk(np.array([1.0, 2.0, 2.0, 5.0]), np.array([0.0, 2.0, 2.1, 6.0])) == [4, 3, 1, 0]


@pytest.mark.parametrize("until", [3.0, 15.0, 30.0])
def test_restricted_mean(until):
    times, events, _ = followed(100, seed=2)
    fitted = lifelines.KaplanMeierFitter().fit(times, events)
    found = restricted_mean(times, events, until)
    np.testing.assert_allclose(found.value, restricted_mean_survival_time(fitted, t=until), **CLOSE)


def test_without_censoring_the_restricted_means_error_is_that_of_a_mean():
    """Its variance is then that of the mean of min(T, until), with n below."""
    times, events, _ = followed(100, seed=3, censored=0)
    found = restricted_mean(times, events, 20.0)
    cut = np.minimum(times, 20.0)
    np.testing.assert_allclose([found.value, found.error], [cut.mean(), cut.std() / 10], **CLOSE)


@pytest.mark.parametrize("number", [2, 3])
def test_log_rank(number):
    times, events, risk = followed(90, seed=4)
    group = np.digitize(risk, np.quantile(risk, np.arange(1, number) / number))
    found = log_rank(times, events, group)
    surv = np.array(list(zip(events.astype(bool), times, strict=True)), dtype=[("event", bool), ("time", float)])
    statistic, p = compare_survival(surv, group)
    np.testing.assert_allclose([found.statistic, found.p], [statistic, p], **CLOSE)
    other = multivariate_logrank_test(times, group, events)
    np.testing.assert_allclose([found.statistic, found.p], [other.test_statistic, other.p_value], **CLOSE)
    assert found.degrees == number - 1


def test_log_rank_of_one_group_or_without_events_does_not_exist():
    times = np.array([1.0, 2.0, 3.0, 4.0])
    assert np.isnan(log_rank(times, np.ones(4), np.zeros(4, dtype=np.int64)).p)
    assert np.isnan(log_rank(times, np.zeros(4), np.array([0, 0, 1, 1])).p)
