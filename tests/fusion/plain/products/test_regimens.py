"""Products of a regimen with other columns: fitted by hand, weighed, kept, honest, and of use to whom they help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from fusion.plain.base import fit_base, load_base, save_base
from fusion.plain.families import spread
from fusion.plain.linear import fit_linear
from fusion.plain.logistic import log_loss
from fusion.plain.mixture import Mixture
from fusion.plain.products import regimens as module
from fusion.plain.products.crossed import Crossed
from fusion.plain.products.fit import fit_crossed
from fusion.plain.products.pairs import Pairs
from fusion.plain.products.regimens import PRECISIONS, Treated, fit_treated
from fusion.plain.products.seen import Beside
from tests.helpers.trained_on import training

N = 300
ONES = np.ones(N)


def made(seed: int = 0, *, benefit: float = 1.2, number: int = N) -> tuple[pd.DataFrame, np.ndarray]:
    """Two regimens; who benefits from the new one depends on two of five columns, and nobody does on average."""
    random = np.random.default_rng(seed)
    x, new = random.normal(size=(number, 5)), random.integers(0, 2, number)
    logit = 0.5 * x[:, 4] + benefit * new * (x[:, 0] - x[:, 1])
    rows = pd.DataFrame(x, columns=[f"clinical:x{one}" for one in range(5)]).assign(
        **{"drug:old": 1.0 - new, "drug:new": 1.0 * new}
    )
    return rows, (random.random(number) < expit(logit)).astype(np.int64)


@pytest.fixture(scope="module")
def fitted() -> tuple[pd.DataFrame, np.ndarray, object, np.ndarray, list, Treated]:
    rows, labels = made()
    splits = spread(labels, needed=(0, 1))
    linear, held_out = fit_linear(training(rows, labels, splits))
    found = fit_treated(Beside.of(linear, training(rows, labels, splits)), held_out=held_out, treatments=["drug"])
    assert found is not None
    return rows, labels, linear, held_out, splits, found


def test_every_product_of_the_regimen_is_there_and_no_other(fitted) -> None:
    _, _, linear, _, _, found = fitted
    names = linear.columns.sources
    pairs = {(names[one], names[other]) for one, other in zip(found.pairs.first, found.pairs.second, strict=True)}
    assert pairs == {(drug, f"clinical:x{one}") for drug in ("drug:old", "drug:new") for one in range(5)}
    assert not found.pairs.searched.any() and (found.pairs.share == found.pairs.share[0]).all()
    assert found.columns.tolist() == [name.startswith("drug") for name in names]


def test_ridge_and_net_are_weighed_by_what_held_out_patients_say(fitted) -> None:
    """By hand, with scikit-learn's ridge: offsets are a column of a very weak penalty whose coefficient is 1."""
    _, labels, linear, held_out, splits, found = fitted
    values = linear.columns(fitted[0])
    first, second = found.pairs.first, found.pairs.second

    def ridge(seen: np.ndarray, at: np.ndarray, precision: float) -> np.ndarray:
        products = values[seen][:, first] * values[seen][:, second]
        design = (products - products.mean(axis=0)) / products.std(axis=0)
        start, beta = linear.again(values[seen], labels[seen], ONES[seen]), np.zeros(len(first))
        for _ in range(30):
            share = expit(start + design @ beta)
            slope = design.T @ (share - labels[seen]) + precision * beta
            beta -= np.linalg.solve((design.T * (share * (1 - share))) @ design + precision * np.eye(len(beta)), slope)
        return ((values[at][:, first] * values[at][:, second]) - products.mean(axis=0)) / products.std(axis=0) @ beta

    losses = {}
    for precision in PRECISIONS:
        added = np.zeros(N)
        for seen, held in splits:
            added[held] = ridge(seen, held, precision)
        losses[precision] = log_loss(held_out + added, labels).sum()
    assert found.pairs.precision[0] == min(losses, key=lambda one: losses[one])
    # A model of three, each weighed by its likelihood, so that what is kept is between what one more and two would be.
    odds = np.exp((log_loss(held_out, labels).sum() - min(losses.values())) / 8)
    assert odds / (1 + odds) < found.pairs.share[0] < 1
    assert found.pairs.share[0] > 0.7, "there is something to find"
    assert log_loss(held_out + found.held_out, labels).sum() < log_loss(held_out, labels).sum() - 5


def test_a_regimen_is_preferred_for_whom_it_helps(fitted) -> None:
    right = {}
    new, _ = made(seed=9, number=2000)
    helped = new["clinical:x0"] > new["clinical:x1"]
    rows, labels, linear, held_out, splits, _ = fitted
    for kind, treatments in (("without", ()), ("with", ("drug",))):
        given = {"held_out": held_out, "treatments": treatments}
        model, _ = fit_crossed(linear, training(rows, labels, splits), **given)
        gain = model.logits(new.assign(**{"drug:old": 0.0, "drug:new": 1.0})) - model.logits(
            new.assign(**{"drug:old": 1.0, "drug:new": 0.0})
        )
        right[kind] = ((gain > 0) == helped).mean()
    assert right["with"] > 0.8 and right["with"] > right["without"] + 0.02


def test_of_two_classes_alone_and_of_a_regimen_with_something_beside_it() -> None:
    rows, labels = made(1)
    splits = spread(labels, needed=(0, 1))
    linear, held_out = fit_linear(training(rows, labels, splits))
    given = {"held_out": held_out, "treatments": ["other"]}
    assert fit_treated(Beside.of(linear, training(rows, labels, splits)), **given) is None
    alone, of_alone = fit_linear(training(rows.filter(like="drug"), labels, splits))
    only = {"held_out": of_alone, "treatments": ["drug"]}
    assert fit_treated(Beside.of(alone, training(rows.filter(like="drug"), labels, splits)), **only) is None


