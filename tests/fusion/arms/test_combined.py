"""Late fusion and the chosen classical arm, by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from fusion.arms.base import ArmScores, FoldData, inner_quality
from fusion.arms.combined import chosen_classical, late_fusion

Raw = dict[str, pd.DataFrame]


def scores(name: str, data: FoldData, inner: np.ndarray, test: np.ndarray) -> ArmScores:
    return ArmScores(
        arm=name,
        inner=pd.Series(inner, index=list(data.fold.train)),
        test=pd.Series(test, index=list(data.fold.test)),
        threshold=0.5,
    )


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
    late = late_fusion({"clinical": scores("a", data, inner, one), "blood": scores("b", data, inner, other)}, data)
    # Patient 80 lacks blood: his mean is clinical's 0.1 alone, the lowest; 81 has (0.142 + 0.95) / 2, the highest.
    assert late.test.idxmin() == data.fold.test[0]
    assert late.test.idxmax() == data.fold.test[1]
    assert late.test.between(0, 1).all()


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
