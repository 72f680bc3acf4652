from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fusion.evaluation.intervals import BLOCKS, Resampling, degrees_of_freedom, resample, simultaneous_level


def mean(values: np.ndarray, plan: Resampling) -> np.ndarray:
    return plan.counts @ values / plan.counts.sum(axis=1)


def test_draws_by_hand_on_three_patients() -> None:
    plan = resample(np.arange(3), 4000, seed=0)
    drawn = plan.counts[1:4001]
    assert (plan.counts[0] == 1).all()
    assert (drawn.sum(axis=1) == 3).all()
    # Each of the 27 ordered draws is equally likely: 1/27 that all three are patient 0, 6/27 that each comes once.
    assert (drawn[:, 0] == 3).mean() == pytest.approx(1 / 27, abs=0.01)
    assert (drawn == 1).all(axis=1).mean() == pytest.approx(6 / 27, abs=0.02)
    assert plan.counts[4001:].tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    assert (resample(np.arange(3), 5, seed=1).counts == resample(np.arange(3), 5, seed=1).counts).all()


def test_a_drawn_unit_brings_all_its_patients() -> None:
    plan = resample(np.array([0, 1, 0, 1, 2]), 50, seed=0)
    assert plan.units == 3
    assert (plan.counts[:, 0] == plan.counts[:, 2]).all()
    assert (plan.counts[:, 1] == plan.counts[:, 3]).all()
    assert (plan.counts[1:51, [0, 1, 4]].sum(axis=1) == 3).all()
    assert plan.counts[51:].tolist() == [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 0]]


def test_many_units_are_left_out_in_blocks() -> None:
    plan = resample(np.arange(450), 2, seed=0)
    jackknife = plan.counts[3:]
    assert jackknife.shape == (BLOCKS, 450)
    assert ((jackknife == 0).sum(axis=0) == 1).all()
    assert set((jackknife == 0).sum(axis=1)) == {2, 3}


def test_an_interval_is_scipys_bca_but_for_its_width() -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(size=400)
    plan = resample(np.arange(400), 20_000, seed=0)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    mine = plan.value(mean(values, plan))
    assert mine.value == pytest.approx(values.mean())
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    centre = plan.percentiles(mean(values, plan)[:, None])
    assert mine.low > centre[0][0]  # the tail on the right shifts it to the right
    assert mine.high > centre[1][0] + 0.003


def test_skewness_moves_the_interval_as_efron_has_it() -> None:
    """Of a mean the acceleration is Σ(x - x̄)³ / 6(Σ(x - x̄)²)^1.5 and the shift about as much."""
    values = np.random.default_rng(0).exponential(size=40) ** 2
    plan = resample(np.arange(40), 20_000, seed=0)
    drawn = mean(values, plan)
    centred = values - values.mean()
    skew = (centred**3).sum() / (6 * (centred**2).sum() ** 1.5)
    shift = stats.norm.ppf((plan.bootstrap(drawn) < values.mean()).mean())
    z = shift + np.array([-1, 1]) * np.sqrt(40 / 39) * stats.t.ppf(0.975, 39)
    expected = np.quantile(plan.bootstrap(drawn), stats.norm.cdf(shift + z / (1 - skew * z)))
    found = plan.value(drawn)
    assert skew > 0.05
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-6)


def test_few_units_widen_an_interval() -> None:
    """Of a mean of symmetric values: the width of Student's interval of the same values."""
    values = np.concatenate([np.linspace(-1, 1, 12)])
    plan = resample(np.arange(12), 40_000, seed=0)
    found = plan.value(mean(values, plan))
    half = stats.t.ppf(0.975, 11) * values.std(ddof=1) / np.sqrt(12)
    assert (found.low, found.high) == pytest.approx((-half, half), rel=0.06)


def test_a_gain_by_hand() -> None:
    """Values ±1: kurtosis 1, so the most degrees of freedom, n - 1; the error is that of a mean."""
    values = np.tile([-1.0, 1.0], 10)
    plan = resample(np.arange(20), 40_000, seed=0)
    found = plan.gain(mean(values, plan))
    half = stats.t.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20)
    assert (found.low, found.high) == pytest.approx((-half, half), rel=0.02)
    wider = plan.gain(mean(values, plan), level=0.99)
    assert wider.high / found.high == pytest.approx(stats.t.ppf(0.995, 19) / stats.t.ppf(0.975, 19))


def test_degrees_of_freedom_by_hand() -> None:
    assert degrees_of_freedom(np.tile([-1.0, 1.0], 10), 20) == 19
    # One of 20 differs: m2 = 0.05 · 0.95, kurtosis (1 - 3p(1-p))/(p(1-p)) with p = 1/20: 18.05 → 40 / 17.05, below 3.
    assert degrees_of_freedom(np.eye(20)[0], 20) == 3
    # Quarter and three quarters: kurtosis 7/3 → 2 · 40/(4/3) = 60, at most 39; of 1 in 8, 43/7 - 1: 80 · 7/36.
    assert degrees_of_freedom(np.tile([1.0, 0, 0, 0], 10), 40) == 39
    assert degrees_of_freedom(np.tile([1.0, 0, 0, 0, 0, 0, 0, 0], 5), 40) == pytest.approx(80 * 7 / 36)
    assert degrees_of_freedom(np.array([0.1, np.nan, 0.2, 0.3]), 4) == 3


def test_undefined_draws_are_left_out_and_counted() -> None:
    plan = Resampling(counts=np.ones((1 + 42, 2)), draws=42, units=10_000)
    interval = plan.value(np.array([0.5, *np.linspace(0, 1, 41), np.nan]))
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.5, 0.025, 0.975), abs=1e-3)
    assert interval.undefined == 1
    two = Resampling(counts=np.ones((2, 2)), draws=1, units=2)
    assert np.isnan(two.value(np.array([0.5, np.nan])).low)
    assert np.isnan(two.value(np.array([np.nan, 0.1])).high)
    assert np.isnan(two.gain(np.array([0.5, np.nan])).low)
    assert two.gain(np.array([0.5, np.nan])).undefined == 1


def test_a_value_without_spread_has_an_interval_without_width() -> None:
    plan = resample(np.arange(10), 100, seed=0)
    found = plan.value(mean(np.ones(10), plan))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_simultaneous_level_of_copies_and_of_independent_gains() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=100_000)
    assert simultaneous_level(np.stack([one, 2 * one + 1, -one])) == pytest.approx(0.95, abs=1e-6)
    # Independent: Šidák's level, 0.95^(1/4) = 0.98726.
    assert simultaneous_level(rng.normal(size=(4, 100_000))) == pytest.approx(0.95**0.25, abs=1e-3)
    assert simultaneous_level(one[None]) == 0.95
    # Gains that never vary, or do not exist in a draw, are no comparisons.
    assert simultaneous_level(np.stack([one, np.zeros_like(one)])) == 0.95
    assert simultaneous_level(np.full((3, 5), np.nan)) == 0.95
    four = np.concatenate([rng.normal(size=(4, 100_000)), np.full((1, 100_000), np.nan)])
    four[:4, :1000] = np.nan
    assert simultaneous_level(four) == pytest.approx(0.95**0.25, abs=1e-3)