def test_what_is_added_to_a_held_out_patient_owes_nothing_to_their_label(fitted) -> None:
    """But for the penalty and the share, which everybody's held-out loss chose."""
    rows, labels, linear, held_out, splits, found = fitted
    _, held = splits[2]
    turned = labels.copy()
    turned[held[:3]] = 1 - turned[held[:3]]
    again = fit_treated(Beside.of(linear, training(rows, turned, splits)), held_out=held_out, treatments=["drug"])
    assert again is not None and again.pairs.precision[0] == found.pairs.precision[0]
    ours, theirs = (one.held_out[held] / one.pairs.share[0] for one in (found, again))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999
    assert np.abs(again.pairs.coefficients - found.pairs.coefficients).max() > 1e-3


def test_other_products_are_sought_among_other_columns(fitted) -> None:
    """A product of the regimen is there already; one of two other columns stands out beside it."""
    random = np.random.default_rng(4)
    rows, _ = made(4)
    logit = 1.5 * rows["clinical:x2"] * rows["clinical:x3"] + 0.8 * (rows["drug:new"] - 0.5) * rows["clinical:x0"]
    labels = (random.random(N) < expit(logit.to_numpy())).astype(np.int64)
    splits = spread(labels, needed=(0, 1))
    linear, held_out = fit_linear(training(rows, labels, splits))
    model, of_model = fit_crossed(linear, training(rows, labels, splits), held_out=held_out, treatments=["drug"])
    assert isinstance(model, Crossed)
    sought = [pair for pair, one in zip(model.named, model.pairs.searched, strict=True) if one]
    assert set(sought[0]) == {"clinical:x2", "clinical:x3"}
    assert not any(name.startswith("drug") for pair in sought for name in pair)
    assert log_loss(of_model, labels).sum() < log_loss(held_out, labels).sum() - 10
    assert "clinical:x2 × clinical:x3" in model.products


def test_the_report_names_the_regimen_once_where_its_products_are_supported(fitted) -> None:
    *_, linear, _, _, found = fitted
    assert Crossed(linear=linear, pairs=found.pairs).products == ["drug × other columns"]
    assert Crossed(linear=linear, pairs=found.pairs.kept(0.4)).products == []


def test_terms_add_up_and_the_model_is_kept(tmp_path: Path) -> None:
    rows, labels = made(3)
    rows.loc[:30, "clinical:x0"] = np.nan
    model = fit_base("choose", rows, labels, classes=2, treatments=["drug"]).model
    crossed = model.linear if isinstance(model, Mixture) else model
    assert isinstance(crossed, Crossed)
    assert crossed.terms(rows).sum(axis=1).to_numpy() + crossed.reference == pytest.approx(crossed.logits(rows))
    save_base(tmp_path, model)
    again = load_base(tmp_path)
    assert again is not None and np.array_equal(again.logits(rows), model.logits(rows))
    # An earlier version kept one share of all pairs, which were searched for.
    config, arrays = crossed.state()
    for name in ("precision", "share", "searched"):
        del arrays[f"pairs_{name}"]
    earlier = Crossed.restore({**config, "share": 0.25}, arrays)
    assert (earlier.pairs.share == 0.25).all() and earlier.pairs.searched.all()
    assert (earlier.pairs.precision == 5.0).all()


def test_of_very_many_columns_those_of_the_largest_score_are_crossed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = made()
    splits = spread(labels, needed=(0, 1))
    linear, held_out = fit_linear(training(rows, labels, splits))
    monkeypatch.setattr(module, "MOST", 4)
    found = fit_treated(Beside.of(linear, training(rows, labels, splits)), held_out=held_out, treatments=["drug"])
    assert found is not None and len(found.pairs.first) == 4
    values = linear.columns(rows)
    residual = labels - expit(linear.again(values, labels, ONES))
    score = np.abs(residual @ values) / np.sqrt((residual**2) @ values**2)
    other = np.flatnonzero(~found.columns)
    assert set(found.pairs.second) == set(other[np.argsort(-score[other])[:2]])
    monkeypatch.setattr(module, "WIDE", 1)
    narrow = fit_treated(Beside.of(linear, training(rows, labels, splits)), held_out=held_out, treatments=["drug"])
    assert narrow is not None and len(set(narrow.pairs.first)) == 1 and len(narrow.pairs.first) == 4


def test_pairs_stand_beside_others() -> None:
    values = np.random.default_rng(0).normal(size=(50, 4))
    one = Pairs.of(values, (np.array([0]), np.array([1])), precision=2.0, searched=True)
    other = Pairs.of(values, (np.array([2]), np.array([3])), precision=3.0, searched=False)
    labels = (values[:, 0] * values[:, 1] > 0).astype(np.int64)
    fit = one.fit(values, labels, np.ones(50), np.zeros(50))
    by_hand = LogisticRegression(C=1 / 2, fit_intercept=False, tol=1e-10).fit(one.design(values), labels)
    assert fit.coefficients == pytest.approx(by_hand.coef_[0], abs=1e-5)
    both = fit.beside(other.kept(0.5))
    assert both.precision.tolist() == [3.0, 2.0] and both.searched.tolist() == [False, True]
    assert both.share.tolist() == [0.5, 1.0]
    assert both.parts(values).sum(axis=1) == pytest.approx(fit.parts(values).sum(axis=1))
    assert fit.beside(None) is fit
