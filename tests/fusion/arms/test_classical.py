"""The classical arms learn from training patients alone, and what they learn is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.arms.base import FoldData
from fusion.arms.choice import inner_quality
from fusion.arms.classical import ClassicalArm, _fitted, elastic_net, features
from fusion.contract import EndpointSpec
from fusion.evaluation.calibration import choose_threshold
from fusion.protocol.tables import out_of_fold
from fusion.run.state import load_estimator
from tests.helpers.few_trees import few_trees

Raw = dict[str, pd.DataFrame]


@pytest.fixture(autouse=True)
def small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    few_trees(monkeypatch)


@pytest.mark.parametrize("name", ["classical_lr", "classical_elastic", "classical_forest"])
def test_finds_the_signal(name: str, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> None:
    steps: list[int] = []
    scores = ClassicalArm(name).fit(fold_of(raw, labels), None, lambda: steps.append(1))
    assert roc_auc_score(labels.loc[scores.test.index], scores.test) > 0.8
    assert sorted(scores.inner.index) == sorted(labels.index[:80])
    assert scores.test.between(0, 1).all()
    assert len(steps) == ClassicalArm(name).units(3)


@pytest.mark.parametrize("name", ["classical_lr", "classical_forest"])
def test_held_out_patients_change_nothing(
    name: str, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    first = ClassicalArm(name).fit(fold_of(raw, labels), None, lambda: None)
    altered = {key: table.copy() for key, table in raw.items()}
    for table in altered.values():
        table.iloc[80:] = 1000.0
    flipped = labels.copy()
    flipped.iloc[80:] = 1 - flipped.iloc[80:]
    second = ClassicalArm(name).fit(fold_of(altered, flipped), None, lambda: None)
    assert np.array_equal(first.inner.to_numpy(), second.inner.to_numpy())
    assert first.threshold == second.threshold
    assert not np.array_equal(first.test.to_numpy(), second.test.to_numpy())


def test_the_elastic_net_is_the_one_that_its_two_penalties_say() -> None:
    """At the optimum a column's gradient is C⁻¹ (½ sign β + ½ β), at most ½ C⁻¹ where β is nothing."""
    rng = np.random.default_rng(5)
    rows = pd.DataFrame(rng.normal(size=(120, 6)), columns=list("abcdef"))
    labels = (rng.random(120) < 1 / (1 + np.exp(-1.5 * rows["a"] + rows["b"]))).astype(int).to_numpy()
    model = elastic_net(0.05, 0).set_params(model__tol=1e-10, model__max_iter=100_000).fit(rows, labels)
    design = (rows - rows.mean()) / rows.std(ddof=0)
    weights = model["model"].coef_[0]
    gradient = design.T.to_numpy() @ (labels - model.predict_proba(rows)[:, 1]) * 0.05
    assert 0 < (weights == 0).sum() < 6
    on = weights != 0
    np.testing.assert_allclose(gradient[on], (0.5 * np.sign(weights) + 0.5 * weights)[on], atol=1e-6)
    assert (np.abs(gradient[~on]) <= 0.5).all()


def test_an_elastic_net_that_stops_early_is_no_warning() -> None:
    rng = np.random.default_rng(6)
    rows = pd.DataFrame(rng.normal(size=(60, 300)), columns=[str(name) for name in range(300)])
    model = elastic_net(10.0, 0).set_params(model__max_iter=2)
    labels = np.arange(60) % 2
    assert np.isfinite(_fitted(model, rows, labels).predict_proba(rows)).all()


