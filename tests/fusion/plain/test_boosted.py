"""Boosted trees and their mixture with a linear model: against XGBoost's own classes, sums, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy.special import expit
from sklearn.metrics import log_loss as reference_loss

from fusion.contract import FusionError
from fusion.plain.base import fit_base, load_base, save_base
from fusion.plain.boosted import ROUNDS, SETTINGS, Boosted, fit_boosted
from fusion.plain.families import spread
from fusion.plain.gate import SEARCHED, fit_gate
from fusion.plain.linear import fit_linear
from fusion.plain.logistic import log_loss
from fusion.plain.mixture import Mixture
from tests.helpers.trained_on import training

RANDOM = np.random.default_rng(4)
ROWS = pd.DataFrame(
    RANDOM.normal(size=(160, 6)), columns=[f"{'a' if place < 3 else 'b'}:{place}" for place in range(6)]
)
ROWS.iloc[:30, 3:] = np.nan
BENT = np.asarray((ROWS["a:0"].abs() + 0.3 * RANDOM.normal(size=160) > 0.7), dtype=np.int64)
STRAIGHT = np.asarray(RANDOM.random(160) < expit(3 * ROWS["a:0"]), dtype=np.int64)
ONES, WEIGHTS = np.ones(160), np.where(BENT == 1, 2.0, 1.0)


@pytest.fixture(scope="module")
def splits() -> Any:
    return spread(BENT, needed=range(2))


@pytest.fixture(scope="module")
def bent(splits: Any) -> tuple[Boosted, np.ndarray]:
    return fit_boosted(training(ROWS, BENT, splits, WEIGHTS), seed=3)


def test_it_is_xgboosts_own_classifier(bent: tuple[Boosted, np.ndarray]) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name not in ("lambda", "eta", "nthread")}
    own = xgboost.XGBClassifier(
        n_estimators=bent[0].rounds, reg_lambda=SETTINGS["lambda"], learning_rate=SETTINGS["eta"], n_jobs=1,
        random_state=3, **settings,
    )  # fmt: skip
    own.fit(ROWS.to_numpy(), BENT, sample_weight=WEIGHTS)
    assert expit(bent[0].logits(ROWS)) == pytest.approx(own.predict_proba(ROWS.to_numpy())[:, 1], abs=1e-6)


def test_the_number_of_trees_is_chosen_by_patients_who_were_held_out(splits: Any, bent: tuple[Boosted, Any]) -> None:
    model, held_out = bent
    own = np.average(log_loss(held_out, BENT), weights=WEIGHTS)
    assert own == pytest.approx(reference_loss(BENT, expit(held_out), sample_weight=WEIGHTS), abs=1e-6)
    losses = {}
    for rounds in ROUNDS:
        out = np.zeros(160)
        for seen, held in splits:
            data = xgboost.DMatrix(ROWS.to_numpy()[seen], label=BENT[seen], weight=WEIGHTS[seen], nthread=1)
            booster = xgboost.train({**SETTINGS, "objective": "binary:logistic", "seed": 3}, data, rounds)
            out[held] = booster.predict(xgboost.DMatrix(ROWS.to_numpy()[held]), output_margin=True)
        losses[rounds] = reference_loss(BENT, expit(out), sample_weight=WEIGHTS)
    assert model.rounds == min(losses, key=lambda rounds: losses[rounds])
    assert own == pytest.approx(losses[model.rounds], abs=1e-5)


def test_terms_are_shapley_values_that_add_up(bent: tuple[Boosted, Any]) -> None:
    model = bent[0]
    terms = model.terms(ROWS)
    assert terms.sum(axis=1).to_numpy() + model.reference == pytest.approx(model.logits(ROWS), abs=1e-5)
    assert terms.abs().mean().idxmax() == "a:0"


def test_trees_count_as_far_as_they_help(splits: Any) -> None:
    """A bend is for trees alone; where the truth is a line, hardly anything of them is kept."""
    bend = fit_base("choose", ROWS, BENT, classes=2, seed=3).model
    assert isinstance(bend, Mixture) and bend.share > 0.9
    terms = bend.terms(ROWS)
    assert terms.sum(axis=1).to_numpy() + bend.reference == pytest.approx(bend.logits(ROWS), abs=1e-5)
    assert bend.modalities == ("a", "b")
    line = fit_base("choose", ROWS, STRAIGHT, classes=2, seed=3)
    linear, held_out = fit_linear(training(ROWS, STRAIGHT, spread(STRAIGHT, needed=range(2), seed=3)))
    assert getattr(line.model, "share", 0.0) < 0.5
    assert log_loss(line.held_out, STRAIGHT).mean() <= log_loss(held_out, STRAIGHT).mean() + 1e-9
    assert linear.kind == "linear"


def test_held_out_logits_of_a_mixture_are_those_of_its_parts() -> None:
    both, parts = BENT | STRAIGHT, spread(BENT | STRAIGHT, needed=range(2), seed=3)
    found = fit_base("choose", ROWS, both, classes=2, seed=3)
    assert isinstance(found.model, Mixture) and found.model.share > 0
    (_, line), (_, trees) = fit_linear(training(ROWS, both, parts)), fit_boosted(training(ROWS, both, parts), seed=3)
    share = fit_gate(line, trees - line, both).cautious(SEARCHED)
    assert found.model.share == pytest.approx(share)
    assert found.held_out == pytest.approx((1 - share) * line + share * trees)
    new = ROWS.iloc[:9]
    own = (1 - share) * found.model.linear.logits(new) + share * found.model.boosted.logits(new)
    assert found.model.logits(new) == pytest.approx(own)


@pytest.mark.parametrize("kind", ["boosted", "choose"])
@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_kept_and_read_again(tmp_path: Path, kind: str, classes: int) -> None:
    labels = np.digitize(ROWS["a:0"].abs(), [0.4, 1.0][: classes - 1]).astype(np.int64)
    model = fit_base(kind, ROWS, labels, classes=classes).model
    save_base(tmp_path, model)
    again = load_base(tmp_path)
    assert again is not None and again.kind == ("boosted" if kind == "boosted" else "mixture")
    new = ROWS.iloc[:5].assign(**{"a:0": 99.0})
    assert np.array_equal(again.logits(new), model.logits(new))
    assert np.array_equal(
        again.logits(new[["a:1"]]), model.logits(new.assign(**{c: np.nan for c in new if c != "a:1"}))
    )


@pytest.mark.parametrize(
    ("key", "place", "value"),
    [("left_children", 0, 10**6), ("left_children", 0, 0), ("split_indices", 0, 99), ("right_children", 1, 5)],
)
def test_altered_trees_are_refused(tmp_path: Path, bent: tuple[Boosted, Any], key: str, place: int, value: int) -> None:
    content = json.loads(bent[0].model)
    tree = content["learner"]["gradient_booster"]["model"]["trees"][0]
    leaf = tree["left_children"].index(-1)
    tree[key][leaf if place else 0] = value
    save_base(tmp_path, Boosted(names=bent[0].names, classes=2, rounds=1, model=json.dumps(content).encode()))
    with pytest.raises(FusionError, match="holds no plain model"):
        load_base(tmp_path)
