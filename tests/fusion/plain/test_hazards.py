"""Ridge Cox regression and boosted risks as plain models, and the gate of what is added to them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from fusion.contract import Truth
from fusion.evaluation.outcomes.partial import RiskSets
from fusion.evaluation.outcomes.survival import harrell
from fusion.plain.base import fit_base, load_base, save_base
from fusion.plain.families import FAMILIES
from fusion.plain.gate import fit_gate
from fusion.plain.hazards import in_parts, ridge_cox
from fusion.plain.once import Once
from tests.helpers.times import invented
from tests.helpers.trained_on import training

RISKS = FAMILIES["survival"]


def test_ridge_is_lifelines():
    """Its penaliser is on the mean log likelihood: 1 / (C · patients)."""
    from lifelines import CoxPHFitter

    rows, truth = invented(100)
    values = (rows - rows.mean()) / rows.std(ddof=0)
    table = values.assign(time=truth.times, event=truth.label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = CoxPHFitter(penalizer=1 / (0.1 * 100)).fit(table, "time", "event", fit_options={"precision": 1e-12})
    sets = RiskSets.of(truth)
    found = ridge_cox(values.to_numpy(), sets, 0.1)
    # lifelines scales columns by the deviation with n − 1.
    np.testing.assert_allclose(found, fitted.params_, rtol=0.02)
    gradient = values.to_numpy().T @ sets.gradient(values.to_numpy() @ found) + found / 0.1
    assert np.abs(gradient).max() < 1e-5


@pytest.mark.parametrize("censored", [0.0, 0.9])
def test_ridge_is_scikit_survivals_with_ties_and_heavy_censoring(censored):
    """Its alpha is 1 / C; both have Efron's ties."""
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    rows, truth = invented(150)
    rng = np.random.default_rng(2)
    truth = replace(truth, label=np.where(rng.random(150) < censored, 0, 1))
    assert len(np.unique(truth.times[truth.label == 1])) < (truth.label == 1).sum(), "there are ties"
    fitted = CoxPHSurvivalAnalysis(alpha=5.0, ties="efron", tol=1e-13, n_iter=500)
    fitted.fit(rows.to_numpy(), Surv.from_arrays(truth.label == 1, truth.times))
    np.testing.assert_allclose(ridge_cox(rows.to_numpy(), RiskSets.of(truth), 0.2), fitted.coef_, atol=1e-6)


def test_both_solvers_find_the_same(monkeypatch):
    rows, truth = invented(60, columns=8)
    sets = RiskSets.of(truth)
    newton = ridge_cox(rows.to_numpy(), sets, 0.3)
    monkeypatch.setattr("fusion.plain.hazards.SQUARE", 2)
    np.testing.assert_allclose(ridge_cox(rows.to_numpy(), sets, 0.3), newton, atol=2e-4)


@pytest.mark.parametrize("kind", ["linear", "boosted", "choose"])
def test_a_plain_model_ranks_those_it_did_not_see(kind, tmp_path):
    rows, truth = invented(150, effect=1.2)
    base = fit_base(kind, rows, truth, classes=2, seed=1, family=RISKS)
    new_rows, new = invented(150, effect=1.2, seed=5)
    assert harrell(base.model.logits(new_rows), new) > 0.7
    apart = in_parts(truth, RISKS.splits(truth, classes=2, groups=None, seed=1))
    assert 0.65 < harrell(base.held_out, apart) < 0.9
    save_base(tmp_path, base.model)
    np.testing.assert_array_equal(load_base(tmp_path).logits(new_rows), base.model.logits(new_rows))
    terms = base.model.terms(new_rows).sum(axis=1) + base.model.reference
    np.testing.assert_allclose(terms, base.model.logits(new_rows), atol=1e-4)


def test_wide_noise_is_drawn_to_nothing():
    """More columns than patients, none of which says anything: the strongest penalty, and risks that hardly differ."""
    rows, truth = invented(60, columns=90, effect=0.0)
    base = fit_base("linear", rows, truth, classes=2, family=RISKS)
    assert base.model.strength <= 1e-3
    assert np.std(base.model.logits(rows)) < 0.1


