"""How common the classes are, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusion.plain.prevalence import Prevalence

ROWS = pd.DataFrame(index=["a", "b", "c"])


def test_the_log_odds_of_two_classes() -> None:
    model = Prevalence.fit(np.array([0, 0, 0, 1]), np.ones(4), classes=2)
    assert model.logits(ROWS) == pytest.approx(np.full(3, -np.log(3))) and model.logits(ROWS).shape == (3,)
    assert model.reference == pytest.approx(-np.log(3)) and model.terms(ROWS).shape == (3, 0)
    weighted = Prevalence.fit(np.array([0, 1]), np.array([1.0, 4.0]), classes=2)
    assert weighted.reference == pytest.approx(np.log(4))
    nobody = Prevalence.fit(np.array([0, 0]), np.ones(2), classes=2)
    assert nobody.reference == pytest.approx(np.log(0.5 / 2)), "as if half a patient had it"


def test_the_shares_of_several_and_a_state_that_comes_back() -> None:
    model = Prevalence.fit(np.array([0, 0, 2, 2, 2]), np.ones(5), classes=3)
    assert np.exp(model.logits(ROWS))[1] == pytest.approx(np.array([2, 0.5, 3]) / 5.5)
    config, arrays = model.state()
    again = Prevalence.restore(config, arrays)
    assert config == {"kind": "prevalence"} and again.kind == "prevalence" and again.modalities == ()
    assert np.array_equal(again.logits(ROWS), model.logits(ROWS)) and again.logits(ROWS).shape == (3, 3)
