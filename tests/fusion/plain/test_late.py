"""Plain models of patients who came under observation late."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fusion.contract import Truth
from fusion.evaluation.outcomes.partial import RiskSets
from fusion.plain.families import FAMILIES
from fusion.plain.hazards import ridge_cox
from fusion.plain.sparse import elastic_net
from tests.helpers.survival import followed_late
from tests.helpers.trained_on import training

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
        found = elastic_net(design, sets, 0.05, mixed=share, tolerance=1e-8)
    else:
        found = ridge_cox(design, sets, 1 / (0.05 * len(rows)))
    # lifelines smooths |β|, and standardises inside.
    np.testing.assert_allclose(found, fitted.params_.to_numpy(), atol=2e-2)
    ignoring = ridge_cox(design, RiskSets.of(replace(truth, entry=None)), 1 / (0.05 * len(rows)))
    assert abs(ignoring[0] - found[0]) > 0.03


def test_trees_follow_their_likelihood():
    """A column that says nothing of risk, only of who came late: those lived until then, which is no merit of it."""
    rng = np.random.default_rng(1)
    column, time = np.arange(400.0) % 2, rng.exponential(30, size=400)
    entry = np.where(column == 1, rng.uniform(10, 60, size=400), 0.0)
    there = entry < time
    rows = pd.DataFrame({"t:late": column[there], "t:noise": rng.normal(size=there.sum())})
    truth = Truth(label=np.ones(len(rows), dtype=np.int64), time=time[there], entry=entry[there])
    splits = FAMILY.splits(truth, classes=2, groups=None, seed=0)
    effect = {}
    for name, one in {"late": truth, "none": replace(truth, entry=None)}.items():
        model, held_out = FAMILY.boosted(training(rows, one, splits), seed=0)
        of_late = rows["t:late"] == 1
        effect[name] = [logits[of_late].mean() - logits[~of_late].mean() for logits in (model.logits(rows), held_out)]
        np.testing.assert_array_equal(type(model).restore(*model.state()).logits(rows), model.logits(rows))
    assert max(effect["none"]) < -0.3
    assert np.abs(effect["late"]).max() < 0.15


def test_nobody_was_there_with_another(patients):
    """Everyone enters when the one before has left: no pair to learn from, so no splits."""
    until = np.arange(1.0, 21.0)
    truth = Truth(label=np.ones(20, dtype=np.int64), time=until, entry=until - 1)
    assert FAMILY.splits(truth, classes=2, groups=None, seed=0) == []
    assert len(FAMILY.splits(replace(truth, entry=None), classes=2, groups=None, seed=0)) == 5
