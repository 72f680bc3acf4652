"""Ridge logistic regression: against scikit-learn as it comes, and what is chosen."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as reference_loss
from sklearn.model_selection import StratifiedKFold

from fusion.plain.columns import Columns
from fusion.plain.families import spread
from fusion.plain.linear import Linear, fit_averaged, fit_linear
from fusion.plain.logistic import Logistic, log_loss
from fusion.plain.penalties import STRENGTHS, near
from tests.helpers.trained_on import training

ONES = np.ones(90)


class Ridge(Logistic):
    """Without an elastic net."""

    def net(self, design: np.ndarray) -> None:
        return None


def fit_ridge(rows: pd.DataFrame, labels: np.ndarray, weights: np.ndarray, parts: list) -> tuple[Linear, np.ndarray]:
    return fit_averaged(rows, Ridge(labels=labels, weights=weights, splits=parts))


def made(columns: int, *, classes: int = 2, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    names = [f"{'narrow' if place < 4 else 'wide'}:{place}" for place in range(columns)]
    rows = pd.DataFrame(random.normal(size=(90, columns)), columns=names)
    score = rows.iloc[:, 0] + rows.iloc[:, 1] + random.normal(size=90)
    return rows, np.asarray(pd.qcut(score, classes, labels=False), dtype=np.int64)


def splits(rows: pd.DataFrame, labels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(StratifiedKFold(5).split(rows, labels))


@pytest.mark.parametrize("columns", [6, 300])
@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_ridge_that_scikit_learn_fits(columns: int, classes: int) -> None:
    """Also where there are more columns than patients, and it was fitted in the patients' span."""
    rows, labels = made(columns, classes=classes)
    weights = np.where(labels == 1, 2.0, 1.0)
    found, _ = fit_ridge(rows, labels, weights, splits(rows, labels))
    width = np.array([4.0 if name.startswith("narrow") else columns - 4 for name in rows.columns])
    expected = 0.0
    assert list(found.sets) == ["narrow+wide", "narrow", "wide"]
    for members, (share, strength) in found.sets.items():
        inside = [name.split(":")[0] in members.split("+") for name in rows.columns]
        design = (found.columns(rows) * width ** (-found.power / 2))[:, inside]
        by_hand = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000)
        expected = expected + share * by_hand.fit(design, labels, sample_weight=weights).decision_function(design)
    got = found.logits(rows)
    if classes > 2:
        expected, got = (part - part.mean(axis=1, keepdims=True) for part in (expected, got))
    assert got == pytest.approx(expected, abs=5e-3)


def test_modalities_are_averaged_over_by_the_likelihood_of_held_out_patients() -> None:
    """By hand: each set's cross-fitted losses at its penalty; a modality without a signal has nearly no part."""
    rows, labels = made(40, seed=1)
    parts = splits(rows, labels)
    found, held_out = fit_ridge(rows, labels, ONES, parts)
    width = np.array([4.0] * 4 + [36.0] * 36)
    totals, logits = [], []
    for members, (_, strength) in found.sets.items():
        inside = [name.split(":")[0] in members.split("+") for name in rows.columns]
        design = (found.columns(rows) * width ** (-found.power / 2))[:, inside]
        out = np.zeros(90)
        for seen, held in parts:
            model = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(design[seen], labels[seen])
            out[held] = model.decision_function(design[held])
        logits.append(out)
        totals.append(reference_loss(labels, 1 / (1 + np.exp(-out)), normalize=False))
    weight = np.exp(-(np.array(totals) - min(totals)) / 8)
    weight /= weight.sum()
    assert [share for share, _ in found.sets.values()] == pytest.approx(weight, abs=1e-3)
    assert held_out == pytest.approx(weight @ np.array(logits), abs=5e-3)
    assert found.sets["wide"][0] < 0.2 < found.sets["narrow"][0]


