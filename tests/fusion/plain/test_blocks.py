"""Sets of modalities, and what each weighs."""

from __future__ import annotations

import numpy as np
import pytest

from fusion.plain.blocks import TEMPERATURE, sets_of, shares


def test_every_set_of_a_few_modalities_and_the_largest_and_smallest_of_many() -> None:
    assert sets_of(["a", "b", "c"]) == [("a", "b", "c"), ("a", "b"), ("a", "c"), ("b", "c"), ("a",), ("b",), ("c",)]
    many = sets_of(list("abcde"))
    assert many[0] == tuple("abcde")
    assert sorted({len(one) for one in many}) == [1, 4, 5]
    assert len(many) == 11
    assert sets_of(["a"]) == [("a",)]


def test_weights_are_of_the_whole_likelihood_tempered() -> None:
    """One set is ahead by the temperature in all: e to 1. Equal ones weigh the same."""
    better, worse = np.full(40, 0.5), np.full(40, 0.5 + TEMPERATURE / 40)
    assert shares([worse, better, better]) == pytest.approx(np.array([1, np.e, np.e]) / (1 + 2 * np.e))
    assert shares([worse + 100, better]) == pytest.approx([0, 1])
