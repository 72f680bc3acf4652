"""Who came under observation late: curves against lifelines, weights by hand and by what they stand for."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fusion.contract import EndpointSpec, FusionError, Truth
from fusion.evaluation.gauges.kinds import gauge_of
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.survival.competing import aalen_johansen
from fusion.evaluation.survival.curves import emptied, kaplan_meier, log_rank, numbers_at_risk, restricted_mean
from fusion.evaluation.survival.evaluate import evaluate_survival
from fusion.evaluation.survival.fold import FoldDraws, Followed
from fusion.evaluation.survival.groups import calibration_groups, risk_groups
from fusion.evaluation.survival.pairs import harrell_draws, pooled
from fusion.evaluation.survival.watched import Watched
from fusion.report.survival.sections import late as told_of
from fusion.report.survival.sections import patients as told_of_patients
from tests.helpers.survival import followed, followed_late, survival_predictions

CLOSE = {"rtol": 0, "atol": 1e-6}


def late(number=80, seed=0):
    """Without an early end: the first patients are there from time zero on."""
    times, events, entry, risk = followed_late(number, seed=seed)
    entry[:20] = 0.0
    return times, events, entry, risk


def test_curves_are_those_of_lifelines():
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    times, events, entry, _ = late()
    found = kaplan_meier(times, events, entry)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = KaplanMeierFitter().fit(times, events, entry=entry)
    expected = fitted.survival_function_.iloc[:, 0].loc[found.times].to_numpy()
    np.testing.assert_allclose(found.survival, expected, **CLOSE)
    inside = (found.survival > 0) & (found.survival < 1)
    bounds = fitted.confidence_interval_.loc[found.times].to_numpy()[inside]
    np.testing.assert_allclose(np.column_stack([found.low, found.high])[inside], bounds, **CLOSE)
    mean = restricted_mean(times, events, 20.0, entry)
    assert mean.value == pytest.approx(restricted_mean_survival_time(fitted, t=20.0), abs=1e-6)
    assert np.abs(kaplan_meier(times, events).survival - found.survival).max() > 0.02


def test_numbers_at_risk_by_hand():
    times, entry = np.array([2.0, 3.0, 5.0]), np.array([0.0, 2.0, 1.0])
    assert numbers_at_risk(times, np.array([0.0, 1.0, 2.0, 2.5, 4.0]), entry) == [1, 1, 2, 2, 1]


def test_log_rank_by_hand():
    """At 2 one of each group is at risk, at 3 one and two, at 4 one and one: 1 − (1/2 + 1/3) events too many."""
    times, events = np.array([2.0, 5.0, 3.0, 4.0, 6.0]), np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    entry, group = np.array([0.0, 2.5, 0.0, 2.0, 3.5]), np.array([0, 0, 1, 1, 1])
    found = log_rank(times, events, group, entry)
    # At 2: first and third; at 3: second, third, fourth; at 4: second, fourth, fifth.
    gap, variance = 1 - 1 / 2 - 1 / 3 - 1 / 3, 1 / 4 + 2 / 9 + 2 / 9
    assert found.statistic == pytest.approx(gap**2 / variance)


def test_aalen_johansen_by_hand():
    """At 1 one of two has the event, at 2 one of two the other, at 4 the last the event: 1/2 and 1/2 · 1/2 · 1."""
    times, causes = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 2, 0, 1])
    entry = np.array([0.0, 0.0, 1.0, 2.5])
    found = aalen_johansen(times, causes, 1, entry)
    np.testing.assert_allclose(found.value, [0.5, 0.5, 0.5, 0.75])
    np.testing.assert_allclose(aalen_johansen(times, causes, 2, entry).value, [0, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(aalen_johansen(times, causes, 1).value, [0.25, 0.25, 0.25, 0.75])


def _fold(test, training, counts=None, tau=np.inf):
    test_counts = np.ones((1, len(test[0]))) if counts is None else counts
    parts = [
        Followed(times=one[0], events=one[1], entry=one[2], counts=many)
        for one, many in ((test, test_counts), (training, np.ones((len(test_counts), len(training[0])))))
    ]
    return FoldDraws(test=parts[0], training=parts[1], tau=tau)


def test_concordance_by_hand():
    """Of three events, pairs where the later one was there already: (1, 2), (1, 4) no, (2, 3), (2, 4), (3, 4)."""
    times, events = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 1.0, 0.0])
    entry = np.array([0.0, 0.5, 1.5, 1.0])
    fold = _fold((times, events, entry), (times, events, entry))
    assert fold.pairs[0] == 4
    harrell, uno = fold.concordance(np.array([1.0, 3.0, 4.0, 2.0]))
    assert harrell[0] == pytest.approx(2 / 4)
    # Y/(n S) just before 1, 2, 3: 2/4, 3/(4 · 1/2), 2/(4 · 1/2 · 2/3); of each event, pairs won and compared.
    weights = np.array([(2 / 4) ** -2, (3 / 2) ** -2, (2 / (4 / 3)) ** -2])
    won, compared = np.array([0, 1, 1]), np.array([1, 2, 1])
    assert uno[0] == pytest.approx((weights * won).sum() / (weights * compared).sum())


def test_followed_from_zero_on_is_as_without():
    """Every weight is Kaplan–Meier's of censoring then, if nobody is censored at the time of an event."""
    times, events, risk = followed(90, seed=3, decimals=None)
    training = followed(120, seed=4, decimals=None)[:2]
    counts = np.random.default_rng(0).multinomial(90, np.full(90, 1 / 90), size=3).astype(float)
    zero = _fold((times, events, np.zeros(90)), (*training, np.zeros(120)), counts, tau=25.0)
    none = _fold((times, events, None), (*training, None), counts, tau=25.0)
    np.testing.assert_allclose(zero.concordance(risk), none.concordance(risk))
    np.testing.assert_allclose(zero.auc(risk, 12.0), none.auc(risk, 12.0))
    np.testing.assert_allclose(zero.brier_sum(np.exp(-np.exp(risk)), 12.0), none.brier_sum(np.exp(-np.exp(risk)), 12.0))
    np.testing.assert_allclose(zero.brier_floor(12.0), none.brier_floor(12.0))