def test_an_elastic_net_is_one_more_that_is_averaged() -> None:
    """Its share by hand, of held-out patients by scikit-learn's elastic net at the same penalty."""
    rows, labels = made(40, seed=1)
    parts = splits(rows, labels)
    ridge, of_ridge = fit_ridge(rows, labels, ONES, parts)
    found, held_out = fit_linear(training(rows, labels, parts))
    share, penalty = found.net
    design, out = found.columns(rows), np.zeros(90)
    for seen, held in parts:
        out[held] = elastic(penalty, design[seen], labels[seen]).decision_function(design[held])
    rest = np.array([one for one, _ in found.sets.values()])
    assert rest.sum() + share == pytest.approx(1.0) and rest / rest.sum() == pytest.approx(
        [one for one, _ in ridge.sets.values()]
    )
    assert held_out == pytest.approx((1 - share) * of_ridge + share * out, abs=1e-3)
    # Of the sets' shares one has a likelihood of its own: that of the first set, by hand above.
    losses = [
        reference_loss(labels, 1 / (1 + np.exp(-one)), normalize=False) for one in (out, first(rows, labels, ridge))
    ]
    assert share / rest[0] == pytest.approx(np.exp((losses[1] - losses[0]) / 8), rel=1e-2)
    whole = elastic(penalty, design, labels)
    assert found.coefficients == pytest.approx((1 - share) * ridge.coefficients + share * whole.coef_, abs=1e-3)
    assert found.intercept == pytest.approx((1 - share) * ridge.intercept + share * whole.intercept_, abs=1e-3)
    assert 1 <= (whole.coef_ != 0).sum() < 30


