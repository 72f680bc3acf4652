"""Products of columns: found, tested against the score test by hand, kept only as far as others support, explained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from fusion.plain.base import fit_base, load_base, save_base
from fusion.plain.families import ClassFamily, spread
from fusion.plain.gate import Gate
from fusion.plain.linear import fit_linear
from fusion.plain.mixture import Mixture
from fusion.plain.products import searched as module
from fusion.plain.products.crossed import Crossed
from fusion.plain.products.searched import NUMBER, PRECISION, fit_searched
from fusion.plain.products.seen import Beside
from tests.helpers.trained_on import training

N = 400
ONES = np.ones(N)


def made(seed: int = 0, *, effect: float = 2.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Twelve columns of two modalities; the outcome is a main effect, and a product across the modalities."""
    random = np.random.default_rng(seed)
    names = [f"{'drug' if place < 4 else 'genes'}:{place}" for place in range(12)]
    rows = pd.DataFrame(random.normal(size=(N, 12)), columns=names)
    score = 0.5 * rows["genes:5"] + effect * rows["drug:1"] * rows["genes:7"]
    return rows, (random.random(N) < 1 / (1 + np.exp(-score.to_numpy()))).astype(int)


def test_the_product_is_found_and_a_network_need_not_look_for_it() -> None:
    rows, labels = made()
    base = fit_base("choose", rows[:300], labels[:300], classes=2)
    model = base.model.linear if isinstance(base.model, Mixture) else base.model
    assert isinstance(model, Crossed)
    assert model.named[0] == ("drug:1", "genes:7")
    right = (base.model.logits(rows[300:]) > 0) == labels[300:]
    alone, _ = fit_linear(training(rows[:300], labels[:300], spread(labels[:300], needed=(0, 1))))
    assert right.mean() > ((alone.logits(rows[300:]) > 0) == labels[300:]).mean() + 0.1


def test_pairs_are_those_of_the_largest_score_test() -> None:
    """By hand, one pair after the other, with the residuals of the same ridge."""
    rows, labels = made(1, effect=0.7)
    splits = spread(labels, needed=(0, 1))
    linear, _ = fit_linear(training(rows, labels, splits))
    found, _ = fit_searched(Beside.of(linear, training(rows, labels, splits)))
    values = linear.columns(rows)
    width = np.array([4.0] * 4 + [8.0] * 8) ** (-linear.power / 2)
    ridge = LogisticRegression(C=linear.strength, tol=1e-10, max_iter=10_000).fit(values * width, labels)
    start = ridge.decision_function(values * width)
    residual = labels - 1 / (1 + np.exp(-start))
    scores = {}
    for one in range(12):
        for other in range(one + 1, 12):
            product = values[:, one] * values[:, other]
            scores[one, other] = abs(residual @ product) / np.sqrt((residual**2) @ (product**2))
    expected = sorted(scores, key=lambda pair: -scores[pair])[:NUMBER]
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected
    # Their coefficients: no better ones beside the linear logits, at the prior's precision.
    products = np.stack([values[:, one] * values[:, other] for one, other in expected], axis=1)
    design = (products - products.mean(axis=0)) / products.std(axis=0)
    share = 1 / (1 + np.exp(-(start + design @ found.coefficients)))
    assert design.T @ (share - labels) + PRECISION * found.coefficients == pytest.approx(np.zeros(NUMBER), abs=1e-3)


def test_what_is_added_to_a_held_out_patient_owes_nothing_to_their_label() -> None:
    rows, labels = made(2)
    splits = spread(labels, needed=(0, 1))
    linear, _ = fit_linear(training(rows, labels, splits))
    _, added = fit_searched(Beside.of(linear, training(rows, labels, splits)))
    seen, held = splits[3]
    turned = labels.copy()
    turned[held] = 1 - turned[held]
    _, again = fit_searched(Beside.of(linear, training(rows, turned, splits)))
    assert again[held] == pytest.approx(added[held], abs=0)
    assert again[seen] != pytest.approx(added[seen], abs=1e-3)


