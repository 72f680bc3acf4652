"""What is measured of some patients in every draw, whatever the kind of endpoint: discrimination and calibration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fusion.contract import Truth

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]
Scores = Sequence[Floats]
"""Of each repeat of cross-validation, as the endpoint's outcome has them."""
FEWEST = 5
"""Patients of every class (of times: events) that a group, and the rest, must have."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """``(draw,)`` each; NaN where a draw leaves nothing to estimate."""

    value: Floats
    variance: Floats


def gap_over_error(inside: Estimate, outside: Estimate) -> Floats:
    """``(draw,)`` how many standard errors two groups are apart; 0 where either cannot be estimated."""
    variance = np.maximum(inside.variance + outside.variance, 1e-12)
    return np.asarray(np.nan_to_num((inside.value - outside.value) / np.sqrt(variance)), dtype=np.float64)


def mean_of(values: Floats, counts: Floats) -> Floats:
    """``(draw,)`` the mean of ``(patient,)`` values in every draw; NaN of nobody."""
    number = counts.sum(axis=1)
    mean: Floats = np.divide(counts @ values, number, out=np.full(len(counts), np.nan), where=number > 0)
    return mean


def mean_estimate(values: Floats, counts: Floats) -> Estimate:
    """The mean and its variance (Welch's), ``(patient,)`` values and ``(draw, patient)`` members."""
    number = counts.sum(axis=1)
    mean = counts @ values / np.maximum(number, 1)
    spread = counts @ values**2 / np.maximum(number, 1) - mean**2
    return Estimate(value=mean, variance=np.maximum(spread, 0) / np.maximum(number - 1, 1))


class Gauge(ABC):
    """Measures scores of some patients.

    Args:
        outcome: of the endpoint.
        truths: of these patients, in each repeat.
        counts: ``(draw, patient)`` how often each counts; for tests 1 for members of a group, else 0.
    """

    rule: ClassVar[str] = f"or than {FEWEST} of a class"
    """What a group that is too small has fewer of, beside patients."""

    def __init__(self, outcome: Outcome, truths: Sequence[Truth], counts: Floats) -> None:
        self.outcome, self.truths, self.counts = outcome, truths, counts
        self.label = truths[0].label

    @classmethod
    def enough(cls, counts: Sequence[int], needed: Sequence[int]) -> bool:
        """Whether a group can be judged.

        Args:
            counts: its patients by label.
            needed: labels of which the endpoint needs patients.
        """
        return min(counts[one] for one in needed) >= FEWEST

    def value(self, scores: Scores) -> Floats:
        """``(draw,)`` the deciding metric, mean over repeats."""
        pairs = zip(self.truths, scores, strict=True)
        return np.asarray(np.mean([self.outcome.drawn(*pair, self.counts) for pair in pairs], axis=0))

    def value_of_few(self, scores: Scores) -> Floats:
        """The same of a part of the patients, who may be few in each fold."""
        return self.value(scores)

    def calibration(self, scores: Scores) -> Floats:
        """``(draw,)`` observed minus expected, mean over repeats; NaN where it cannot be told."""
        return mean_of(self.residual(scores), self.counts)

    @abstractmethod
    def tested(self, scores: Scores) -> Estimate:
        """What of discrimination is compared between groups."""

    def calibration_tested(self, scores: Scores) -> Estimate:
        """Likewise of calibration."""
        return mean_estimate(self.residual(scores), self.counts)

    def residual(self, scores: Scores) -> Floats:
        """``(patient,)`` observed minus expected, mean over repeats, where each patient has one."""
        raise NotImplementedError

    def dealt_within(self) -> NDArray[np.int64] | None:
        """Labels within which patients change groups in the test of discrimination; None: all with all."""
        return None

    @abstractmethod
    def of_nobody(self) -> Floats:
        """Scores of patients of whom nothing is known: the same for all, for those of a fold would rank folds."""

    def told(self) -> Mapping[str, str]:
        """For metrics.json, where it is not as of classes.

        ``calibration``, what it compares; ``rule``; ``nothing``, what patients get of whom nothing is known.
        """
        return {}
