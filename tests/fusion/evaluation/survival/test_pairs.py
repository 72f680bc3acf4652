"""Harrell's C for all draws against scikit-survival, and what a patient does to it against differences of weights."""

from __future__ import annotations

import numpy as np
import pytest
from sksurv.metrics import concordance_index_censored

from fusion.contract import Truth
from fusion.evaluation.survival.pairs import harrell_draws, pairs_within, pooled, pooled_influence
from tests.helpers.survival import followed

FOLD = np.arange(60) % 3


def case() -> tuple[Truth, np.ndarray]:
    times, events, risk = followed(60, seed=3, censored=0.5)
    scores = np.round(risk + np.random.default_rng(5).normal(size=60), 1) + 5.0 * FOLD  # ties; a level of each fold
    return Truth(label=events.astype(np.int64), time=np.round(times), part=FOLD), scores


def test_both_are_scikit_survivals_the_one_a_mean_the_other_over_all_pairs_of_folds() -> None:
    truth, risks = case()
    each = []
    for fold in range(3):
        here = fold == FOLD
        each.append(concordance_index_censored(truth.label[here] == 1, truth.times[here], risks[here]))
    once = np.ones((1, 60))
    assert harrell_draws(risks, truth, once)[0] == pytest.approx(np.mean([one[0] for one in each]))
    won = sum(one[1] + one[3] / 2 for one in each)
    assert pooled(risks, truth, once)[0] == pytest.approx(won / sum(sum(one[1:4]) for one in each))


def test_a_draw_counts_patients_as_often_as_it_has_them_and_none_without_a_pair() -> None:
    truth, risks = case()
    counts = np.random.default_rng(1).integers(0, 3, (4, 60)).astype(float)
    counts[3] = 0
    counts[3, :2] = 1  # of two folds
    for row in range(3):
        again = np.repeat(np.arange(60), counts[row].astype(int))
        rows = truth[again], np.ones((1, len(again)))
        assert harrell_draws(risks, truth, counts)[row] == harrell_draws(risks[again], *rows)[0]
        assert pooled(risks, truth, counts)[row] == pooled(risks[again], *rows)[0]
    assert np.isnan(harrell_draws(risks, truth, counts)[3]) and np.isnan(pooled(risks, truth, counts)[3])
    assert sum(len(pairs.cases) for pairs in pairs_within(truth, risks)) == truth.label.sum()


def test_influence_is_the_derivative_by_a_patients_weight() -> None:
    truth, risks = case()
    value, influence, least = pooled_influence(risks, truth, np.ones((1, 60)))
    step = 0.01
    weights = 1 + step * np.concatenate([np.eye(60), -np.eye(60)])
    moved = pooled(risks, truth, weights)
    assert influence[0] == pytest.approx((moved[:60] - moved[60:]) / (2 * step), abs=1e-5)
    assert value[0] == pooled(risks, truth, np.ones((1, 60)))[0]
    assert 0 < least[0] < (influence**2).sum()
    # Of a draw without a pair nothing is known.
    nobody, _, _ = pooled_influence(risks, truth, np.zeros((1, 60)))
    assert np.isnan(nobody).all()
    # Of members alone.
    member = (np.arange(60) % 2 == 0)[None, :].astype(float)
    some, _, _ = pooled_influence(risks, truth, member)
    assert some[0] == pooled(risks[::2], truth[::2], np.ones((1, 30)))[0]