def test_weights_are_of_everyone_at_time_zero():
    """Brier score, AUC, risk and Uno's C of those who came late are those of whom they stand for, all followed."""
    rng = np.random.default_rng(6)
    risk = rng.normal(size=2500)
    time = rng.exponential(40 * np.exp(-0.7 * risk))
    entry = np.where(rng.random(2500) < 0.8, rng.uniform(0, 50, 2500), 0.0)
    end = entry + rng.exponential(60, size=2500)
    there = entry < time
    data = (np.minimum(time, end)[there], (time <= end)[there].astype(float), entry[there])
    survival, horizon = np.exp(-24 / 40 * np.exp(0.7 * risk)), 24.0
    fold = _fold(data, data, tau=40.0)
    had = time <= horizon
    brier = np.mean((survival - ~had) ** 2)
    assert fold.brier_sum(survival[there], horizon)[0] / there.sum() == pytest.approx(brier, abs=0.006)
    auc = (risk[had][:, None] > risk[~had]).mean()
    assert fold.auc(risk[there], horizon)[0] == pytest.approx(auc, abs=0.012)
    watched = Watched(times=data[0], events=data[1], entry=data[2], counts=np.ones((1, int(there.sum()))))
    weights = watched.weights(horizon)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] @ (1 - survival[there]) == pytest.approx(np.mean(1 - survival), abs=0.01)
    assert abs(np.mean(1 - survival[there]) - np.mean(1 - survival)) > 0.03  # those at high risk are seldom there
    seen = time < 40.0
    whole = _fold((time, seen.astype(float), None), (time, np.ones(2500), None), tau=40.0).concordance(risk)[0][0]
    uno = fold.concordance(risk[there])[1][0]
    assert uno == pytest.approx(whole, abs=0.006)
    (row, *_), found = calibration_groups(*data[:2], survival[there], horizon, data[2]), np.sort(1 - survival)
    assert row["predicted"] == pytest.approx(found[: len(found) // 5].mean(), abs=0.03)
    assert row["observed"] == pytest.approx(row["predicted"], abs=0.05)


def test_a_curve_that_falls_to_nothing_early_is_told():
    times, events, entry = np.array([1.0, 5.0, 6.0]), np.array([1.0, 1.0, 0.0]), np.array([0.0, 2.0, 2.0])
    assert emptied(times, events, entry) == 1.0
    assert emptied(times[1:], events[1:], entry[1:]) is None
    assert emptied(times, events, None) is None
    # The last of all has the event: nobody is to come.
    assert emptied(np.array([1.0, 5.0]), np.ones(2), np.array([0.0, 0.5])) is None
    found = risk_groups(times, events, np.zeros(3, dtype=np.int64), until=5.0, entry=entry)
    assert found["groups"][0]["emptied"] == 1.0
    watched = Watched(times=times, events=events, entry=entry, counts=np.ones((1, 3)))
    assert np.isnan(watched.until(np.array([5.0]))).all()
    assert np.isnan(watched.weights(5.5)).all()
    fold = _fold((times, events, entry), (times, events, entry))
    assert np.isnan(fold.brier_sum(np.full(3, 0.5), 5.5)).all()
    assert np.isnan(calibration_groups(times, events, np.full(3, 0.5), 5.5, entry)[0]["observed"] or np.nan)


def test_metrics_of_predictions_with_entries():
    rows = survival_predictions(160, arms=("fusion", "classical"), censored=0.2, horizons=(12, 24))
    rng = np.random.default_rng(0)
    patients = rows["patient_id"].unique()
    share = dict(zip(patients, np.where(rng.random(160) < 0.5, rng.random(160) * 0.6, 0.0), strict=True))
    late = rows.assign(entry=rows["time"] * rows["patient_id"].map(share))
    found, without = (evaluate_survival(one, draws=20) for one in (late, rows))
    behind = sum(one > 0 for one in share.values())
    assert found["entry"]["late"] == behind
    assert 0 < found["entry"]["median"] < found["entry"]["last"]
    assert "entry" not in without
    assert (found["verdict"]["metric"], without["verdict"]["metric"]) == ("c_harrell", "c_uno")
    assert found["arms"]["fusion"]["c_harrell"]["value"] != without["arms"]["fusion"]["c_harrell"]["value"]
    assert 0 < found["arms"]["fusion"]["ibs"]["value"] < 0.4
    assert "emptied" in found["risk_groups"]["groups"][0]
    assert found["horizons"][0]["followed"] < without["horizons"][0]["followed"]
    with pytest.raises(FusionError, match=r"entry that is not from 0 on and before the time, e\.g\. "):
        evaluate_survival(late.assign(entry=late["time"]), draws=20)
    told = told_of({**found, "unit": "months"})
    assert f"{behind} of 160 patients came under observation after time zero" in told
    assert f"the last at {found['entry']['last']:g}. Nobody" in told
    assert told_of_patients(found).endswith(f"events, {behind} under observation late")
    assert told_of(without) == ""
    groups = [{"name": "lowest third", "emptied": 2.5}, {"name": "middle third", "emptied": None}]
    told = told_of({**found, "unit": "months", "risk_groups": {"groups": groups}})
    assert "The curve of lowest third (at 2.5 months) falls to 0" in told


def test_of_groups_pairs_are_those_that_were_there_and_calibration_is_not_told():
    times, events, entry, risk = late(60)
    part = np.arange(60) % 3
    truth = Truth(label=events.astype(np.int64), time=times, entry=entry, part=part)
    once = np.ones((1, 60))
    each, won, number = [], 0.0, 0.0
    for fold in range(3):
        inside = part == fold
        one = _fold(*[(times[inside], events[inside], entry[inside])] * 2)
        each.append(one.concordance(risk[inside])[0][0])
        won, number = won + each[-1] * one.pairs[0], number + one.pairs[0]
    assert harrell_draws(risk, truth, once)[0] == pytest.approx(np.mean(each))
    assert pooled(risk, truth, once)[0] == pytest.approx(won / number)
    endpoint = EndpointSpec(name="os", kind="survival", classes=("censored", "event"), horizons=(12.0,))
    gauge = gauge_of(outcome_of(endpoint), [truth], once)
    assert np.isnan(gauge.calibration([np.column_stack([risk, np.full(60, 0.5)])])).all()
    assert gauge.told()["calibration"] == "not told, for patients came under observation late"
    assert gauge.of_nobody()[0, 1] == pytest.approx(kaplan_meier(times, events, entry).at(12.0)[0])