def test_a_patient_without_a_modality_is_scored(raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> None:
    raw["blood"].iloc[::7] = np.nan
    scores = ClassicalArm("classical_lr").fit(fold_of(raw, labels), None, lambda: None)
    assert scores.test.notna().all()


def test_the_kept_model_is_the_one_that_scored(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = fold_of(raw, labels)
    scores = ClassicalArm("classical_lr").fit(data, tmp_path, lambda: None)
    probability = load_estimator(tmp_path / "model.skops").predict_proba(features(data.whole, data.fold.test))[:, 1]
    # Calibration keeps the ranks.
    assert np.array_equal(np.argsort(probability), np.argsort(scores.test.to_numpy()))


def test_the_handcrafted_arm_sees_images_alone(raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> None:
    def scores(tables: Raw) -> pd.Series:
        arm = ClassicalArm("handcrafted", grid="classical_lr", modalities=["clinical"])
        return arm.fit(fold_of(tables, labels), None, lambda: None).test

    first = scores(raw)
    pd.testing.assert_series_equal(first, scores({**raw, "blood": raw["blood"] + 5.0 * (labels.to_numpy()[:, None])}))
    assert not first.equals(scores({**raw, "clinical": raw["clinical"] ** 2}))


@pytest.mark.parametrize("name", ["classical_lr", "classical_forest"])
def test_several_classes(name: str, raw: Raw, fold_of: Callable[..., FoldData]) -> None:
    age = raw["clinical"]["age"]
    labels = pd.Series(np.digitize(age, [-0.4, 0.4]), index=age.index)
    endpoint = EndpointSpec(name="size", kind="multiclass", classes=("small", "middle", "large"))
    data = replace(fold_of(raw, labels), endpoint=endpoint)
    scores = ClassicalArm(name).fit(data, None, lambda: None)
    assert scores.test.shape == (20, 3)
    assert scores.test.sum(axis=1).to_numpy() == pytest.approx(np.ones(20))
    assert np.isnan(scores.threshold)
    called = scores.test.to_numpy().argmax(axis=1)
    assert (called == labels.loc[scores.test.index]).mean() > 0.7
    assert inner_quality(scores.inner, data) > 0.6


@pytest.mark.parametrize("name", ["classical_lr", "classical_forest"])
def test_inner_models_never_learn_from_their_validation_part(
    name: str, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """Labels of one inner validation part dealt out anew: the model that scores it says what it said."""
    data = fold_of(raw, labels)
    val = list(data.fold.inner[0].val)
    changed = data.labels.copy()
    changed.loc[val] = 1 - changed.loc[val]
    arm = ClassicalArm(name)
    before, after = (arm._inner_logits(one, arm._grid[0]) for one in (data, replace(data, labels=changed)))
    assert np.array_equal(before.loc[val].to_numpy(), after.loc[val].to_numpy())
    others = [patient for patient in data.fold.train if patient not in val]
    assert not np.array_equal(before.loc[others].to_numpy(), after.loc[others].to_numpy())


@pytest.mark.parametrize("name", ["classical_lr", "classical_forest"])
def test_inner_models_see_modalities_fitted_on_their_own_part(
    name: str, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """What was fitted on the whole training part knows the validation parts; noise in its place changes nothing."""
    data = fold_of(raw, labels)
    noise = {key: part + np.random.default_rng(5).normal(size=part.shape) for key, part in raw.items()}
    other = replace(data, whole=fold_of(noise, labels).whole)
    arm = ClassicalArm(name)
    before, after = (arm._inner_logits(one, arm._grid[0]) for one in (data, other))
    assert before.equals(after)


def test_the_threshold_is_chosen_on_inner_scores(raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> None:
    """Few respond: the cut lies near their share, far from a half, and `predictions` carries it to every patient."""
    rare = (raw["clinical"]["age"] + 0.5 * raw["blood"]["crp"] > 1.0).astype(int)
    data = fold_of(raw, rare)
    scores = ClassicalArm("classical_lr").fit(data, None, lambda: None)
    assert scores.threshold == choose_threshold(data.truth(scores.inner.index).label, scores.inner.to_numpy())
    assert abs(scores.threshold - 0.5) > 0.05
    table = out_of_fold(data, {"classical_lr": scores}, labels=rare, times=None, groups=rare.astype(str))
    assert (table["threshold"] == scores.threshold).all()
    assert table["label"].tolist() == rare.loc[list(data.fold.test)].tolist()
