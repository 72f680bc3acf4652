"""Of grades in order: quadratic-weighted kappa, and the grade minus the expected one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from fusion.evaluation.gauges.base import FEWEST, Estimate, Floats, Gauge, Scores
from fusion.evaluation.gauges.classes import shares
from fusion.evaluation.outcomes.cumulative import called


class GradesGauge(Gauge):
    """A group may lack a grade: kappa needs two."""

    rule: ClassVar[str] = f"or than {FEWEST} in each of two grades"

    @classmethod
    def enough(cls, counts: Sequence[int], needed: Sequence[int]) -> bool:
        return sum(one >= FEWEST for one in counts) >= 2

    def tested(self, scores: Scores) -> Estimate:
        """Kappa and its variance, whose influence values are means over repeats."""
        labels = self.label.astype(np.float64)
        each = [kappa_influence(labels, called(one).astype(np.float64), self.counts) for one in scores]
        value = np.mean([one for one, _, _ in each], axis=0)
        influence = np.mean([one for _, one, _ in each], axis=0)
        variance = (self.counts * influence**2).sum(axis=1)
        return Estimate(value=value, variance=np.maximum(variance, np.mean([one for _, _, one in each], axis=0)))

    def residual(self, scores: Scores) -> Floats:
        mean = np.mean(scores, axis=0)
        return np.asarray(self.label - mean @ np.arange(mean.shape[1]), dtype=np.float64)

    def of_nobody(self) -> Floats:
        return shares(self.label, len(self.outcome.endpoint.classes))

    def told(self) -> Mapping[str, str]:
        return {
            "calibration": "mean grade, observed minus expected",
            "rule": self.rule,
            "nothing": "all grades' shares",
        }


def kappa_influence(labels: Floats, calls: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
    r"""Quadratic-weighted kappa of every draw, every patient's influence on it, and the least variance to assume.

    :math:`\kappa = 1 - D/E` with the mean squared error *D* and the one expected of independent calls,
    :math:`E = \overline{y^2} + \overline{c^2} - 2\bar y\bar c`, is a smooth function of means (delta method). Where no
    call is wrong *D* has no spread; half a patient who is one grade off is assumed then.

    Args:
        labels: ``(patient,)`` grades *y*.
        calls: ``(patient,)`` grades *c*.
        counts: ``(draw, patient)``.

    Returns:
        ``(draw,)``, NaN where everybody is of one grade and called so; ``(draw, patient)``; ``(draw,)``.
    """
    number = np.maximum(counts.sum(axis=1), 1)

    def mean(values: Floats) -> Floats:
        return np.asarray(counts @ values / number, dtype=np.float64)

    error, squares = (labels - calls) ** 2, labels**2 + calls**2
    wrong, true, told = mean(error), mean(labels), mean(calls)
    chance = mean(squares) - 2 * true * told
    chance = np.where(chance > 1e-12, chance, np.nan)
    ratio = wrong / chance
    # Of E: y² + c² − 2 c̄ y − 2 ȳ c about its mean.
    moved = squares - 2 * (told[:, None] * labels + true[:, None] * calls) - (mean(squares) - 4 * true * told)[:, None]
    influence = (ratio[:, None] * moved - (error - wrong[:, None])) / (chance * number)[:, None]
    return 1 - ratio, influence, 0.5 / (number * chance) ** 2
