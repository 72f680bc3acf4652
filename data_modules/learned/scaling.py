"""Which columns are constant but for rounding: dividing by their spread would send a new patient anywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-7
"""Share of a column's largest value below which its spread is rounding: measurements are stored in single precision."""


def scale_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(column,) standard deviation of (patient, column) without gaps; 1 where a column is constant but for rounding."""
    deviation = values.std(axis=0)
    return np.where(varies(values, deviation), deviation, 1.0)


def varies(values: NDArray[np.float64], deviation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(column,) whether the standard deviation is more than rounding of (patient, column); NaN counts for nothing."""
    size = np.nanmax(np.abs(values), axis=0, initial=0.0)
    return np.asarray(deviation > ROUNDING * size)
