"""One of several grades, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from fusion.contract import Truth
from fusion.evaluation.calibration import OneSlope, narrowed
from fusion.evaluation.classes import COMPARED, evaluate_classes
from fusion.evaluation.metrics import auroc
from fusion.evaluation.outcomes.base import Ability, Calibrator
from fusion.evaluation.outcomes.cumulative import called, fit_ordinal, kappa, probabilities
from fusion.evaluation.outcomes.multiclass import MulticlassOutcome

Floats = NDArray[np.float64]

METRICS: Mapping[str, str] = {"kappa": "Quadratic-weighted kappa", "auroc_cuts": "AUROC, mean of cuts"}
"""Beside those of classes."""


@dataclass(frozen=True, kw_only=True)
class Grades(OneSlope):
    """Probabilities of grades by proportional odds: ``P(more than k) = sigmoid(slope · logit − cuts[k])``.

    Attributes:
        slope: above 0, so that ranks stay.
        cuts: ascending, one between two grades.
    """

    cuts: tuple[float, ...]

    def __call__(self, logits: ArrayLike) -> Floats:
        """Of ``(patient,)`` latent logits ``(patient, grade)``."""
        return probabilities(self.slope * np.asarray(logits, dtype=np.float64), np.array(self.cuts))

    def steeper(self, factor: float, logits: ArrayLike, *, narrower: float) -> Grades:
        """The same with `factor` times the slope, for logits whose variance is `narrower` times smaller.

        Cut-points keep the mean probability of every grade over `logits`, ``(patient,)``, calibrated so far.
        """
        values = np.asarray(logits, dtype=np.float64)
        narrow = factor * self.slope * narrowed(values, narrower)
        cuts = []
        for cut in self.cuts:
            wanted = float(expit(self.slope * values - cut).mean())
            low, high = float(narrow.min()) - 50.0, float(narrow.max()) + 50.0
            cuts.append(float(brentq(lambda at, wanted=wanted: float(expit(narrow - at).mean()) - wanted, low, high)))
        return replace(self, slope=factor * self.slope, cuts=tuple(cuts))

    def state(self) -> dict[str, Any]:
        """For JSON."""
        return {"slope": self.slope, "cuts": list(self.cuts)}


def fit_grades(logits: Floats, truth: Truth, *, grades: int, strength: float = 0.1) -> Grades:
    """Proportional odds on one latent logit, with a Gaussian prior on the slope of the standardised logit.

    A slope below 0 would turn the ranking round on the strength of inner folds alone; it becomes one just above 0.
    """
    centre, scale = float(logits.mean()), float(logits.std())
    if scale < 1e-12:
        scale = 1.0
    standard = (logits - centre) / scale
    beta, cuts = fit_ordinal(standard[:, None], truth.label, grades, strength=1 / strength)
    slope = float(beta[0])
    if slope < 1e-3:
        slope = 1e-3
        cuts = fit_ordinal(np.zeros((len(logits), 0)), truth.label, grades, strength=1.0, offset=slope * standard)[1]
    return Grades(slope=slope / scale, cuts=tuple((cuts + slope * centre / scale).tolist()))


class OrdinalOutcome(MulticlassOutcome):
    """Grades: one latent logit, probabilities by proportional odds, the grade nearest to the expected one, kappa.

    Scores are ``(patient, grade)`` probabilities; logits are ``(patient,)``.
    """

    chosen = "kappa"
    label = "quadratic-weighted kappa"
    abilities: ClassVar[frozenset[Ability]] = frozenset(("called", "canaries"))
    stands_in: ClassVar[Mapping[str, str | None]] = {
        "classical_lr": "classical_ordinal",
        "classical_elastic": "classical_ordinal",
        "classical_forest": "classical_boosting",
        "handcrafted": None,
    }

    def scores(self, probability: Floats) -> Floats:
        raise NotImplementedError("a classifier knows no order")

    def logits(self, scores: Floats) -> Floats:
        """Mean over cuts of the log-odds to be above."""
        if scores.ndim == 1:
            return scores
        above = np.cumsum(scores[..., ::-1], axis=-1)[..., ::-1][..., 1:]
        return np.asarray(logit(np.clip(above, 1e-6, 1 - 1e-6)).mean(axis=-1), dtype=np.float64)

    def within(self, scores: Floats, edge: float) -> Floats:
        return scores if scores.ndim == 1 else super().within(scores, edge)

    def inverse(self, logits: Floats) -> Floats:
        return logits

    def fit_calibrator(self, logits: Floats, truth: Truth) -> Calibrator:
        return fit_grades(logits, truth, grades=len(self.endpoint.classes))

    def restore_calibrator(self, state: Mapping[str, Any]) -> Calibrator:
        return Grades(slope=float(state["slope"]), cuts=tuple(map(float, state["cuts"])))

    def inner(self, truth: Truth, scores: Floats) -> dict[str, float]:
        once = np.ones((1, len(truth)))
        return {**super().inner(truth, scores), "kappa": float(self.drawn(truth, scores, once)[0])}

    def drawn(self, truth: Truth, scores: Floats, counts: Floats) -> Floats:
        return kappa(truth.label, called(scores), counts, grades=len(self.endpoint.classes))

    def call(self, mean: pd.DataFrame) -> tuple[NDArray[np.int64], Floats]:
        """The grade nearest to the expected one, and the latter."""
        by_class = self.of_columns(mean)
        expected = by_class @ np.arange(by_class.shape[1])
        return np.rint(expected).astype(np.int64), expected

    @property
    def firm(self) -> tuple[str, str]:
        return "expected grade", "call another grade"

    def number(self, rows: pd.DataFrame, called: NDArray[np.int64]) -> Floats:
        """The expected grade."""
        return self.call(rows)[1]

    def two_groups(self, labels: pd.Series[int]) -> tuple[pd.Series[int], tuple[str, str]]:
        """Below and above the cut that parts patients most evenly."""
        classes, cuts = self.endpoint.classes, range(1, len(self.endpoint.classes))
        cut = min(cuts, key=lambda one: abs(float((labels >= one).mean()) - 0.5))
        return (labels >= cut).astype("int64"), (" or ".join(classes[:cut]), " or ".join(classes[cut:]))

    def evaluate(self, predictions: Any, **settings: Any) -> dict[str, Any]:
        def more(labels: NDArray[np.int64], scores: Floats, counts: Floats) -> dict[str, Floats]:
            return {
                "kappa": kappa(labels, called(scores), counts, grades=scores.shape[1]),
                "auroc_cuts": cut_auroc(labels, scores, counts),
            }

        return evaluate_classes(
            predictions, classes=self.endpoint.classes, **settings,
            more=more, compared=("kappa", *COMPARED), label=self.label, names=tuple(METRICS),
        )  # fmt: skip


def cut_auroc(labels: NDArray[np.int64], scores: Floats, counts: Floats) -> Floats:
    """Mean over cuts of the AUROC of being above by its probability, ``(draw,)``; of the cuts that a draw has."""
    above = np.cumsum(scores[:, ::-1], axis=1)[:, ::-1][:, 1:]
    each = np.stack(
        [auroc((labels > cut).astype(np.float64), above[:, cut], counts) for cut in range(scores.shape[1] - 1)]
    )
    known = np.isfinite(each)
    number = known.sum(axis=0)
    mean: Floats = np.divide(
        np.where(known, each, 0.0).sum(axis=0), number, out=np.full(each.shape[1], np.nan), where=number > 0
    )
    return mean
