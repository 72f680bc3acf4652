"""Sets of classes that hold the patient's own in 90 % of patients, or an abstention.

Label-conditional conformal prediction (Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2005, ch. 4)
across folds (cross-conformal, Vovk, Annals of Mathematics and Artificial Intelligence 74:9–28, 2015): a patient's
scores are compared with those of patients of the other outer folds, class by class, so that the rare class is held as
often as the common one. Models of two folds are not one model, so coverage is measured, not promised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ALPHA = 0.1
"""Share of patients whose set may miss them."""


def p_values(labels: NDArray[np.int64], probability: Floats, folds: NDArray[np.int64]) -> Floats:
    r"""Of every patient and class *y* the conformal p-value, ``(patient, class)``.

    With nonconformity :math:`1-p_y`: of *n* patients of class *y* in the other folds the share that is at least as
    strange, :math:`(1 + \#\{i: p_y(x_i) \le p_y(x)\})/(n + 1)`.

    Args:
        labels: ``(patient,)`` positions in the classes.
        probability: ``(patient, class)``.
        folds: ``(patient,)`` in which each was scored.
    """
    found = np.ones_like(probability)
    for fold in np.unique(folds):
        here = folds == fold
        for one in range(probability.shape[1]):
            known = np.sort(probability[~here & (labels == one), one])
            stranger = np.searchsorted(known, probability[here, one], side="right")
            found[here, one] = (1 + stranger) / (1 + len(known))
    return found


def sets(p: Floats, *, alpha: float = ALPHA) -> NDArray[np.bool_]:
    """``(patient, class)`` whether the class is in the patient's set; several: an abstention; none: like nobody."""
    return np.asarray(p > alpha)
