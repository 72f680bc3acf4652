"""Nogueira's stability by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fusion.evaluation.stability import nogueira_stability


def test_by_hand() -> None:
    """Three sets of two among four features: {a, b}, {a, b}, {a, c}.

    Frequencies 1, 2/3, 1/3, 0; s² = 3/2·p(1-p) = 0, 1/3, 1/3, 0, mean 1/6; k/d = 1/2; Φ = 1 - (1/6)/(1/4) = 1/3.
    """
    result = nogueira_stability(np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]], dtype=bool))
    assert result.value == pytest.approx(1 / 3)
    # Φ_i = 4·[Σ z p/4 - 1/4 + Φ/2·(1/2 - 1/2 - 1/2 + 1)]: sums 5/3, 5/3, 4/3 give 1, 1, 2/3.
    phi = np.array([4 * (s / 4 - 1 / 4 + 1 / 6 * 0.5) for s in (5 / 3, 5 / 3, 4 / 3)])
    error = math.sqrt(4 / 9 * ((phi - phi.mean()) ** 2).sum())
    assert result.low == pytest.approx(1 / 3 - 1.959964 * error, abs=1e-6)
    assert result.high == pytest.approx(1 / 3 + 1.959964 * error, abs=1e-6)


def test_equal_opposite_and_random_sets() -> None:
    same = nogueira_stability(np.array([[1, 1, 0, 0]] * 5, dtype=bool))
    assert (same.value, same.low, same.high) == (1, 1, 1)
    # Two sets of one feature out of two, never the same: p = ½, s² = 2·¼ = ½, k̄/d (1 - k̄/d) = ¼ → 1 - 2.
    assert nogueira_stability(np.array([[1, 0], [0, 1]], dtype=bool)).value == pytest.approx(-1.0)
    random = nogueira_stability(np.random.default_rng(0).random((400, 300)) < 0.2)
    assert random.value == pytest.approx(0.0, abs=0.01)
    assert random.low < random.value < random.high


def test_undefined_where_nothing_can_differ() -> None:
    assert math.isnan(nogueira_stability(np.ones((3, 4), dtype=bool)).value)
    assert math.isnan(nogueira_stability(np.array([[True, False]])).value)
