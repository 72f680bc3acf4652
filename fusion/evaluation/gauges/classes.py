"""Of two classes and of more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.gauges.base import Estimate, Floats, Gauge, Scores, mean_estimate
from fusion.evaluation.metrics import auroc


def shares(labels: NDArray[np.int64], classes: int) -> Floats:
    """``(patient, class)`` the share of every class among all, for each patient."""
    share = np.bincount(labels, minlength=classes) / len(labels)
    return np.asarray(np.tile(share, (len(labels), 1)), dtype=np.float64)


class BinaryGauge(Gauge):
    """AUROC, and the label minus its probability. Ranks are dealt within a class, so that groups keep prevalences."""

    def tested(self, scores: Scores) -> Estimate:
        return rank_estimate(self.label.astype(np.float64), scores, self.counts)

    def residual(self, scores: Scores) -> Floats:
        return np.asarray(self.label - np.mean(scores, axis=0), dtype=np.float64)

    def dealt_within(self) -> NDArray[np.int64] | None:
        return self.label

    def of_nobody(self) -> Floats:
        return shares(self.label, 2)[:, 1]


class MulticlassGauge(Gauge):
    """Balanced accuracy, and right or not minus confidence. The share that is right is what is tested."""

    def tested(self, scores: Scores) -> Estimate:
        right = np.mean([one.argmax(axis=1) == self.label for one in scores], axis=0)
        return mean_estimate(right, self.counts)

    def residual(self, scores: Scores) -> Floats:
        right = [(one.argmax(axis=1) == self.label) - one.max(axis=1) for one in scores]
        return np.asarray(np.mean(right, axis=0), dtype=np.float64)

    def of_nobody(self) -> Floats:
        return shares(self.label, len(self.outcome.endpoint.classes))


def rank_estimate(labels: Floats, scores: Sequence[Floats], counts: Floats) -> Estimate:
    r"""AUROC, mean over repeats, with the variance of Hanley and McNeil (Radiology 143:29–36, 1982, `area_variance`).

    It is :math:`A(1-A)+(m-1)(A/(2-A)-A^2)+(n-1)(2A^2/(1+A)-A^2)` over *mn*, *m* positives, *n* negatives.

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)`` of each repeat.
        counts: ``(draw, patient)`` members.
    """
    value = np.mean([auroc(labels, one, counts) for one in scores], axis=0)
    positive = counts @ labels
    return Estimate(value=value, variance=area_variance(value, positive, counts.sum(axis=1) - positive))


def area_variance(value: Floats, positive: Floats, negative: Floats) -> Floats:
    """Hanley and McNeil's variance of an AUROC; above 0 also where nothing is misranked, as if half a pair were.

    Args:
        value: AUROCs.
        positive: how many positives each is of.
        negative: likewise.
    """
    pairs = np.maximum(positive * negative, 1)
    area = (np.maximum(value, 1 - value) * pairs + 0.5) / (pairs + 1)
    one, two = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    return np.asarray((area * (1 - area) + (positive - 1) * one + (negative - 1) * two) / pairs, dtype=np.float64)
