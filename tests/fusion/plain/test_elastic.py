"""The elastic net of times: against scikit-survival, the conditions of an optimum, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion.evaluation.outcomes.partial import RiskSets
from fusion.evaluation.outcomes.survival import harrell
from fusion.plain.base import fit_base, load_base, save_base
from fusion.plain.elastic import fit_elastic
from fusion.plain.families import FAMILIES
from fusion.plain.sparse import MIXED, Problem, elastic_net
from tests.helpers.times import invented
from tests.helpers.trained_on import training

RISKS = FAMILIES["survival"]


@pytest.mark.parametrize("mixed", [0.5, 1.0])
def test_a_path_is_that_of_scikit_survival(mixed: float) -> None:
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    rows, truth = invented(80, columns=6)
    # Without ties, of which the two have different ways.
    truth = replace(truth, time=truth.times + np.random.default_rng(1).uniform(0, 0.01, size=80))
    values = ((rows - rows.mean()) / rows.std(ddof=0)).to_numpy()
    penalties = [0.2, 0.05, 0.01]
    theirs = CoxnetSurvivalAnalysis(l1_ratio=mixed, alphas=penalties, tol=1e-12, max_iter=1_000_000, normalize=False)
    theirs.fit(values, Surv.from_arrays(truth.label == 1, truth.times))
    sets = RiskSets.of(truth)
    ours = [elastic_net(values, sets, one, mixed=mixed, tolerance=1e-9, steps=20_000) for one in penalties]
    np.testing.assert_allclose(np.stack(ours, axis=1), theirs.coef_, atol=1e-6)


def test_with_ties_no_direction_is_better() -> None:
    """Karush–Kuhn–Tucker: where a coefficient is not 0, the slope is the penalty's; elsewhere it is no steeper."""
    rows, truth = invented(90, columns=8)
    values = ((rows - rows.mean()) / rows.std(ddof=0)).to_numpy()
    sets, penalty = RiskSets.of(truth), 0.06
    beta = elastic_net(values, sets, penalty, tolerance=1e-9, steps=20_000)
    slope = values.T @ sets.gradient(values @ beta) / 90 + penalty * (1 - MIXED) * beta
    used = beta != 0
    assert 0 < used.sum() < 8
    np.testing.assert_allclose(slope[used], -penalty * MIXED * np.sign(beta[used]), atol=1e-6)
    assert np.abs(slope[~used]).max() <= penalty * MIXED + 1e-9


def test_the_strongest_penalty_leaves_no_column_in() -> None:
    rows, truth = invented(60)
    values = ((rows - rows.mean()) / rows.std(ddof=0)).to_numpy()
    sets = RiskSets.of(truth)
    first, second, *_, last = Problem(design=values, likelihood=sets, origin=False).path()
    assert not elastic_net(values, sets, 1.0001 * first).any()
    assert elastic_net(values, sets, second, tolerance=1e-7).any()
    assert last == pytest.approx(0.02 * first)


def test_an_arm_of_few_columns_ranks_those_it_did_not_see(tmp_path) -> None:
    rows, truth = invented(120, columns=20, effect=1.2)
    base = fit_base("elastic", rows, truth, classes=2, seed=1, family=RISKS)
    new_rows, new = invented(120, columns=20, effect=1.2, seed=5)
    assert harrell(base.model.logits(new_rows), new) > 0.7
    assert 1 <= (base.model.coefficients != 0).sum() < 12
    save_base(tmp_path, base.model)
    np.testing.assert_array_equal(load_base(tmp_path).logits(new_rows), base.model.logits(new_rows))
    # Who is held out is judged by a model that did not know their outcome.
    splits = RISKS.splits(truth, classes=2, groups=None, seed=1)
    other = truth.times.copy()
    other[splits[0][1]] = other[splits[0][1]][::-1]
    _, again = fit_elastic(training(rows, replace(truth, time=other), splits))
    assert np.corrcoef(again[splits[0][1]], base.held_out[splits[0][1]])[0, 1] > 0.95
