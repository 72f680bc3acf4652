"""Pairs and their concordance by hand (van Klaveren et al. 2018)."""

from __future__ import annotations

import numpy as np
import pytest

from fusion.evaluation.policy.benefit import Contrast, c_for_benefit, pairs, quantiles


def test_concordance_of_pairs_by_hand() -> None:
    # Of unequal observed benefit: 1>0 by 0.2>0.1 ✓, 1>−1 by 0.2<0.3 ✗, 0>−1 by 0.1<0.3 ✗, 1>0 ✓, 1>−1 equal ½.
    predicted, observed = np.array([0.1, 0.2, 0.3, 0.3]), np.array([0.0, 1.0, -1.0, 1.0])
    assert c_for_benefit(predicted, observed) == pytest.approx(2.5 / 5)
    assert c_for_benefit(observed, observed) == 1
    assert np.isnan(c_for_benefit(predicted, np.zeros(4)))
    assert np.isnan(c_for_benefit(np.zeros(0), np.zeros(0)))


CONTRAST = Contrast(
    predicted=np.array([0.3, 0.1, 0.2, 0.0, 0.4, 0.25]),
    treated=np.array([True, True, False, False, False, False]),
    response=np.array([1.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
    difference=np.zeros(6),
)


def test_rank_is_matched_with_rank() -> None:
    # Treated by rank: 0.1 (0), 0.3 (1). Of four others, 0.0 0.2 0.25 0.4, ranks 1 and 3: 0.2 (0), 0.4 (0).
    predicted, observed = pairs(CONTRAST)
    assert predicted == pytest.approx([0.15, 0.35])
    assert observed.tolist() == [0, 1]


def test_draws_repeat_patients() -> None:
    # Twice the first, and the fourth and sixth: 0.3 (1) beside 0.0 (1), and beside 0.25 (1).
    predicted, observed = pairs(CONTRAST, np.array([0, 0, 3, 5]))
    assert predicted == pytest.approx([0.15, 0.275])
    assert observed.tolist() == [0, 0]


def test_groups_are_of_equal_size_by_predicted_benefit() -> None:
    assert quantiles(np.array([0.5, 0.1, 0.9, 0.3, 0.2, 0.2, 0.7, 0.8])).tolist() == [2, 0, 3, 1, 0, 1, 2, 3]
    assert quantiles(np.zeros(0)).tolist() == []
