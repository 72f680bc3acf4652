"""The fused arm without some of its modalities: every subset of them, by the networks as they were trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from fusion.arms.audit import Altered
from fusion.arms.base import ArmScores, FoldData
from fusion.contract import FittedModality

EVERY = 6
"""Modalities up to which every subset is scored; above, `SAMPLED` of them, every size among them."""
SAMPLED = 40
JOIN = "+"
"""Between the names of the modalities that are kept."""


def subsets(names: Sequence[str], *, seed: int) -> list[tuple[str, ...]]:
    """What is kept: proper subsets that are not empty, smaller ones first; the same for every fold of a run.

    Of more than `EVERY` modalities each alone, all without each, and others of every size drawn once.
    """
    every = [list(combinations(names, size)) for size in range(1, len(names))]
    if len(names) <= EVERY:
        return [kept for several in every for kept in several]
    rng = np.random.default_rng([seed, 4])
    chosen = [*every[0], *every[-1]]
    between = every[1:-1]
    each = max(1, (SAMPLED - len(chosen)) // len(between))
    for several in between:
        chosen += [several[at] for at in sorted(rng.choice(len(several), min(each, len(several)), replace=False))]
    return sorted(chosen, key=len)


def withheld(fused: ArmScores, data: FoldData, *, seed: int) -> Iterator[ArmScores]:
    """The fused arm once for each subset, named by what is kept (``clinical+slides``); nothing where it cannot.

    Args:
        fused: the arm as it was fitted in this fold.
        data: the fold.
        seed: of the run, so that all folds score the same subsets.
    """
    if fused.again is None:
        return
    for kept in subsets(list(data.whole), seed=seed):

        def change(of: str, fitted: FittedModality, kept: tuple[str, ...] = kept) -> FittedModality:
            return fitted if of in kept else Altered(fitted, {})

        yield replace(fused, arm=JOIN.join(kept), test=fused.again(change))