def test_held_out_risks_do_not_know_their_patients():
    """Who is held out may live or die anew: their own held-out risk stays as it was."""
    rows, truth = invented(80)
    splits = RISKS.splits(truth, classes=2, groups=None, seed=0)
    _, before = RISKS.linear(training(rows, truth, splits))
    other = truth.times.copy()
    other[splits[0][1]] = other[splits[0][1]][::-1]
    model = ridge_cox(np.zeros((80, 1)), RiskSets.of(truth), 1.0)
    assert model.tolist() == [0.0]
    changed = replace(truth, time=other)
    _, after = RISKS.linear(training(rows, changed, splits))
    held = splits[0][1]
    ranks = np.argsort(before[held]), np.argsort(after[held])
    # The penalty is chosen by all held-out patients, so it may move; the direction of a path's fit may not.
    assert np.corrcoef(before[held], after[held])[0, 1] > 0.999 or ranks[0].tolist() == ranks[1].tolist()


def test_too_few_events_are_a_constant_and_few_censored_are_enough():
    rows, truth = invented(40)
    one = np.zeros(40, dtype=np.int64)
    one[3] = 1
    base = fit_base("linear", rows, Truth(label=one, time=truth.time), classes=2, family=RISKS)
    assert base.model.kind == "prevalence"
    assert base.held_out.tolist() == [0.0] * 40
    two = np.ones(40, dtype=np.int64)
    two[:2] = 0
    assert len(RISKS.splits(Truth(label=two, time=truth.time), classes=2, groups=None, seed=0)) == 5
    everyone = Truth(label=np.ones(40, dtype=np.int64), time=truth.time)
    assert fit_base("linear", rows, everyone, classes=2, family=RISKS).model.kind == "linear"


def test_the_gate_opens_for_what_orders_patients_within_parts():
    rows, truth = invented(200, columns=2, effect=1.0)
    truth = replace(truth, part=np.arange(200) % 3)
    signal, noise = rows.to_numpy().T
    gate = fit_gate(np.zeros(200), signal, truth, derivatives=RISKS.derivatives)
    assert gate.value > 0.8
    origin = fit_gate(np.zeros(200), signal + 50.0 * truth.part, truth, derivatives=RISKS.derivatives)
    assert origin.raw == pytest.approx(gate.raw)
    shut = fit_gate(signal, noise, truth, derivatives=RISKS.derivatives)
    assert shut.value < 0.2
    # The coefficient is the stratified Cox regression's.
    sets = RiskSets.of(truth)
    assert sets.gradient(gate.raw * signal) @ signal == pytest.approx(0.0, abs=1e-5)


def test_what_two_arms_ask_for_is_fitted_once():
    rows, truth = invented(60)
    memory: dict = {}
    first = fit_base("choose", rows, truth, classes=2, seed=1, family=Once(RISKS, memory, "all"))
    assert len(memory) == 3, "a regression, its pairs (none are sought) and trees"
    again = fit_base("linear", rows, truth, classes=2, seed=1, family=Once(RISKS, memory, "all"))
    alone = fit_base("linear", rows, truth, classes=2, seed=1, family=RISKS)
    np.testing.assert_array_equal(again.held_out, alone.held_out)
    assert len(memory) == 3
    other = fit_base("linear", rows, truth, classes=2, seed=2, family=Once(RISKS, memory, "all"))
    assert len(memory) == 4, "other splits are another model"
    fit_base("linear", rows, truth, classes=2, seed=1, family=Once(RISKS, memory, "some"))
    assert len(memory) == 5
    assert first.held_out.shape == other.held_out.shape


def test_whom_a_split_holds_out_is_a_part():
    _, truth = invented(20)
    splits = [(np.arange(10), np.arange(10, 20)), (np.arange(10, 20), np.arange(10))]
    assert in_parts(truth, splits).part.tolist() == [1] * 10 + [0] * 10