def elastic(penalty: float, design: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    model = LogisticRegression(solver="saga", l1_ratio=0.5, C=1 / (len(labels) * penalty), tol=1e-7, max_iter=50_000)
    return model.fit(design, labels)


def first(rows: pd.DataFrame, labels: np.ndarray, found: Linear) -> np.ndarray:
    """Held-out logits of ridge of all modalities."""
    width = np.array([4.0] * 4 + [36.0] * 36)
    design, out = found.columns(rows) * width ** (-found.power / 2), np.zeros(90)
    for seen, held in splits(rows, labels):
        model = LogisticRegression(C=found.strength, tol=1e-10, max_iter=10_000).fit(design[seen], labels[seen])
        out[held] = model.decision_function(design[held])
    return out


def test_a_start_that_rounding_cannot_improve_is_no_failure() -> None:
    """Two and a half dozen patients of a few sites; scikit-learn's Newton solver gives up at its own optimum."""
    random = np.random.default_rng(83)
    number = int(random.integers(8, 30))
    labels = (random.random(number) > 0.5).astype(int)
    labels[:4] = [0, 1, 0, 1]
    kinds = int(random.integers(2, 5))
    site = random.integers(0, kinds, number)
    site[:kinds] = range(kinds)
    rows = pd.get_dummies(pd.Series(site)).astype(float).add_prefix("site:")
    parts = spread(labels, needed=(0, 1), seed=0)
    with pytest.warns(ConvergenceWarning, match="Newton"):
        model = LogisticRegression(C=STRENGTHS[0], solver="newton-cholesky", tol=1e-5, warm_start=True)
        for seen, _ in parts:
            for strength in STRENGTHS:
                design = Columns.fit(rows)(rows)[seen]
                model.set_params(C=strength).fit(design, labels[seen])
    found, held_out = fit_linear(training(rows, labels, parts))
    assert np.isfinite(held_out).all() and np.isfinite(found.coefficients).all()


def test_the_models_sets_are_kept() -> None:
    rows, labels = made(6)
    found, _ = fit_linear(training(rows, labels, splits(rows, labels)))
    config, arrays = found.state()
    again = Linear.restore(json.loads(json.dumps(config)), arrays)
    assert again.sets == found.sets and again.net == found.net != (0.0, 0.0)
    assert again.logits(rows) == pytest.approx(found.logits(rows), abs=0)
    del config["sets"], config["net"]  # runs of before
    assert (Linear.restore(config, arrays).sets, Linear.restore(config, arrays).net) == ({}, (0.0, 0.0))


def test_held_out_logits_are_of_models_that_did_not_see_the_label() -> None:
    """A patient's label changes the logits of others, never the patient's own, at the same penalty."""
    rows, labels = made(4)
    parts = splits(rows, labels)
    found, held_out = fit_ridge(rows, labels, ONES, parts)
    seen, out = parts[2]
    design = found.columns(rows)
    by_hand = LogisticRegression(C=found.strength, tol=1e-10, max_iter=10_000).fit(design[seen], labels[seen])
    assert held_out[out] == pytest.approx(by_hand.decision_function(design[out]), abs=5e-3)


def test_the_strongest_penalty_is_chosen_that_held_out_patients_cannot_tell_from_the_best() -> None:
    stronger = 0
    for seed in range(4):
        rows, labels = made(4, seed=seed)
        parts = splits(rows, labels)
        found, held_out = fit_ridge(rows, labels, ONES, parts)
        loss = reference_loss(labels, 1 / (1 + np.exp(-held_out)))
        assert log_loss(held_out, labels).mean() == pytest.approx(loss)
        design = found.columns(rows)
        losses = {}
        for strength in STRENGTHS:
            out = np.zeros(90)
            for seen, held in parts:
                model = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(design[seen], labels[seen])
                out[held] = model.decision_function(design[held])
            losses[strength] = np.logaddexp(0, np.where(labels == 1, -out, out))
        best = min(losses, key=lambda strength: losses[strength].mean())
        more = {strength: each - losses[best] for strength, each in losses.items()}
        assert found.strength == min(one for one, part in more.items() if part.mean() <= part.std() / np.sqrt(90))
        assert loss == pytest.approx(losses[found.strength].mean(), abs=1e-4)
        stronger += found.strength < best
    assert stronger > 0


def test_a_wide_block_does_not_drown_a_narrow_one() -> None:
    """Four columns, two of which matter, beside 400 that say nothing: a penalty for each block."""
    rows, labels = made(404)
    found, _ = fit_linear(training(rows, labels, splits(rows, labels)))
    assert found.power > 0
    new, truth = made(404, seed=9)
    logits = found.logits(new)
    pairs = logits[truth == 1][:, None] - logits[truth == 0][None]
    one = LogisticRegression(C=0.01).fit(rows, labels).decision_function(new)
    alike = one[truth == 1][:, None] - one[truth == 0][None]
    assert (pairs > 0).mean() > (alike > 0).mean() + 0.1


def test_terms_add_up_and_belong_to_their_columns() -> None:
    rows, labels = made(6)
    rows.iloc[:20, 4:] = np.nan
    found, _ = fit_linear(training(rows, labels, splits(rows, labels)))
    terms = found.terms(rows)
    assert set(terms.columns) == set(rows.columns), "the lack of a block counts for its first column"
    assert terms.sum(axis=1).to_numpy() + found.reference == pytest.approx(found.logits(rows))
    average = pd.DataFrame([found.columns.fill], columns=list(found.columns.names))
    assert np.abs(found.terms(average).drop(columns=["wide:4"]).to_numpy()).max() < 1e-12


def test_it_is_restored_to_the_last_bit() -> None:
    rows, labels = made(6)
    found, _ = fit_linear(training(rows, labels, splits(rows, labels)))
    again = Linear.restore(*found.state())
    assert np.array_equal(again.logits(rows), found.logits(rows))
    assert (again.strength, again.power, again.modalities) == (found.strength, found.power, ("narrow", "wide"))


def test_about_a_penalty_two_on_either_side_are_tried() -> None:
    assert near(STRENGTHS[6]) == STRENGTHS[4:9]
    assert near(STRENGTHS[0]) == STRENGTHS[:3] and near(STRENGTHS[-1]) == STRENGTHS[-3:]
