"""What depends on the kind of endpoint between logits and metrics: calibration, decision, choice, table, evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import EndpointSpec, Modality, Truth

Floats = NDArray[np.float64]
Ability = Literal["called", "recalibrated", "canaries", "sample size", "treatments"]
"""What is made for some kinds of endpoint alone."""


class Calibrator(Protocol):
    """Logits → scores; learned on inner out-of-fold logits."""

    def __call__(self, logits: Any) -> Floats: ...

    def steeper(self, factor: float, logits: Any, *, narrower: float) -> Calibrator:
        """The same calibrator with its slope multiplied, for logits of a variance `narrower` times smaller.

        The mean score of `logits`, calibrated so far, stays.
        """
        ...

    def variance(self, logits: Any) -> float:
        """Of the calibrated logits, as log odds; 0 where scores are no probabilities of one outcome."""
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

    abilities: ClassVar[frozenset[Ability]] = frozenset()
    """What is made for this kind. ``called``: patients have a call, see `call`.
    ``recalibrated``: by `fusion.predict` on an outside cohort. ``canaries``: by
    `fusion.canary`. ``sample size``: whether patients suffice.
    ``treatments``: new patients under each."""

    def __init__(self, endpoint: EndpointSpec) -> None:
        self.endpoint = endpoint

    def can(self, what: Ability) -> bool:
        """Whether that is made for this kind of endpoint."""
        return what in self.abilities

    compares: ClassVar[bool] = False
    """Whether the loss compares patients of a batch with one another, so that it is no mean over them."""

    stands_in: ClassVar[Mapping[str, str | None]] = {}
    """Arm that `arms` lists → the arm trained in its place, where the former cannot predict this kind; None: none."""

    def arms(self, listed: Sequence[str]) -> list[str]:
        """Arms that are trained of those that are listed, each once."""
        named = [self.stands_in.get(name, name) for name in listed]
        return list(dict.fromkeys(name for name in named if name is not None))

    @abstractmethod
    def scores(self, probability: Floats) -> Floats:
        """scikit-learn's ``(patient, class)`` probabilities as scores."""

    @abstractmethod
    def logits(self, scores: Floats) -> Floats:
        """Scores as finite logits."""

    def within(self, scores: Floats, edge: float) -> Floats:
        """Scores kept `edge` from what has no finite logit."""
        return scores.clip(edge, 1 - edge)

    @abstractmethod
    def inverse(self, logits: Floats) -> Floats:
        """Logits as scores of which `logits` makes them again, uncalibrated."""

    @abstractmethod
    def fit_calibrator(self, logits: Floats, truth: Truth) -> Calibrator:
        """Learn it from inner out-of-fold logits."""

    def single(self, calibrator: Calibrator) -> Calibrator:
        """What members say to late fusion and stacking, of the calibrator of a single member."""
        return calibrator

    @abstractmethod
    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        """From what its `state` gave; other keys are ignored."""

    @abstractmethod
    def threshold(self, truth: Truth, scores: Floats) -> float:
        """Where the decision is cut, chosen on inner scores; NaN where nothing is cut."""

    @abstractmethod
    def inner(self, truth: Truth, scores: Floats) -> dict[str, float]:
        """Metrics of inner out-of-fold scores, `chosen` among them."""

    @abstractmethod
    def drawn(self, truth: Truth, scores: Floats, counts: Floats) -> Floats:
        """The metric `chosen` for every row of `counts`, ``(draw, patient)``; NaN where a draw leaves it undefined."""

    def compared(self, rows: pd.DataFrame, counts: Floats) -> dict[str, Floats]:
        """Metrics by which runs are compared, `chosen` among them: of every draw, ``(draw,)``.

        Args:
            rows: one arm's predictions of one repeat, a patient each.
            counts: ``(draw, patient)``, in the order of `rows`.
        """
        return {self.chosen: self.drawn(self.truth_of(rows), self.of_columns(rows), counts)}

    def call(self, mean: pd.DataFrame) -> tuple[NDArray[np.int64], Floats]:
        """The call of patients, and the score that stands for it.

        Args:
            mean: a row a patient: the columns of predictions, means over repeats.

        Returns:
            ``(patient,)`` positions in the endpoint's classes, -1 where the kind has no call; and ``(patient,)``.
        """
        return np.full(len(mean), -1, dtype=np.int64), mean["score"].to_numpy(np.float64)

    @property
    def firm(self) -> tuple[str, str]:
        """What `number` is, in words; and what a call does that is another one, empty where there is no call."""
        return "probability", "lie on the other side of the threshold"

    def number(self, rows: pd.DataFrame, called: NDArray[np.int64]) -> Floats:
        """Of rows of predictions the one number that says most of the patient, comparable between models.

        Args:
            rows: with `columns`.
            called: ``(row,)`` the patient's call, see `call`.
        """
        return rows["score"].to_numpy(np.float64)

    @abstractmethod
    def of_columns(self, rows: pd.DataFrame) -> Floats:
        """Scores of the rows of a table that has `columns`."""

    @abstractmethod
    def columns(self, scores: Floats) -> dict[str, Floats]:
        """Columns of predictions.parquet."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """What `columns` calls them."""

    @property
    def scored(self) -> str:
        """The class whose probability column ``score`` of `summary` is, in words."""
        return "the class"

    def meanings(self) -> dict[str, str]:
        """Column of `summary` → what it is, where it is no calibrated probability."""
        return {}

    def enough(self, labels: pd.Series[int]) -> bool:
        """Whether patients can be judged by their labels (-1 unknown): two of two classes.

        A draw of a class of one is mostly that patient or nobody.
        """
        return bool((labels[labels >= 0].value_counts() > 1).sum() >= 2)

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

    def truth_of(self, rows: pd.DataFrame) -> Truth:
        """Of the rows of a table of predictions; a part is an inner fold where the table says so, else a fold."""
        part = next((name for name in ("part", "fold") if name in rows), None)
        return Truth(
            label=rows["label"].to_numpy(np.int64),
            time=rows["time"].to_numpy(np.float64) if "time" in rows else None,
            part=None if part is None else rows[part].to_numpy(np.int64),
            entry=rows["entry"].to_numpy(np.float64) if "entry" in rows else None,
        )

    def examples(self, predictions: pd.DataFrame, modalities: Sequence[Modality]) -> list[dict[str, Any]]:
        """Cases that the report shows in pictures; none, unless a kind of endpoint has some."""
        return []

    def two_groups(self, labels: pd.Series[int]) -> tuple[pd.Series[int], tuple[str, str]]:
        """Labels as 0 and 1, and what these are called: as canaries look at the kind. Of two classes they are these.

        Args:
            labels: known ones, positions in the endpoint's classes.
        """
        return labels, (self.endpoint.classes[0], self.endpoint.classes[1])

    @abstractmethod
    def evaluate(self, predictions: pd.DataFrame, **settings: Any) -> dict[str, Any]:
        """The content of metrics.json; see `fusion.evaluation.evaluate.evaluate`."""


def mean_over_folds(by_fold: Floats) -> Floats:
    """Over the folds that scored a patient, summed in their order: one fold's score comes out as it is."""
    known = np.isfinite(by_fold)
    mean: Floats = np.where(known, by_fold, 0.0).sum(axis=0) / known.sum(axis=0)
    return mean
