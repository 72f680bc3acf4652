"""One of several classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import Modality, Truth
from fusion.evaluation.calibration import Temperature, fit_temperature
from fusion.evaluation.classes import SCORE, evaluate_classes, macro_auroc, worst_errors
from fusion.evaluation.outcomes.base import Ability, Calibrator, Outcome, mean_over_folds

Floats = NDArray[np.float64]

_SHOWN_ERRORS = 24


class MulticlassOutcome(Outcome):
    """One of several classes: temperature and bias, the likeliest class, balanced accuracy."""

    chosen = "balanced_accuracy"
    label = "balanced accuracy"
    abilities: ClassVar[frozenset[Ability]] = frozenset(("called",))

    def scores(self, probability: Floats) -> Floats:
        return probability

    def logits(self, scores: Floats) -> Floats:
        return np.log(np.clip(scores, 1e-6, 1.0))

    def inverse(self, logits: Floats) -> Floats:
        return np.asarray(np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)), dtype=np.float64)

    def fit_calibrator(self, logits: Floats, truth: Truth) -> Calibrator:
        return fit_temperature(logits, truth.label)

    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        return Temperature(temperature=state["temperature"], bias=tuple(state.get("bias", ())))

    def threshold(self, truth: Truth, scores: Floats) -> float:
        return float("nan")

    def inner(self, truth: Truth, scores: Floats) -> dict[str, float]:
        labels = truth.label
        right = scores.argmax(axis=1) == labels
        recalls = [right[labels == one].mean() for one in np.unique(labels)]
        return {
            "balanced_accuracy": float(np.mean(recalls)),
            "accuracy": float(right.mean()),
            "auroc": macro_auroc(labels, scores),
        }

    def drawn(self, truth: Truth, scores: Floats, counts: Floats) -> Floats:
        """Mean recall over the classes that a draw has."""
        labels = truth.label
        right = scores.argmax(axis=1) == labels
        of_class = labels[:, None] == np.arange(len(self.endpoint.classes))
        there = counts @ of_class
        hits = counts @ (of_class & right[:, None])
        recall = np.divide(hits, there, out=np.zeros_like(hits), where=there > 0)
        classes = (there > 0).sum(axis=1)
        mean: Floats = np.divide(recall.sum(axis=1), classes, out=np.full(len(counts), np.nan), where=classes > 0)
        return mean

    def call(self, mean: pd.DataFrame) -> tuple[NDArray[np.int64], Floats]:
        """The likeliest class, and its probability."""
        by_class = self.of_columns(mean)
        return by_class.argmax(axis=1).astype(np.int64), by_class.max(axis=1)

    @property
    def firm(self) -> tuple[str, str]:
        return "probability of the class called", "call another class"

    def number(self, rows: pd.DataFrame, called: NDArray[np.int64]) -> Floats:
        """The probability of the class that the patient is called."""
        return np.asarray(self.of_columns(rows)[np.arange(len(rows)), called], dtype=np.float64)

    def of_columns(self, rows: pd.DataFrame) -> Floats:
        return rows[[f"{SCORE}{name}" for name in self.endpoint.classes]].to_numpy(np.float64)

    def columns(self, scores: Floats) -> dict[str, Floats]:
        by_class = {f"{SCORE}{name}": scores[:, place] for place, name in enumerate(self.endpoint.classes)}
        return {"score": scores.max(axis=1), **by_class}

    @property
    def names(self) -> list[str]:
        return ["score", *(f"{SCORE}{name}" for name in self.endpoint.classes)]

    def summary(self, by_fold: Floats) -> dict[str, Any]:
        """The likeliest class by the mean over folds, its probability, and every class's."""
        mean = mean_over_folds(by_fold)
        called = mean.argmax(axis=1)
        of_called = by_fold[:, np.arange(len(called)), called]
        return {
            "class": [self.endpoint.classes[place] for place in called],
            "score": mean.max(axis=1),
            "low": np.nanmin(of_called, axis=0),
            "high": np.nanmax(of_called, axis=0),
            **{f"{SCORE}{name}": mean[:, place] for place, name in enumerate(self.endpoint.classes)},
        }

    def align(self, labels: pd.Series[int], classes: Sequence[str]) -> pd.Series[int]:
        return self._by_name(labels, classes)

    def evaluate(self, predictions: pd.DataFrame, **settings: Any) -> dict[str, Any]:
        return evaluate_classes(predictions, classes=self.endpoint.classes, **settings)

    def examples(self, predictions: pd.DataFrame, modalities: Sequence[Modality]) -> list[dict[str, Any]]:
        """The worst errors, each with the picture that a modality of image files gives."""
        pictures = [getattr(modality, "picture", None) for modality in modalities]
        picture = next((one for one in pictures if one is not None), None)
        if picture is None:
            return []
        worst = worst_errors(predictions, classes=self.endpoint.classes, arm="fusion", number=_SHOWN_ERRORS)
        rows = worst.rename(columns={"patient_id": "file"}).to_dict("records")
        return [{**{str(key): value for key, value in row.items()}, "image": picture(row["file"])} for row in rows]
