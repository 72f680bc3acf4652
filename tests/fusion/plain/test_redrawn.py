"""Refits to draws of patients: the same optimum as scikit-learn's, products and trees, and what cannot be redrawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from fusion.plain.base import Plain, fit_base
from fusion.plain.linear import Linear
from fusion.plain.mixture import Mixture
from fusion.plain.products.crossed import Crossed
from fusion.plain.products.pairs import Pairs
from fusion.plain.redrawn import Redrawn, redraw

N = 120


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, Linear]:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(N, 3))
    rows = pd.DataFrame(x, columns=["clinical:a", "clinical:b", "arm:new"])
    labels = (rng.random(N) < expit(x @ [1.0, -0.5, 0.8])).astype(np.int64)
    model = fit_base("linear", rows, labels, classes=2, seed=0).model
    assert isinstance(model, Linear)
    counts = rng.multinomial(N, np.full(N, 1 / N), size=30).astype(float)
    return rows, labels, counts, model


def only(model: Linear, name: str) -> Linear:
    """The model as if it were of one set of modalities alone."""
    return replace(model, sets={name: (1.0, model.sets[name][1])}, net=(0.0, 0.0))


def test_a_draw_is_what_scikit_learn_fits_to_patients_counted_as_drawn(made) -> None:
    rows, labels, counts, model = made
    one = only(model, "clinical+arm")
    found = redraw(one, rows, labels, np.ones(N), counts)
    assert found is not None
    scale = np.array([2.0, 2.0, 1.0]) ** (-model.power / 2)
    design, strength = model.columns(rows) * scale, one.sets["clinical+arm"][1]
    fits = [
        LogisticRegression(C=strength, tol=1e-10, max_iter=10000).fit(design, labels, sample_weight=weights)
        for weights in (np.ones(N), counts[0], counts[7])
    ]
    for place, fit in ((0, fits[1]), (7, fits[2])):
        assert found.coefficients[place] == pytest.approx((fit.coef_[0] - fits[0].coef_[0]) * scale, abs=1e-5)
        assert found.intercepts[place] == pytest.approx(fit.intercept_[0] - fits[0].intercept_[0], abs=1e-5)
    new = rows.iloc[:2]
    expected = model.columns(new) @ found.coefficients[7] + found.intercepts[7]
    assert found.change(model, new)[7] == pytest.approx(expected)


def test_a_draw_of_everybody_once_changes_nothing_and_sets_weigh_by_their_share(made) -> None:
    rows, labels, counts, model = made
    same = redraw(model, rows, labels, np.ones(N), np.ones((1, N)))
    assert same is not None
    assert np.abs(same.change(model, rows)).max() < 1e-6
    sets = dict.fromkeys(("clinical+arm", "arm"), 0.0)
    both = replace(model, sets={name: (0.5, model.sets[name][1]) for name in sets} | {"clinical": (0.04, 1.0)})
    both = replace(both, net=(0.04, 1.0))
    parts = [redraw(only(model, name), rows, labels, np.ones(N), counts) for name in sets]
    found = redraw(both, rows, labels, np.ones(N), counts)
    assert found is not None
    # The third set and the elastic net have too small a share to be refitted.
    assert found.coefficients == pytest.approx(sum(0.5 * part.coefficients for part in parts if part), abs=1e-9)
    weighed = redraw(model, rows, labels, np.full(N, 3.0), counts[:2])
    assert weighed is not None
    assert np.abs(weighed.coefficients - redraw(model, rows, labels, np.ones(N), counts[:2]).coefficients).max() > 1e-4


def test_an_elastic_net_is_what_scikit_learn_fits_to_patients_counted_as_drawn(made) -> None:
    rows, labels, counts, model = made
    share, penalty = 0.5, model.net[1]
    name = "clinical+arm"
    alone = replace(model, sets={name: (0.0, 1.0)}, net=(share, penalty))
    found = redraw(alone, rows, labels, np.ones(N), counts[:3])
    assert found is not None
    design = model.columns(rows)
    net = LogisticRegression(solver="saga", l1_ratio=0.5, C=1 / (N * penalty), tol=1e-8, max_iter=50_000)
    whole, *drawn = (
        [*fit.coef_[0], fit.intercept_[0]]
        for fit in (net.fit(design, labels, sample_weight=one) for one in (np.ones(N), *counts[:3]))
    )
    expected = share * (np.array(drawn) - np.array(whole))
    assert found.coefficients == pytest.approx(expected[:, :-1], abs=1e-3)
    assert found.intercepts == pytest.approx(expected[:, -1], abs=1e-3)
    assert np.abs(expected).max() > 0.05


def test_products_are_refitted_beside_and_trees_stay(made) -> None:
    rows, labels, counts, model = made
    values = model.columns(rows)
    product = values[:, 0] * values[:, 2]
    pairs = Pairs(
        first=np.array([0]), second=np.array([2]), center=np.array([product.mean()]),
        scale=np.array([product.std()]), coefficients=np.array([0.3]), precision=np.array([5.0]),
        share=np.array([0.5]), searched=np.array([True]),
    )  # fmt: skip
    crossed = Crossed(linear=model, pairs=pairs)
    plain, found = (redraw(one, rows, labels, np.ones(N), counts) for one in (model, crossed))
    assert plain is not None and found is not None
    assert found.coefficients == pytest.approx(plain.coefficients)
    assert found.products.shape == (30, 1)
    standard = (product - product.mean()) / product.std()
    more = found.change(crossed, rows) - plain.change(model, rows)
    assert more == pytest.approx(0.5 * found.products * standard)
    # At the optimum the gradient of draw 3, its linear part refitted, is that of the prior alone.
    logits = model.logits(rows) + plain.change(model, rows)[3]
    whole = redraw(crossed, rows, labels, np.ones(N), np.vstack([counts[3], np.ones(N)]))
    assert whole is not None and whole.products[1] == pytest.approx(0, abs=1e-6)
    start = _optimum(standard, labels, np.ones(N), model.logits(rows))
    assert found.products[3, 0] == pytest.approx(_optimum(standard, labels, counts[3], logits) - start, abs=1e-6)
    mixed = Mixture(linear=crossed, boosted=None, share=0.25)  # type: ignore[arg-type]
    assert found.change(mixed, rows) == pytest.approx(0.75 * found.change(crossed, rows))


def _optimum(column: np.ndarray, labels: np.ndarray, weights: np.ndarray, logits: np.ndarray) -> float:
    """By a grid and its refinement: the minimum of the weighted log-loss + 5 β² / 2."""
    low, high = -3.0, 3.0
    for _ in range(40):
        grid = np.linspace(low, high, 21)
        linear = logits[None] + grid[:, None] * column
        loss = (weights * (np.logaddexp(0, linear) - labels * linear)).sum(axis=1) + 2.5 * grid**2
        at, step = grid[loss.argmin()], grid[1] - grid[0]
        low, high = at - step, at + step
    return float(at)


def test_what_has_no_regression_or_too_wide_a_one_is_not_redrawn(made) -> None:
    rows, labels, counts, model = made
    constant: Plain = fit_base("linear", rows.assign(**dict.fromkeys(rows, 1.0)), labels, classes=2).model
    assert redraw(constant, rows, labels, np.ones(N), counts) is None
    assert redraw(replace(model, sets={}), rows, labels, np.ones(N), counts) is None


def test_refits_are_kept_and_refused_where_they_do_not_fit(made) -> None:
    rows, labels, counts, model = made
    found = redraw(model, rows, labels, np.ones(N), counts)
    assert found is not None
    again = Redrawn.restore(found.arrays())
    assert (again.change(model, rows) == found.change(model, rows)).all()
    with pytest.raises(ValueError, match="do not fit together"):
        Redrawn.restore(found.arrays() | {"intercepts": np.zeros(3)})
    other = Redrawn.restore(found.arrays() | {"coefficients": np.zeros((30, 2))})
    with pytest.raises(ValueError, match="of another model"):
        other.change(model, rows)
    with pytest.raises(ValueError, match="of another model"):
        Redrawn.restore(found.arrays() | {"products": np.zeros((30, 1))}).change(model, rows)
