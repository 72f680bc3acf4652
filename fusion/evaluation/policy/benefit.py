r"""Is a predicted benefit of one regimen over another borne out? By quantile, and by concordance of matched pairs.

Nobody is seen under both regimens. By quantile, the benefit observed is the mean of the doubly robust
:math:`\psi_i(a) - \psi_i(r)` (`fusion.evaluation.policy.value`) of the quantile's patients. For concordance, a patient
given *a* and one given *r* of like predicted benefit make a pair, whose observed benefit is the difference of their
responses: −1, 0 or 1 (C-for-benefit, van Klaveren et al., J. Clin. Epidemiol. 94:59–68, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

QUANTILES = 4
"""Groups of equal size by predicted benefit."""
FEWEST = 20
"""Patients of either regimen below which nothing is said of a contrast."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """One regimen against another, of patients who were given either.

    Attributes:
        predicted: ``(patient,)`` probability of response under the first minus that under the second, out of fold.
        treated: ``(patient,)`` whether the first was given.
        response: ``(patient,)`` 0/1.
        difference: ``(patient,)`` doubly robust terms of the first minus those of the second.
    """

    predicted: Floats
    treated: NDArray[np.bool_]
    response: Floats
    difference: Floats


def quantiles(predicted: Floats, number: int = QUANTILES) -> NDArray[np.int64]:
    """``(patient,)`` place among groups of equal size, 0 the least benefit; ties stay in the order given."""
    order = np.argsort(np.argsort(predicted, kind="stable"), kind="stable")
    return np.asarray(order * number // max(len(predicted), 1), dtype=np.int64)


def pairs(contrast: Contrast, seen: NDArray[np.int64] | None = None) -> tuple[Floats, Floats]:
    """Predicted and observed benefit of matched pairs, both ``(pair,)``.

    Either regimen's patients are ranked by predicted benefit. Of the larger group, those at evenly spaced ranks are
    taken (van Klaveren et al. take some at random), then rank is matched with rank. A pair's prediction is the mean of
    its two.

    Args:
        contrast: the patients.
        seen: places of the patients to pair, repeated ones too, for draws; None takes everybody once.
    """
    places = np.arange(len(contrast.predicted)) if seen is None else seen
    sides = []
    for side in (True, False):
        mine = places[contrast.treated[places] == side]
        sides.append(mine[np.argsort(contrast.predicted[mine], kind="stable")])
    number = min(len(side) for side in sides)
    treated, other = (side[((np.arange(number) + 0.5) * len(side) / max(number, 1)).astype(np.int64)] for side in sides)
    predicted = (contrast.predicted[treated] + contrast.predicted[other]) / 2
    return predicted, contrast.response[treated] - contrast.response[other]


def c_for_benefit(predicted: Floats, observed: Floats) -> float:
    """Share of pairs of pairs, of unequal observed benefit, whose predictions are in the same order; equal ones half.

    0.5 where predictions say nothing of who benefits more; NaN where all observed benefits are equal.
    """
    more = observed[:, None] > observed[None, :]
    if not more.any():
        return float("nan")
    gap = predicted[:, None] - predicted[None, :]
    return float(((gap > 0) + 0.5 * (gap == 0))[more].mean())
