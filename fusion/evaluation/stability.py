"""How alike the feature sets are that different folds select."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nogueira_stability(chosen: NDArray[np.bool_]) -> float:
    """Stability of feature selection; 1 when all sets agree, about 0 for random sets, NaN when it is undefined.

    Nogueira, Sechidis & Brown, JMLR 2018, eq. 4: Φ = 1 - mean_f(s²_f) / ((k̄/d)(1 - k̄/d)) with
    s²_f = M/(M-1) · p_f (1 - p_f).

    Args:
        chosen: ``(set, feature)`` bool, M sets over d candidate features.
    """
    sets, candidates = chosen.shape
    share = chosen.sum() / (sets * candidates) if chosen.size else 0.0
    if sets < 2 or not 0 < share < 1:
        return float("nan")
    frequency = chosen.mean(axis=0)
    spread = sets / (sets - 1) * frequency * (1 - frequency)
    return float(1 - spread.mean() / (share * (1 - share)))
