"""Late fusion and the chosen classical arm, by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from fusion.arms.base import ArmScores, FoldData, Members, table
from fusion.arms.choice import inner_quality
from fusion.arms.combined import _members, chosen_classical, late_fusion
from fusion.contract import EndpointSpec

Raw = dict[str, pd.DataFrame]


def scores(name: str, data: FoldData, inner: np.ndarray, test: np.ndarray) -> ArmScores:
    return ArmScores(
        arm=name,
        inner=pd.Series(inner, index=list(data.fold.train)),
        test=pd.Series(test, index=list(data.fold.test)),
        threshold=0.5,
    )


def ensemble(data: FoldData, train: np.ndarray, test: np.ndarray) -> ArmScores:
    """An arm of three members that say the same."""
    unseen = np.stack([np.isin(data.fold.train, inner.val) for inner in data.fold.inner])
    three = [1] * train.ndim
    members = Members(train=np.tile(train, (3, *three)), unseen=unseen, test=np.tile(test, (3, *three)))
    return ArmScores(arm="one", inner=table(train, data.fold.train), test=table(test, data.fold.test), threshold=0.5,
                     members=members)  # fmt: skip


def test_late_fusion_ranks_by_the_mean_over_present_modalities(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    raw["blood"].iloc[80] = np.nan
    data = fold_of(raw, labels)
    truth = data.labels.to_numpy()
    inner = np.where(truth == 1, 0.7, 0.3) + np.random.default_rng(0).normal(0, 0.05, 80)
    one = np.linspace(0.1, 0.9, 20)
    other = one[::-1].copy()
    other[1] = 0.95
    late = late_fusion({"clinical": ensemble(data, inner, one), "blood": ensemble(data, inner, other)}, data)
    # Patient 80 lacks blood: the mean is clinical's 0.1 alone, the lowest; 81 has (0.142 + 0.95) / 2, the highest.
    assert late.test.idxmin() == data.fold.test[0]
    assert late.test.idxmax() == data.fold.test[1]
    assert late.test.between(0, 1).all()


def test_late_fusion_averages_members_before_it_calibrates(
    tmp_path: Path, raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    """Members that disagree: the score is the stored calibration of the mean of their log-odds, by hand."""
    data = fold_of(raw, labels)
    rng = np.random.default_rng(5)
    singles = {}
    for name in ("clinical", "blood"):
        train = expit(2 * data.labels.to_numpy() - 1 + rng.normal(size=(3, 80)))
        test = expit(rng.normal(size=(3, 20)))
        members = replace(_members(ensemble(data, train[0], test[0])), train=train, test=test)
        singles[name] = replace(ensemble(data, train[0], test[0]), members=members)
    late = late_fusion(singles, data, tmp_path)
    kept = json.loads((tmp_path / "arm.json").read_text())["calibration"]
    mean = np.mean([logit((_members(singles["clinical"]).test[k] + _members(singles["blood"]).test[k]) / 2)
                    for k in range(3)], axis=0)  # fmt: skip
    assert late.test.to_numpy() == pytest.approx(expit(kept["slope"] * mean + kept["intercept"]))
    assert kept["slope"] > kept["member"]["slope"]
    assert 0 < kept["agreement"] < 1


def test_late_fusion_of_several_classes(raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]) -> None:
    endpoint = EndpointSpec(name="size", kind="multiclass", classes=("small", "middle", "large"))
    classes = pd.Series(np.arange(100) % 3, index=labels.index)
    data = replace(fold_of(raw, classes), endpoint=endpoint)
    truth = np.eye(3)[data.labels.to_numpy()]
    train = np.full((80, 3), 0.2) + 0.4 * truth
    test = np.full((20, 3), 0.2) + 0.4 * np.eye(3)[np.arange(20) % 3]
    late = late_fusion({"clinical": ensemble(data, train, test), "blood": ensemble(data, train, test)}, data)
    assert (late.test.to_numpy().argmax(axis=1) == np.arange(20) % 3).all()
    assert late.test.sum(axis=1).to_numpy() == pytest.approx(np.ones(20))


def test_the_classical_arm_is_chosen_on_inner_folds_alone(
    raw: Raw, labels: pd.Series, fold_of: Callable[..., FoldData]
) -> None:
    data = fold_of(raw, labels)
    truth = data.labels.to_numpy().astype(float)
    good, bad = scores("classical_lr", data, truth, np.zeros(20)), scores("classical_forest", data, -truth, np.ones(20))
    chosen = chosen_classical([bad, good], data)
    assert chosen.arm == "classical"
    assert (chosen.test == 0).all()
    assert inner_quality(good.inner, data) == 1.0
    assert inner_quality(bad.inner, data) == 0.0
