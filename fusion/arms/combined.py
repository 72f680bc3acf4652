"""Arms made of other arms' scores: late fusion, and the classical model that inner folds prefer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from fusion.arms.base import ArmScores, FoldData, calibrate


def late_fusion(singles: Mapping[str, ArmScores], data: FoldData) -> ArmScores:
    """Mean of the calibrated probabilities of the single-modality arms, over the modalities a patient has.

    Args:
        singles: modality → its arm's scores.
        data: the fold, for who has what.
    """

    def mean(patients: Sequence[str], part: str) -> pd.Series[float]:
        scores = pd.DataFrame({name: getattr(arm, part).loc[list(patients)] for name, arm in singles.items()})
        present = pd.DataFrame(
            {name: [data.whole[name].load(patient) is not None for patient in patients] for name in singles},
            index=scores.index,
        )
        return scores.where(present).mean(axis=1)

    inner = mean(data.fold.train, "inner").clip(1e-6, 1 - 1e-6)
    test = mean(data.fold.test, "test").clip(1e-6, 1 - 1e-6)
    calibration = calibrate(pd.Series(logit(inner.to_numpy()), index=inner.index), data.labels)
    return ArmScores(
        arm="late",
        inner=calibration.inner,
        test=pd.Series(calibration.platt(np.asarray(logit(test.to_numpy()))), index=test.index),
        threshold=calibration.threshold,
    )


def inner_auroc(scores: ArmScores, data: FoldData) -> float:
    """AUROC of the inner out-of-fold scores: the only figure that may choose between arms or settings."""
    return float(roc_auc_score(data.labels.loc[scores.inner.index], scores.inner))


def chosen_classical(candidates: Sequence[ArmScores], data: FoldData) -> ArmScores:
    """The classical arm with the better inner AUROC in this fold, under the name ``classical``."""
    best = max(candidates, key=lambda scores: inner_auroc(scores, data))
    return ArmScores(arm="classical", inner=best.inner, test=best.test, threshold=best.threshold)
