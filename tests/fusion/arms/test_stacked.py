"""Stacking and boosting as arms: what they learn from, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from fusion.arms.base import ArmScores, FoldData, Members, table
from fusion.arms.boosting import BOOSTING, PlainArm
from fusion.arms.classical import features
from fusion.arms.stacked import mean_score, single_logits, stacked
from fusion.contract import EndpointSpec
from fusion.evaluation.outcome import outcome_of
from fusion.plain.base import load_base

Raw = dict[str, pd.DataFrame]


def single(data: FoldData, train: np.ndarray, test: np.ndarray) -> ArmScores:
    """Three members that say the same of whom they did not see, and remember the labels of whom they did."""
    unseen = np.stack([np.isin(data.fold.train, inner.val) for inner in data.fold.inner])
    remembered = np.where(data.labels.to_numpy() == 1, 0.95, 0.05)
    members = Members(train=np.where(unseen, train, remembered), unseen=unseen, test=np.tile(test, (3, 1)))
    inner, scores = table(train, data.fold.train), table(test, data.fold.test)
    return ArmScores(arm="one", inner=inner, test=scores, threshold=0.5, members=members)


def test_stacking_weighs_modalities_by_what_they_say_out_of_fold(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data, random = fold_of(raw, labels), np.random.default_rng(0)
    truth = data.labels.to_numpy()
    good = expit(2.0 * (2 * truth - 1) + random.normal(size=80))
    noise = random.uniform(0.2, 0.8, size=80)
    test = np.linspace(0.1, 0.9, 20)
    found = stacked({"clinical": single(data, good, test), "blood": single(data, noise, test[::-1])}, data, tmp_path)
    assert found.test.is_monotonic_increasing, "the noise is not listened to"
    model = load_base(tmp_path)
    assert model is not None
    state = json.loads((tmp_path / "arm.json").read_text())["calibration"]

    def by_hand(clinical: np.ndarray, blood: np.ndarray) -> np.ndarray:
        rows = pd.DataFrame({"clinical:0": logit(clinical), "blood:0": logit(blood)})
        return np.asarray(expit(state["slope"] * model.logits(rows) + state["intercept"]))

    assert found.test.to_numpy() == pytest.approx(by_hand(test, test[::-1]))
    assert not np.allclose(found.inner.to_numpy(), by_hand(good, noise)), "inner scores are cross-fitted"


def test_a_modality_that_a_patient_lacks_is_missing_to_the_regression() -> None:
    outcome = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
    rows = single_logits({"a": np.array([0.5, 0.9])}, {"a": np.array([True, False])}, ["x", "y"], outcome)
    assert rows["a:0"].tolist()[0] == 0 and np.isnan(rows["a:0"].tolist()[1])
    assert mean_score(np.array([[0.2, 0.5], [0.5, 0.5]]), outcome) == pytest.approx([expit(logit(0.2) / 2), 0.5])


def test_boosting_is_fitted_on_all_training_patients_and_calibrated_by_inner_models(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = fold_of(raw, labels)
    found = PlainArm(BOOSTING).fit(data, tmp_path, lambda: None)
    model = load_base(tmp_path)
    assert model is not None and model.kind == "boosted"
    state = json.loads((tmp_path / "arm.json").read_text())["calibration"]
    rows = features(data.whole, data.fold.test)
    assert found.test.to_numpy() == pytest.approx(expit(state["slope"] * model.logits(rows) + state["intercept"]))
    assert set(found.inner.index) == set(data.fold.train)
    poisoned = {name: part.copy() for name, part in raw.items()}
    for part in poisoned.values():
        part.iloc[80:] = 1000.0
    again = PlainArm(BOOSTING).fit(fold_of(poisoned, labels), tmp_path / "other", lambda: None)
    assert np.array_equal(again.inner.to_numpy(), found.inner.to_numpy())
