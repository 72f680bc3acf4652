"""Each metric against scikit-survival and lifelines, with ties, heavy censoring and drawn patients."""

from __future__ import annotations

import lifelines.utils
import numpy as np
import pytest
from sksurv import metrics as sk

from fusion.evaluation.survival.fold import FoldDraws, Followed
from tests.helpers.survival import followed

CENSORED = (0.0, 0.5, 0.9)
CLOSE = {"rtol": 0, "atol": 1e-6}


def _surv(times, events):
    return np.array(list(zip(events.astype(bool), times, strict=True)), dtype=[("event", bool), ("time", float)])


def _fold(times, events, training, counts=None, tau=np.inf):
    counts = np.ones((1, len(times))) if counts is None else counts
    return FoldDraws(
        test=Followed(times=times, events=events, counts=counts),
        training=Followed(times=training[0], events=training[1], counts=np.ones((len(counts), len(training[0])))),
        tau=tau,
    )


@pytest.fixture(params=CENSORED)
def case(request):
    times, events, risk = followed(90, seed=3, censored=request.param)
    training = followed(200, seed=4, censored=request.param)
    # Nobody may be followed longer than the training part, or scikit-survival has no weight.
    within = times < training[0].max()
    rng = np.random.default_rng(5)
    scores = np.round(risk + rng.normal(size=90), 1)  # with ties
    return times[within], events[within], scores[within], training


def test_harrell_is_that_of_scikit_survival_and_lifelines(case):
    times, events, scores, training = case
    found = _fold(times, events, training).concordance(scores)[0][0]
    np.testing.assert_allclose(found, sk.concordance_index_censored(events.astype(bool), times, scores)[0], **CLOSE)
    np.testing.assert_allclose(found, lifelines.utils.concordance_index(times, -scores, events), **CLOSE)


def test_uno_is_that_of_scikit_survival(case):
    times, events, scores, training = case
    for tau in (10.0, 25.0):
        found = _fold(times, events, training, tau=tau).concordance(scores)[1][0]
        expected = sk.concordance_index_ipcw(_surv(*training[:2]), _surv(times, events), scores, tau=tau)[0]
        np.testing.assert_allclose(found, expected, **CLOSE)


def test_auc_and_brier_are_those_of_scikit_survival(case):
    times, events, scores, training = case
    fold = _fold(times, events, training)
    horizons = np.array([4.0, 9.0, 14.0])
    horizons = horizons[horizons < times.max()]
    survival = np.exp(-horizons / 40 * np.exp(scores[:, None]))
    train, test = _surv(*training[:2]), _surv(times, events)
    expected_auc = sk.cumulative_dynamic_auc(train, test, scores, horizons)[0]
    expected_brier = sk.brier_score(train, test, survival, horizons)[1]
    for place, horizon in enumerate(horizons):
        np.testing.assert_allclose(fold.auc(scores, horizon)[0], expected_auc[place], **CLOSE)
        found = fold.brier_sum(survival[:, place], horizon)[0] / len(times)
        np.testing.assert_allclose(found, expected_brier[place], **CLOSE)


def test_a_draw_is_the_metric_of_the_patients_drawn():
    times, events, scores = followed(60, seed=6)
    training = followed(100, seed=7)
    rng = np.random.default_rng(8)
    counts = rng.multinomial(60, np.full(60, 1 / 60), size=3).astype(np.float64)
    fold = _fold(times, events, training, counts, tau=20.0)
    harrell, uno = fold.concordance(scores)
    auc = fold.auc(scores, 12.0)
    train = _surv(*training[:2])
    for row, count in enumerate(counts):
        drawn = np.repeat(np.arange(60), count.astype(int))
        t, e, s = times[drawn], events[drawn], scores[drawn]
        np.testing.assert_allclose(harrell[row], sk.concordance_index_censored(e.astype(bool), t, s)[0], **CLOSE)
        np.testing.assert_allclose(uno[row], sk.concordance_index_ipcw(train, _surv(t, e), s, tau=20.0)[0], **CLOSE)
        np.testing.assert_allclose(
            auc[row], sk.cumulative_dynamic_auc(train, _surv(t, e), s, np.array([12.0]))[0][0], **CLOSE
        )


def test_censoring_is_estimated_anew_in_each_draw():
    """The training part as drawn, not as it is."""
    times, events, scores = followed(50, seed=1)
    training = followed(80, seed=2)
    counts = np.random.default_rng(3).multinomial(80, np.full(80, 1 / 80), size=2).astype(np.float64)
    fold = FoldDraws(
        test=Followed(times=times, events=events, counts=np.ones((2, 50))),
        training=Followed(times=training[0], events=training[1], counts=counts),
        tau=15.0,
    )
    for row, count in enumerate(counts):
        drawn = np.repeat(np.arange(80), count.astype(int))
        expected = sk.concordance_index_ipcw(
            _surv(training[0][drawn], training[1][drawn]), _surv(times, events), scores, tau=15.0
        )[0]
        np.testing.assert_allclose(fold.concordance(scores)[1][row], expected, **CLOSE)


def test_ties_by_hand():
    """Event at 2 against: censored at 2 (comparable), event at 2 (not), censored at 1 (not), event at 3."""
    times, events = np.array([2.0, 2.0, 2.0, 1.0, 3.0]), np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    risks = np.array([5.0, 5.0, 1.0, 9.0, 4.0])
    # pairs: (0,1) tie, (0,4) won, (2,1) lost, (2,4) lost
    fold = _fold(times, events, (times, events))
    assert fold.pairs[0] == 4
    assert fold.concordance(risks)[0][0] == pytest.approx(1.5 / 4)


@pytest.mark.parametrize(
    ("times", "events"),
    [([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]), ([1.0, 2.0, 3.0], [0.0, 0.0, 1.0]), ([2.0, 2.0], [1.0, 1.0])],
    ids=["all censored", "the last alone has the event", "all events at once"],
)
def test_without_a_comparable_pair_there_is_no_concordance(times, events):
    times, events = np.array(times), np.array(events)
    fold = _fold(times, events, (times, events))
    assert fold.pairs[0] == 0
    assert all(np.isnan(value[0]) for value in fold.concordance(np.arange(len(times), dtype=float)))


def test_one_event_in_a_fold():
    times, events = np.array([5.0, 2.0, 7.0, 3.0]), np.array([0.0, 1.0, 0.0, 0.0])
    fold = _fold(times, events, (times, events))
    assert fold.concordance(np.array([0.0, 2.0, 3.0, 1.0]))[0][0] == pytest.approx(2 / 3)


def test_where_nobody_of_the_training_part_is_followed_so_long_uno_does_not_exist():
    times, events = np.array([4.0, 6.0, 9.0]), np.array([0.0, 1.0, 0.0])
    training = (np.array([1.0, 5.0]), np.array([1.0, 0.0]))  # G(6) = 0
    harrell, uno = _fold(times, events, training).concordance(np.array([0.0, 1.0, 0.5]))
    assert harrell[0] == 1
    assert np.isnan(uno[0])


def test_the_floor_is_the_training_parts_kaplan_meier():
    times, events, _ = followed(70, seed=9)
    training = followed(90, seed=10)
    from sksurv.nonparametric import SurvivalFunctionEstimator

    same = SurvivalFunctionEstimator().fit(_surv(*training[:2])).predict_proba(np.array([10.0]))
    expected = sk.brier_score(_surv(*training[:2]), _surv(times, events), np.repeat(same, 70)[:, None], [10.0])[1]
    np.testing.assert_allclose(_fold(times, events, training).brier_floor(10.0)[0] / 70, expected[0], **CLOSE)
