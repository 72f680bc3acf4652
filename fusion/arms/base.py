"""What every arm takes and gives: the data of one outer fold in, calibrated scores out of fold out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from fusion.contract import EndpointSpec, FittedModality, Fold
from fusion.evaluation.calibration import Platt, choose_threshold, fit_platt

Fitted = Mapping[str, FittedModality]


@dataclass(frozen=True, kw_only=True)
class FoldData:
    """One outer fold with its modalities fitted.

    Attributes:
        fold: who trains, who is tested, and the inner splits of the training part.
        endpoint: what is predicted.
        labels: index patient_id, 0/1. Arms read the labels of `fold.train` only; those of `fold.test` are
            withheld (absent from this series), so that no arm can learn from them.
        members: modalities fitted on the training part of each inner fold, in the order of `fold.inner`.
        whole: modalities fitted on all of `fold.train`.
        seed: of this fold; arms derive their own from it.
    """

    fold: Fold
    endpoint: EndpointSpec
    labels: pd.Series[int]
    members: Sequence[Fitted]
    whole: Fitted
    seed: int


@dataclass(frozen=True, kw_only=True)
class ArmScores:
    """What one arm says of one outer fold.

    Attributes:
        arm: its name.
        inner: calibrated scores of `fold.train`, each by a model that did not train on that patient; index patient_id.
        test: calibrated probability of the positive class for `fold.test`; index patient_id.
        threshold: probability above which the arm calls a responder, chosen on `inner`.
        curves: one row an epoch and member, for arms that are trained by epochs.
    """

    arm: str
    inner: pd.Series[float]
    test: pd.Series[float]
    threshold: float
    curves: list[dict[str, Any]] = field(default_factory=list)


class Arm(Protocol):
    """A way to predict."""

    name: str

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """Train on `data.fold.train` and score `data.fold.test` once.

        Args:
            data: the fold.
            folder: where the fitted state is kept for `predict` and `explain`; None keeps nothing.
            step: called after each unit of work, `units` times in all.
        """
        ...

    def units(self, inner_folds: int) -> int:
        """How many steps `fit` reports."""
        ...


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Platt scaling and threshold of one arm in one fold, learned from inner out-of-fold logits only.

    Attributes:
        inner: the calibrated inner scores; index patient_id.
        threshold: chosen on `inner`.
        platt: logits → calibrated probabilities.
    """

    inner: pd.Series[float]
    threshold: float
    platt: Platt

    def state(self) -> dict[str, float]:
        return {**self.platt.state(), "threshold": self.threshold}


def calibrate(inner_logits: pd.Series[float], labels: pd.Series[int]) -> Calibration:
    """Fit Platt scaling and the decision threshold on inner out-of-fold logits (index patient_id)."""
    truth = labels.loc[inner_logits.index].to_numpy()
    platt = fit_platt(inner_logits.to_numpy(), truth)
    inner = pd.Series(platt(inner_logits.to_numpy()), index=inner_logits.index)
    return Calibration(inner=inner, threshold=choose_threshold(truth, inner.to_numpy()), platt=platt)
