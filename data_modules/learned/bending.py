"""Heavy-tailed columns bent towards a bell: counts, volumes and concentrations run over orders of magnitude.

A few patients with large values would otherwise steer every model that is linear in the column. The bend is learned
from training patients: Yeo and Johnson, "A new family of power transformations", Biometrika 2000, its power by maximum
likelihood, of the column over its typical size, so that units do not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fusion.contract import Bend

Floats = NDArray[np.float64]

HEAVY = 1.5
"""Skewness from which on a column counts as heavy-tailed; an exponential distribution has 2."""

VALUES = 10
"""Different values that a column must have: codes and small counts are left as they are."""


def bend_of(known: Floats) -> Bend | None:
    """The bend of a column's known training values; None where it needs none."""
    from scipy.stats import skew, yeojohnson_normmax

    known = np.sort(known[np.isfinite(known)])  # sums in a fixed order: the same for the same patients
    sizes = np.abs(known[known != 0])
    if len(np.unique(known)) < VALUES or not sizes.size:
        return None
    size = float(np.median(sizes))
    if not abs(float(skew(known / size))) > HEAVY:
        return None
    return Bend(power=float(np.clip(yeojohnson_normmax(known / size), -3.0, 3.0)), size=size)
