"""Decision curves: what acting on a score is worth at every threshold probability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def net_benefit(labels: Floats, scores: Floats, thresholds: Floats) -> Floats:
    """Net benefit of treating whoever scores at or above each threshold probability, ``(threshold,)``.

    Vickers & Elkin 2006: TP/n - FP/n · p/(1 - p).
    """
    called = scores[None, :] >= thresholds[:, None]
    true_positive = (called * labels).mean(axis=1)
    false_positive = (called * (1 - labels)).mean(axis=1)
    return np.asarray(true_positive - false_positive * thresholds / (1 - thresholds), dtype=np.float64)


def treat_all(labels: Floats, thresholds: Floats) -> Floats:
    """Net benefit of treating everybody, ``(threshold,)``; treating nobody is worth 0."""
    prevalence = float(labels.mean())
    return np.asarray(prevalence - (1 - prevalence) * thresholds / (1 - thresholds), dtype=np.float64)
