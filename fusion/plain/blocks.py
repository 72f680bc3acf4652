"""Modalities that a linear model may do without: fits on sets of them, averaged by what held-out patients say.

A modality of many columns without a signal costs a regression more than an informative one gains it, and leaving out
what seems to be without one costs as much where that was chance. So nothing is chosen: linear models of different sets
of modalities are averaged, which is a linear model again, each weighted by the likelihood that it gives to held-out
patients (pseudo-Bayesian model averaging, Geisser and Eddy, J. Am. Stat. Assoc. 74, 1979; tempered, as Yao et al.,
Bayesian Analysis 13, 2018, advise where the likelihood is itself uncertain).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TEMPERATURE = 8.0
"""Nats of held-out likelihood by which one set must be ahead to weigh e times as much as another.

Chosen on the cohorts of ``benchmarks/generated_cohorts.py`` at seeds 0 to 7.
"""

ALL_SETS = 4
"""Modalities up to which every set of them is fitted; with more: all, all but one, and each alone."""


def sets_of(blocks: Sequence[str]) -> list[tuple[str, ...]]:
    """The sets of modalities that are fitted, all of them together first."""
    sizes: Sequence[int] = range(len(blocks), 0, -1)
    if len(blocks) > ALL_SETS:
        sizes = (len(blocks), len(blocks) - 1, 1)
    return [found for size in sizes for found in combinations(blocks, size)]


def shares(losses: Sequence[Floats]) -> Floats:
    """``(set,)`` weights that sum to 1.

    Args:
        losses: of each set ``(patient,)`` negative log-likelihoods of held-out patients.
    """
    totals = np.array([part.sum() for part in losses])
    weight = np.exp(-(totals - totals.min()) / TEMPERATURE)
    return np.asarray(weight / weight.sum(), dtype=np.float64)
