"""What products are fitted beside, and that each part of a crossed model is what it says: recomputed by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fusion.plain.families import spread
from fusion.plain.gate import SEARCHED, fit_gate
from fusion.plain.linear import Linear, fit_linear
from fusion.plain.logistic import log_loss
from fusion.plain.products import regimens
from fusion.plain.products.crossed import Crossed
from fusion.plain.products.fit import fit_crossed
from fusion.plain.products.pairs import Pairs
from fusion.plain.products.regimens import Treated, fit_treated
from fusion.plain.products.searched import PRECISION, fit_searched
from fusion.plain.products.seen import Beside, Seen
from fusion.plain.training import Training
from tests.helpers.trained_on import training

N = 260


@dataclass(frozen=True)
class Fitted:
    told: Training
    linear: Linear
    held_out: np.ndarray
    beside: Beside
    treated: Treated


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """Benefit depends on one column, a product of two others counts, and patients weigh differently."""
    random = np.random.default_rng(2)
    x, new = random.normal(size=(N, 4)), random.integers(0, 2, N)
    rows = pd.DataFrame(x, columns=[f"clinical:x{one}" for one in range(4)]).assign(
        **{"drug:old": 1.0 - new, "drug:new": 1.0 * new}
    )
    logit = 0.5 * x[:, 3] + 1.2 * (new - 0.5) * x[:, 0] + 1.5 * x[:, 1] * x[:, 2]
    labels = (random.random(N) < expit(logit)).astype(np.int64)
    told = training(rows, labels, spread(labels, needed=(0, 1)), np.where(labels == 1, 1.6, 0.7))
    linear, held_out = fit_linear(told)
    beside = Beside.of(linear, told)
    treated = fit_treated(beside, held_out=held_out, treatments=["drug"])
    assert treated is not None
    return Fitted(told, linear, held_out, beside, treated)


def test_the_residual_is_weighted_and_what_pairs_add_is_part_of_the_start() -> None:
    values = np.random.default_rng(0).normal(size=(40, 3))
    labels, weights, start = (values[:, 0] > 0).astype(np.int64), np.arange(40.0), values[:, 1]
    seen = Seen(values=values, labels=labels, weights=weights, start=start)
    assert seen.residual == pytest.approx(weights * (labels - 1 / (1 + np.exp(-start))))
    pairs = Pairs.of(values, (np.array([0]), np.array([2])), precision=2.0, searched=True)
    pairs = pairs.fit(values, labels, weights, start)
    product = values[:, 0] * values[:, 2]
    added = pairs.coefficients[0] * (product - product.mean()) / product.std()
    assert seen.beside(pairs.kept(0.5)).start == pytest.approx(start + 0.5 * added)


def test_searched_pairs_are_fitted_beside_the_regimens_products(fitted: Fitted) -> None:
    whole, treated = fitted.beside.whole, fitted.treated
    pairs, added = fit_searched(fitted.beside, treated=treated)
    assert not treated.columns[pairs.first].any() and not treated.columns[pairs.second].any()
    start = whole.start + treated.pairs.parts(whole.values).sum(axis=1)
    design = pairs.design(whole.values)
    share = expit(start + design @ pairs.coefficients)
    slope = design.T @ (whole.weights * (share - whole.labels)) + PRECISION * pairs.coefficients
    assert slope == pytest.approx(np.zeros(len(slope)), abs=1e-3)
    # Held-out patients: the same of those of a split, beside the regimens' products of these.
    seen, out = fitted.told.splits[1]
    inside = training(fitted.told.rows.iloc[seen], whole.labels[seen], [], whole.weights[seen])
    part = Treated(columns=treated.columns, pairs=treated.parts[1], parts=[], held_out=np.zeros(0))
    values = fitted.linear.columns(fitted.told.rows)
    alone, _ = fit_searched(Beside.of(fitted.linear, inside), treated=part)
    assert added[out] == pytest.approx(alone.parts(values[out]).sum(axis=1))


def test_a_crossed_model_is_the_sum_of_its_parts(fitted: Fitted) -> None:
    model, held_out = fit_crossed(fitted.linear, fitted.told, held_out=fitted.held_out, treatments=["drug"])
    pairs, added = fit_searched(fitted.beside, treated=fitted.treated)
    before = fitted.held_out + fitted.treated.held_out
    share = fit_gate(before, added, fitted.told.labels, fitted.told.weights).cautious(SEARCHED)
    assert 0 < share < 1 and share != fit_gate(before, added, fitted.told.labels).cautious(SEARCHED)
    assert held_out == pytest.approx(before + share * added)
    assert isinstance(model, Crossed)
    values = fitted.linear.columns(fitted.told.rows)
    expected = fitted.linear.logits(fitted.told.rows) + fitted.treated.pairs.parts(values).sum(axis=1)
    assert model.logits(fitted.told.rows) == pytest.approx(expected + share * pairs.parts(values).sum(axis=1))


def test_ridge_and_net_are_averaged_by_their_likelihood(fitted: Fitted) -> None:
    beside, treated = fitted.beside, fitted.treated
    whole = regimens._Products.of(beside.whole, treated.columns)
    parts = [regimens._Products.of(seen, treated.columns) for seen in beside.parts]
    labels, weights = beside.whole.labels, beside.whole.weights

    def loss(pairs: list[Pairs]) -> float:
        return float((weights * log_loss(fitted.held_out + beside.added(pairs), labels)).sum())

    ridges = {one: loss([part.ridge(one) for part in parts]) for one in regimens.PRECISIONS}
    path = whole.problem.path()
    nets = [loss([part.nets(path[: place + 1])[-1] for part in parts]) for place in range(len(path))]
    precision, place = min(ridges, key=lambda one: ridges[one]), int(np.argmin(nets))
    assert 0 < place < len(path) - 1, "no end of the path, so that going on would tell"
    net = whole.nets(path[: place + 1])[-1].coefficients
    without = float((weights * log_loss(fitted.held_out, labels)).sum())
    weight = np.exp(-(np.array([without, ridges[precision], nets[place]]) - without) / 8)
    _, by_ridge, by_net = weight / weight.sum()
    assert treated.pairs.share == pytest.approx(np.full(len(net), by_ridge + by_net))
    mean = by_ridge * whole.ridge(precision).coefficients + by_net * net
    assert treated.pairs.coefficients == pytest.approx(mean / (by_ridge + by_net))
    # The net is at its optimum beside the logits that stay.
    design = whole.pairs.design(beside.whole.values)
    slope = design.T @ (weights * (expit(beside.whole.start + design @ net) - labels)) / N + path[place] * net / 2
    assert np.abs(slope[net == 0]).max(initial=0) < path[place] / 2 * (1 + 1e-3)
    assert slope[net != 0] == pytest.approx(-np.sign(net[net != 0]) * path[place] / 2, abs=1e-4)
