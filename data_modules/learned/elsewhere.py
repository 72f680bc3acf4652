"""Whether new patients' numbers are on the scale of a model's training: units, logarithms, per cent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FAR = 5.0
"""Standard deviations of training by which the median of new patients lies off the mean of training."""

NARROW = 0.05
"""Standard deviation of new patients, in that of training, below which they hardly differ."""

_SEVERAL = 5


def elsewhere(scaled: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(column,) whether numbers are on another scale than in training.

    They lie far from all of training, or, of five patients or more who are not all alike, hardly differ beside it.

    Args:
        scaled: (patient, column) of new patients, less the mean of training and over its standard deviation; NaN where
            nothing is known.
    """
    found = np.zeros(scaled.shape[1], dtype=bool)
    for at, column in enumerate(scaled.T):
        known = column[~np.isnan(column)]
        if not len(known):
            continue
        several = len(known) >= _SEVERAL and known.min() < known.max()
        found[at] = abs(np.median(known)) > FAR or (several and known.std() < NARROW)
    return found
