"""Values of a rule by hand, and that randomisation alone makes the doubly robust one right."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fusion.evaluation.policy.value import Rule, average

RULE = Rule(
    response=np.array([1.0, 0.0, 1.0, 0.0]),
    followed=np.array([True, True, False, False]),
    propensity=np.array([0.5, 0.25, 0.5, 0.75]),
    expected=np.array([0.6, 0.4, 0.7, 0.2]),
    fitted=np.array([0.6, 0.4, 0.5, 0.3]),
)
ONCE = np.ones((1, 4))


def test_values_by_hand() -> None:
    # Weights 2, 4, 0, 0: (2·1 + 4·0) / 6; terms 0.6 + 2·0.4, 0.4 − 4·0.4, 0.7, 0.2.
    assert RULE.weighted(ONCE) == pytest.approx(1 / 3)
    assert RULE.terms == pytest.approx([1.4, -1.2, 0.7, 0.2])
    assert RULE.robust(ONCE) == pytest.approx(1.1 / 4)
    assert RULE.effective == pytest.approx(36 / 20)


def test_draws_count_patients() -> None:
    counts = np.array([[2.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    # 2·2·1 over 2·2 + 4; nobody drawn was given what is preferred, then nobody is drawn.
    assert RULE.weighted(counts) == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    assert RULE.robust(counts) == pytest.approx([(2 * 1.4 - 1.2 + 0.2) / 4, 0.45, np.nan], nan_ok=True)
    assert average(np.array([1.0, 3.0]), np.array([[1.0, 3.0]])) == pytest.approx(2.5)


def test_a_rule_that_nobody_was_given_has_no_effective_size() -> None:
    nobody = Rule(
        response=RULE.response,
        followed=np.zeros(4, dtype=bool),
        propensity=RULE.propensity,
        expected=RULE.expected,
        fitted=RULE.fitted,
    )
    assert nobody.effective == 0
    assert np.isnan(nobody.weighted(ONCE)).all()


def test_right_shares_make_a_wrong_model_unbiased() -> None:
    # Both responses of two patients known; every way of dealing two regimens, each by its chance.
    under = np.array([[1.0, 0.0], [0.0, 1.0]])
    model = np.array([[0.9, 0.3], [0.2, 0.4]])
    chance, chosen, rows = np.array([[0.7, 0.3], [0.4, 0.6]]), np.array([1, 1]), np.arange(2)
    expected = 0.0
    for dealt in product((0, 1), repeat=2):
        given = np.array(dealt)
        rule = Rule(
            response=under[rows, given],
            followed=given == chosen,
            propensity=chance[rows, given],
            expected=model[rows, chosen],
            fitted=model[rows, given],
        )
        expected += chance[rows, given].prod() * float(rule.robust(np.ones((1, 2)))[0])
    assert expected == pytest.approx(under[:, 1].mean())
