r"""Are the gaps between a group and the rest more than chance makes of so many looks?

Every gap is divided by its standard error and compared with the largest of all such gaps when patients are dealt to the
groups anew (max-T, Westfall & Young 1993), so that the chance of any false alarm stays at its level however many groups
are looked at. Dividing by the error keeps the test right where groups differ in what is *not* asked, such as the
spread of scores (Chung & Romano, Annals of Statistics 41:484–507, 2013). Ranks are dealt within each class, so that
groups keep their prevalence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def dealt(labels: NDArray[np.int64] | None, patients: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``(draw, patient)``: whose group each one gets; with `labels` only of others of the same class."""
    order = np.tile(np.arange(patients), (draws, 1))
    for one in [None] if labels is None else np.unique(labels):
        inside = np.arange(patients) if one is None else np.flatnonzero(labels == one)
        order[:, inside] = inside[np.argsort(rng.random((draws, len(inside))), axis=1)]
    return order


def corrected(observed: Sequence[float], permuted: Sequence[Floats], *, families: int) -> list[float]:
    """p-values that hold for all gaps of a family together, times the number of families (Bonferroni).

    Args:
        observed: each gap over its error.
        permuted: ``(draw,)`` of each.
        families: measures that are tested beside this one, itself included.
    """
    if not observed:
        return []
    largest = np.max(np.abs(np.stack(permuted)), axis=0)
    draws = len(largest)
    return [min(1.0, families * (1 + int((largest >= abs(one) - 1e-12).sum())) / (1 + draws)) for one in observed]
