"""Arms made of other arms' scores: late fusion, and the classical model that inner folds prefer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.arms.base import ArmScores, FoldData, calibrate, inner_quality, table


def late_fusion(singles: Mapping[str, ArmScores], data: FoldData) -> ArmScores:
    """Mean of the calibrated probabilities of the single-modality arms, over the modalities a patient has.

    Args:
        singles: modality → its arm's scores.
        data: the fold, for who has what.
    """

    def mean(patients: Sequence[str], part: str) -> NDArray[np.float64]:
        scores = np.stack([getattr(arm, part).loc[list(patients)].to_numpy() for arm in singles.values()])
        has = [[data.whole[name].load(patient) is not None for patient in patients] for name in singles]
        weight = np.array(has, dtype=np.float64).reshape(*scores.shape[:2], *[1] * (scores.ndim - 2))
        averaged: NDArray[np.float64] = (scores * weight).sum(axis=0) / weight.sum(axis=0)
        return data.outcome.logits(averaged.clip(1e-6, 1 - 1e-6))

    calibration = calibrate(table(mean(data.fold.train, "inner"), data.fold.train), data)
    return ArmScores(
        arm="late",
        inner=calibration.inner,
        test=table(calibration.calibrator(mean(data.fold.test, "test")), data.fold.test),
        threshold=calibration.threshold,
    )


def chosen_classical(candidates: Sequence[ArmScores], data: FoldData) -> ArmScores:
    """The classical arm that does better on inner folds in this fold, under the name ``classical``."""
    best = max(candidates, key=lambda scores: inner_quality(scores.inner, data))
    return ArmScores(arm="classical", inner=best.inner, test=best.test, threshold=best.threshold)
