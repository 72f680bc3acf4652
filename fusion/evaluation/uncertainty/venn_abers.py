"""Venn-Abers probabilities: two isotonic fits a patient, as if they were of either class.

Vovk, Petej & Fedorova, Large-scale probabilistic predictors with and without guarantees of validity, NeurIPS 2015. The
calibration patients are those of the other outer folds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def venn_abers(labels: NDArray[np.int64], scores: Floats, folds: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Lower and upper probability of the positive class of every patient, ``(patient,)`` each.

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)`` that rank.
        folds: ``(patient,)`` in which each was scored.
    """
    low, high = np.zeros(len(scores)), np.ones(len(scores))
    for fold in np.unique(folds):
        here = folds == fold
        known, truth = scores[~here], labels[~here].astype(np.float64)
        if not len(known):
            continue
        values, place = np.unique(scores[here], return_inverse=True)
        bounds = np.array([[_fitted(known, truth, value, given) for given in (0.0, 1.0)] for value in values])
        low[here], high[here] = bounds[place].T
    return low, high


def _fitted(known: Floats, truth: Floats, value: float, given: float) -> float:
    """What isotonic regression gives at `value` when a patient there is of class `given`."""
    from sklearn.isotonic import isotonic_regression

    every, labels = np.append(known, value), np.append(truth, given)
    points, place = np.unique(every, return_inverse=True)
    weight = np.bincount(place).astype(np.float64)
    fitted = isotonic_regression(np.bincount(place, labels) / weight, sample_weight=weight)
    return float(fitted[np.searchsorted(points, value)])


def merged(low: Floats, high: Floats) -> Floats:
    r"""One probability, :math:`p_1/(1-p_0+p_1)`: the one of least regret under log loss."""
    return np.asarray(high / (1 - low + high), dtype=np.float64)
