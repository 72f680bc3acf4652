"""Plain models of three classes as one number: terms and their reference add up to it, exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fusion.plain.boosted import fit_boosted
from fusion.plain.contrast import contrasted
from fusion.plain.mixture import Mixture
from fusion.plain.prevalence import Prevalence
from tests.helpers.explained import PEOPLE, SPECS, Fitted, base
from tests.helpers.trained_on import training

WEIGHTS = np.array([-0.5, 1.0, -0.5])


def test_terms_of_each_model_add_up_to_the_contrast_of_its_logits() -> None:
    rows = pd.concat([Fitted(name).table(PEOPLE[:20]).add_prefix(f"{name}:") for name in SPECS], axis=1)
    rows = pd.concat([rows, -rows], ignore_index=True)
    labels = np.digitize(rows["clinical:age"], [-0.5, 0.5]).astype(np.int64)
    halves = np.arange(40) % 2 == 0
    splits = [(np.flatnonzero(halves == side), np.flatnonzero(halves != side)) for side in (False, True)]
    trees, _ = fit_boosted(training(rows, labels, splits), seed=1)
    linear = base()
    linear = replace(
        linear, coefficients=np.outer([1.0, -0.3, 0.4], linear.coefficients[0]), intercept=np.array([0.1, -0.2, 0.5])
    )
    prevalence = Prevalence.fit(labels, np.ones(40), classes=3)
    for model in (linear, trees, Mixture(linear=linear, boosted=trees, share=0.3), prevalence):
        one, wanted = contrasted(model, WEIGHTS), model.logits(rows) @ WEIGHTS
        assert one.logits(rows) == pytest.approx(wanted, abs=1e-9)
        assert one.terms(rows).sum(axis=1).to_numpy() + one.reference == pytest.approx(wanted, abs=2e-5)
        assert model is prevalence or np.ptp(wanted) > 0.1
        assert set(one.modalities) == set(model.modalities)
