"""Decision curves: what acting on a score is worth at every threshold probability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def net_benefit(labels: Floats, scores: Floats, thresholds: Floats) -> Floats:
    """Net benefit of treating whoever scores at or above each threshold probability, ``(threshold,)``.

    Vickers & Elkin 2006: TP/n - FP/n · p/(1 - p).
    """
    benefit: Floats = net_benefit_draws(labels, scores, thresholds, np.ones((1, len(labels))))[0]
    return benefit


def net_benefit_draws(labels: Floats, scores: Floats, thresholds: Floats, counts: Floats) -> Floats:
    """`net_benefit` for every draw, ``(draw, threshold)``.

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)``.
        thresholds: ``(threshold,)`` below 1.
        counts: ``(draw, patient)`` how often each patient is drawn.
    """
    odds = thresholds / (1 - thresholds)
    worth = (scores[:, None] >= thresholds) * (labels[:, None] - (1 - labels[:, None]) * odds)
    return np.asarray(counts @ worth / counts.sum(axis=1, keepdims=True), dtype=np.float64)


def treat_all(labels: Floats, thresholds: Floats) -> Floats:
    """Net benefit of treating everybody, ``(threshold,)``; treating nobody is worth 0."""
    prevalence = float(labels.mean())
    return np.asarray(prevalence - (1 - prevalence) * thresholds / (1 - thresholds), dtype=np.float64)