def test_noise_is_left_out() -> None:
    """Where there is no product, nearly nothing is kept, and mostly nothing at all."""
    shares = []
    for seed in range(6):
        rows, labels = made(seed, effect=0.0)
        splits = spread(labels, needed=(0, 1))
        linear, held_out = fit_linear(training(rows, labels, splits))
        _, added = fit_searched(Beside.of(linear, training(rows, labels, splits)))
        shares.append(module_share(held_out, added, labels))
    assert sorted(shares)[3] == 0 and np.mean(shares) < 0.1


def module_share(held_out: np.ndarray, added: np.ndarray, labels: np.ndarray) -> float:
    from fusion.plain.gate import SEARCHED, fit_gate

    return fit_gate(held_out, added, labels).cautious(SEARCHED)


def test_a_cautious_gate_by_hand() -> None:
    gate = Gate(value=0.72, raw=0.8, error=0.26)
    assert gate.cautious(1.0) == pytest.approx(0.8 * (1 - (0.26 / 0.8) ** 2))
    assert gate.cautious(2.0) == pytest.approx(0.8 * (1 - (0.52 / 0.8) ** 2))
    assert gate.cautious(4.0) == 0 and Gate(value=0, raw=-1, error=0.1).cautious(2) == 0
    assert Gate(value=1, raw=3, error=0.1).cautious(2) == 1


def test_terms_add_up_and_a_product_is_shared_by_its_columns(tmp_path: Path) -> None:
    rows, labels = made(3)
    rows.loc[:30, "genes:7"] = np.nan
    model = fit_base("choose", rows, labels, classes=2).model
    crossed = model.linear if isinstance(model, Mixture) else model
    assert isinstance(crossed, Crossed) and isinstance(model, Crossed | Mixture)
    terms = crossed.terms(rows)
    assert terms.sum(axis=1).to_numpy() + crossed.reference == pytest.approx(crossed.logits(rows))
    more = terms - crossed.linear.terms(rows)
    first, second = crossed.named[0]
    assert model.products == crossed.products and model.products[0] == f"{first} × {second}"
    if len({name for pair in crossed.named for name in pair}) == 2 * NUMBER:
        assert more[first].to_numpy() == pytest.approx(more[second].to_numpy())
    save_base(tmp_path, model)
    again = load_base(tmp_path)
    assert again is not None
    assert again.logits(rows) == pytest.approx(model.logits(rows), abs=0)
    assert json.dumps(model.state()[0]) == json.dumps(again.state()[0])
    new = rows.drop(columns=[name for name in rows if name.startswith("genes")])
    assert np.isfinite(again.logits(new)).all(), "a new patient may lack a modality"


def test_of_very_many_columns_those_with_the_largest_score_are_crossed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = made(4, effect=3.0)
    monkeypatch.setattr(module, "MOST", 4)
    splits = spread(labels, needed=(0, 1))
    linear, _ = fit_linear(training(rows, labels, splits))
    found, _ = fit_searched(Beside.of(linear, training(rows, labels, splits)))
    values, residual = (
        linear.columns(rows),
        labels - 1 / (1 + np.exp(-linear.again(linear.columns(rows), labels, ONES))),
    )
    alone = np.abs(residual @ values) / np.sqrt((residual**2) @ values**2)
    assert {*found.first.tolist(), *found.second.tolist()} <= set(np.argsort(-alone)[:4].tolist())


def test_products_of_several_classes_are_not_sought() -> None:
    rows, _ = made()
    labels = np.arange(N) % 3
    splits = spread(labels, needed=(0, 1, 2))
    linear, held_out = fit_linear(training(rows, labels, splits))
    found = ClassFamily().crossed(linear, training(rows, labels, splits), held_out=held_out, treatments=["drug"])
    assert found[0] is linear and found[1] is held_out
