"""Updating a binary model's calibration to another cohort, judged on patients that had no part in the update.

Steyerberg et al. (Statistics in Medicine 2004, 23:2567–2586), methods 1 and 2: a new intercept, or intercept and slope,
on the log-odds of the old score. Ranks stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
What = Literal["intercept", "slope"]

FOR_SLOPE = 20
"""Patients of the rarer class from which a slope is updated unless something else is asked for."""

FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """New score = sigmoid(slope · logit(score) + intercept)."""

    slope: float
    intercept: float

    def __call__(self, scores: Floats) -> Floats:
        """``(patient,)`` → the same, strictly between 0 and 1."""
        updated: Floats = np.clip(expit(self.slope * _logits(scores) + self.intercept), 1e-9, 1 - 1e-9)
        return updated


def fit_recalibration(scores: Floats, labels: Floats, what: What, *, strength: float = 0.1) -> Recalibration:
    """Of least log loss, with a weak prior (precision `strength`) at slope 1, so that separable scores keep it finite.

    Args:
        scores: ``(patient,)`` probabilities.
        labels: ``(patient,)`` 0/1, both there.
        what: ``intercept``, with the slope left at 1; or ``slope``, with both.
        strength: of the prior.
    """
    x = _logits(scores)
    design = np.stack([np.ones_like(x), x], axis=1)
    beta, free = np.array([0.0, 1.0]), 2 if what == "slope" else 1
    penalty = np.array([0.0, strength])
    for _ in range(100):
        p = expit(design @ beta)
        gradient = design.T @ (labels - p) - penalty * (beta - [0.0, 1.0])
        hessian = (design.T * (p * (1 - p))) @ design + np.diag(penalty) + 1e-9 * np.eye(2)
        step = np.zeros(2)
        step[:free] = np.linalg.solve(hessian[:free, :free], gradient[:free])
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    # A slope below 0 would turn the ranking round.
    slope = max(float(beta[1]), 1e-3)
    return Recalibration(slope=slope, intercept=float(beta[0]))


def cross_fitted(scores: Floats, labels: Floats, what: What, *, seed: int = 0) -> Floats:
    """Each patient's score as updated on the patients of the other folds, ``(patient,)``."""
    from sklearn.model_selection import StratifiedKFold

    folds = min(FOLDS, int(np.bincount(labels.astype(np.int64), minlength=2).min()))
    updated = np.empty_like(scores)
    for fit, apply in StratifiedKFold(folds, shuffle=True, random_state=seed).split(scores, labels):
        updated[apply] = fit_recalibration(scores[fit], labels[fit], what)(scores[apply])
    return updated


def _logits(scores: Floats) -> Floats:
    return np.asarray(logit(np.clip(scores, 1e-9, 1 - 1e-9)), dtype=np.float64)
