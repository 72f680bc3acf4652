"""What depends on the kind of endpoint between logits and metrics: calibration, decision, choice, table, evaluation.

Arms, protocol and prediction ask `outcome_of(endpoint)`, so that nothing else asks which kind it is. *Scores* are
calibrated probabilities: ``(patient,)`` of the positive class where the endpoint is binary, ``(patient, class)`` where
there are more. Logits have the same shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from fusion.contract import EndpointSpec, Modality
from fusion.evaluation.calibration import Platt, Temperature, choose_threshold, fit_platt, fit_temperature
from fusion.evaluation.classes import SCORE, evaluate_classes, macro_auroc, worst_errors
from fusion.evaluation.evaluate import evaluate
from fusion.evaluation.metrics import auroc

Floats = NDArray[np.float64]


class Calibrator(Protocol):
    """Logits → scores; learned on inner out-of-fold logits."""

    def __call__(self, logits: Any) -> Floats: ...

    def steeper(self, factor: float, logits: Any) -> Calibrator:
        """The same calibrator with its slope multiplied; the mean score of `logits` stays."""
        ...

    def state(self) -> dict[str, Any]:
        """What it learned, JSON."""
        ...


class Outcome(ABC):
    """One kind of endpoint.

    Args:
        endpoint: what is predicted.
    """

    chosen: ClassVar[str]
    """The metric that chooses between settings on inner folds, that sweeps see and that summaries state first."""

    label: ClassVar[str]
    """What texts call it."""

    def __init__(self, endpoint: EndpointSpec) -> None:
        self.endpoint = endpoint

    @abstractmethod
    def scores(self, probability: Floats) -> Floats:
        """scikit-learn's ``(patient, class)`` probabilities as scores."""

    @abstractmethod
    def logits(self, scores: Floats) -> Floats:
        """Scores as finite logits."""

    @abstractmethod
    def fit_calibrator(self, logits: Floats, labels: NDArray[np.int64]) -> Calibrator:
        """Learn it from inner out-of-fold logits."""

    @abstractmethod
    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        """From what its `state` gave; other keys are ignored."""

    @abstractmethod
    def threshold(self, labels: NDArray[np.int64], scores: Floats) -> float:
        """Where the decision is cut, chosen on inner scores; NaN where the likeliest class is called."""

    @abstractmethod
    def inner(self, labels: NDArray[np.int64], scores: Floats) -> dict[str, float]:
        """Metrics of inner out-of-fold scores, `chosen` among them."""

    @abstractmethod
    def drawn(self, labels: NDArray[np.int64], scores: Floats, counts: Floats) -> Floats:
        """The metric `chosen` for every row of `counts`, ``(draw, patient)``; NaN where a draw leaves it undefined."""

    @abstractmethod
    def of_columns(self, rows: pd.DataFrame) -> Floats:
        """Scores of the rows of a table that has `columns`."""

    @abstractmethod
    def columns(self, scores: Floats) -> dict[str, Floats]:
        """Columns of predictions.parquet."""

    @abstractmethod
    def summary(self, by_fold: Floats) -> dict[str, Any]:
        """Columns of predictions.csv from ``(fold, patient)`` or ``(fold, patient, class)`` scores.

        NaN where a fold's models trained on the patient; everyone has one fold or more.
        """

    @abstractmethod
    def align(self, labels: pd.Series[int], classes: Sequence[str]) -> pd.Series[int]:
        """Labels of another cohort, positions in its `classes`, as positions in this endpoint's."""

    def _by_name(self, labels: pd.Series[int], classes: Sequence[str]) -> pd.Series[int]:
        mine = {name: place for place, name in enumerate(self.endpoint.classes)}
        place = {-1: -1, **{other: mine.get(name, -1) for other, name in enumerate(classes)}}
        return labels.map(place).astype("int64")

    def examples(self, predictions: pd.DataFrame, modalities: Sequence[Modality]) -> list[dict[str, Any]]:
        """Cases that the report shows in pictures; none, unless a kind of endpoint has some."""
        return []

    @abstractmethod
    def evaluate(self, predictions: pd.DataFrame, **settings: Any) -> dict[str, Any]:
        """The content of metrics.json; see `fusion.evaluation.evaluate.evaluate`."""


