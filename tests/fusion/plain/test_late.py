"""Plain models of patients who came under observation late."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fusion.contract import Truth
from fusion.evaluation.outcomes.partial import RiskSets
from fusion.plain.elastic import elastic_cox
from fusion.plain.families import FAMILIES
from fusion.plain.hazards import ridge_cox
from tests.helpers.survival import followed_late

FAMILY = FAMILIES["survival"]


@pytest.fixture(scope="module")
def patients():
    times, events, entry, risk = followed_late(120, seed=5)
    noise = np.random.default_rng(3).normal(size=(120, 2))
    rows = pd.DataFrame(np.column_stack([risk, noise]), columns=["t:risk", "t:a", "t:b"])
    return rows, Truth(label=events.astype(np.int64), time=times, entry=entry)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_penalised_coefficients_are_those_of_lifelines(patients, share):
    """Of the penalty λ (share |β| + (1 − share) β² / 2) a patient, entry_col."""
    from lifelines import CoxPHFitter

    rows, truth = patients
    table = rows.assign(time=truth.times, event=truth.label, entry=truth.entry)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = CoxPHFitter(penalizer=0.05, l1_ratio=share).fit(table, "time", "event", entry_col="entry")
    design, sets = rows.to_numpy(), RiskSets.of(truth)
    if share:
        found = elastic_cox(design, sets, 0.05, mixed=share, tolerance=1e-8)
    else:
        found = ridge_cox(design, sets, 1 / (0.05 * len(rows)))
    # lifelines smooths |β|, and standardises inside.
    np.testing.assert_allclose(found, fitted.params_.to_numpy(), atol=2e-2)
    ignoring = ridge_cox(design, RiskSets.of(replace(truth, entry=None)), 1 / (0.05 * len(rows)))
    assert abs(ignoring[0] - found[0]) > 0.03


def test_trees_follow_their_likelihood(patients):
    """XGBoost's own objective knows no entry; trees are given derivatives that do, much as its own from zero on."""
    rows, truth = patients
    splits = FAMILY.splits(truth, classes=2, groups=None, seed=0)
    assert len(splits) == 5
    once = np.ones(120)
    held = {
        name: FAMILY.boosted(rows, one, once, splits, seed=0)
        for name, one in {
            "late": truth,
            "zero": replace(truth, entry=np.zeros(120)),
            "none": replace(truth, entry=None),
        }.items()
    }
    model, risks = held["late"]
    assert np.corrcoef(risks, rows["t:risk"])[0, 1] > 0.4
    assert np.corrcoef(model.logits(rows), rows["t:risk"])[0, 1] > 0.4
    assert np.corrcoef(held["zero"][0].logits(rows), held["none"][0].logits(rows))[0, 1] > 0.99
    again = type(model).restore(*model.state())
    np.testing.assert_array_equal(again.logits(rows), model.logits(rows))
    assert not np.allclose(held["zero"][1], risks)


def test_nobody_was_there_with_another(patients):
    """Everyone enters when the one before has left: no pair to learn from, so no splits."""
    until = np.arange(1.0, 21.0)
    truth = Truth(label=np.ones(20, dtype=np.int64), time=until, entry=until - 1)
    assert FAMILY.splits(truth, classes=2, groups=None, seed=0) == []
    assert len(FAMILY.splits(replace(truth, entry=None), classes=2, groups=None, seed=0)) == 5
