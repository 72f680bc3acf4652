"""The positive class or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from fusion.contract import Truth
from fusion.evaluation.calibration import Platt, choose_threshold, fit_platt
from fusion.evaluation.comparison import COMPARED
from fusion.evaluation.evaluate import evaluate, scored
from fusion.evaluation.metrics import auroc, metric_draws
from fusion.evaluation.outcomes.base import Ability, Calibrator, Outcome, mean_over_folds

Floats = NDArray[np.float64]


class BinaryOutcome(Outcome):
    """The positive class or not: Platt scaling, a threshold, AUROC."""

    chosen = "auroc"
    label = "AUROC"
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        ("called", "recalibrated", "canaries", "sample size", "treatments")
    )

    def scores(self, probability: Floats) -> Floats:
        return probability[:, 1]

    def logits(self, scores: Floats) -> Floats:
        return np.asarray(logit(scores), dtype=np.float64)

    def inverse(self, logits: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float64)

    def fit_calibrator(self, logits: Floats, truth: Truth) -> Calibrator:
        return fit_platt(logits, truth.label)

    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        return Platt(slope=state["slope"], intercept=state["intercept"])

    def threshold(self, truth: Truth, scores: Floats) -> float:
        return choose_threshold(truth.label, scores)

    def inner(self, truth: Truth, scores: Floats) -> dict[str, float]:
        return {"auroc": float(auroc(truth.label.astype(np.float64), scores, np.ones((1, len(scores))))[0])}

    def drawn(self, truth: Truth, scores: Floats, counts: Floats) -> Floats:
        return auroc(truth.label.astype(np.float64), scores, counts)

    def compared(self, rows: pd.DataFrame, counts: Floats) -> dict[str, Floats]:
        drawn = metric_draws(scored(rows, list(rows["patient_id"])), counts)
        return {metric: drawn[metric] for metric in COMPARED}

    def call(self, mean: pd.DataFrame) -> tuple[NDArray[np.int64], Floats]:
        """Whether the score reaches the mean of the folds' thresholds, 0.5 where there is none."""
        score = mean["score"].to_numpy(np.float64)
        return (score >= mean["threshold"].to_numpy(np.float64)).astype(np.int64), score

    def of_columns(self, rows: pd.DataFrame) -> Floats:
        return rows["score"].to_numpy(np.float64)

    def columns(self, scores: Floats) -> dict[str, Floats]:
        return {"score": scores}

    @property
    def names(self) -> list[str]:
        return ["score"]

    def summary(self, by_fold: Floats) -> dict[str, Any]:
        return {
            "score": mean_over_folds(by_fold),
            "low": np.nanmin(by_fold, axis=0),
            "high": np.nanmax(by_fold, axis=0),
        }

    @property
    def scored(self) -> str:
        return self.endpoint.classes[1]

    def align(self, labels: pd.Series[int], classes: Sequence[str]) -> pd.Series[int]:
        """Another cohort may name the two classes otherwise; the second is the positive one."""
        return labels if len(classes) == len(self.endpoint.classes) else self._by_name(labels, classes)

    def evaluate(self, predictions: pd.DataFrame, **settings: Any) -> dict[str, Any]:
        return evaluate(predictions, **settings)