class BinaryOutcome(Outcome):
    """The positive class or not: Platt scaling, a threshold, AUROC."""

    chosen = "auroc"
    label = "AUROC"

    def scores(self, probability: Floats) -> Floats:
        return probability[:, 1]

    def logits(self, scores: Floats) -> Floats:
        return np.asarray(logit(scores), dtype=np.float64)

    def fit_calibrator(self, logits: Floats, labels: NDArray[np.int64]) -> Calibrator:
        return fit_platt(logits, labels)

    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        return Platt(slope=state["slope"], intercept=state["intercept"])

    def threshold(self, labels: NDArray[np.int64], scores: Floats) -> float:
        return choose_threshold(labels, scores)

    def inner(self, labels: NDArray[np.int64], scores: Floats) -> dict[str, float]:
        return {"auroc": float(auroc(labels.astype(np.float64), scores, np.ones((1, len(scores))))[0])}

    def drawn(self, labels: NDArray[np.int64], scores: Floats, counts: Floats) -> Floats:
        return auroc(labels.astype(np.float64), scores, counts)

    def of_columns(self, rows: pd.DataFrame) -> Floats:
        return rows["score"].to_numpy(np.float64)

    def columns(self, scores: Floats) -> dict[str, Floats]:
        return {"score": scores}

    def summary(self, by_fold: Floats) -> dict[str, Any]:
        return {"score": _mean(by_fold), "low": np.nanmin(by_fold, axis=0), "high": np.nanmax(by_fold, axis=0)}

    def align(self, labels: pd.Series[int], classes: Sequence[str]) -> pd.Series[int]:
        """Another cohort may name the two classes otherwise; the second is the positive one."""
        return labels if len(classes) == len(self.endpoint.classes) else self._by_name(labels, classes)

    def evaluate(self, predictions: pd.DataFrame, **settings: Any) -> dict[str, Any]:
        return evaluate(predictions, **settings)


class MulticlassOutcome(Outcome):
    """One of several classes: temperature and bias, the likeliest class, balanced accuracy."""

    chosen = "balanced_accuracy"
    label = "balanced accuracy"

    def scores(self, probability: Floats) -> Floats:
        return probability

    def logits(self, scores: Floats) -> Floats:
        return np.log(np.clip(scores, 1e-6, 1.0))

    def fit_calibrator(self, logits: Floats, labels: NDArray[np.int64]) -> Calibrator:
        return fit_temperature(logits, labels)

    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        return Temperature(temperature=state["temperature"], bias=tuple(state.get("bias", ())))

    def threshold(self, labels: NDArray[np.int64], scores: Floats) -> float:
        return float("nan")

    def inner(self, labels: NDArray[np.int64], scores: Floats) -> dict[str, float]:
        right = scores.argmax(axis=1) == labels
        recalls = [right[labels == one].mean() for one in np.unique(labels)]
        return {
            "balanced_accuracy": float(np.mean(recalls)),
            "accuracy": float(right.mean()),
            "auroc": macro_auroc(labels, scores),
        }

    def drawn(self, labels: NDArray[np.int64], scores: Floats, counts: Floats) -> Floats:
        """Mean recall over the classes that a draw has."""
        right = scores.argmax(axis=1) == labels
        of_class = labels[:, None] == np.arange(len(self.endpoint.classes))
        there = counts @ of_class
        hits = counts @ (of_class & right[:, None])
        recall = np.divide(hits, there, out=np.zeros_like(hits), where=there > 0)
        classes = (there > 0).sum(axis=1)
        mean: Floats = np.divide(recall.sum(axis=1), classes, out=np.full(len(counts), np.nan), where=classes > 0)
        return mean

    def of_columns(self, rows: pd.DataFrame) -> Floats:
        return rows[[f"{SCORE}{name}" for name in self.endpoint.classes]].to_numpy(np.float64)

    def columns(self, scores: Floats) -> dict[str, Floats]:
        by_class = {f"{SCORE}{name}": scores[:, place] for place, name in enumerate(self.endpoint.classes)}
        return {"score": scores.max(axis=1), **by_class}

    def summary(self, by_fold: Floats) -> dict[str, Any]:
        """The likeliest class by the mean over folds, its probability, and every class's."""
        mean = _mean(by_fold)
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


def _mean(by_fold: Floats) -> Floats:
    """Over the folds that scored a patient, summed in their order: one fold's score comes out as it is."""
    known = np.isfinite(by_fold)
    mean: Floats = np.where(known, by_fold, 0.0).sum(axis=0) / known.sum(axis=0)
    return mean


_SHOWN_ERRORS = 24

_OUTCOMES: Mapping[str, type[Outcome]] = {"binary": BinaryOutcome, "multiclass": MulticlassOutcome}


def outcome_of(endpoint: EndpointSpec) -> Outcome:
    """The outcome of an endpoint's kind."""
    return _OUTCOMES[endpoint.kind](endpoint)
