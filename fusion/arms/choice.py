"""How one of several candidates is chosen in a fold: by inner out-of-fold scores of its training patients alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fusion.arms.base import ArmScores, FoldData, Table


def inner_quality(inner: Table, data: FoldData) -> float:
    """The chosen metric of inner out-of-fold scores or logits: all that may choose between arms or settings."""
    return data.outcome.inner(data.truth(inner.index), inner.to_numpy())[data.outcome.chosen]


def best(quality: Mapping[str, float]) -> str:
    """The candidate that is chosen by `inner_quality`: of equals the first; an undefined one is below every other."""
    return max(quality, key=lambda name: -np.inf if np.isnan(quality[name]) else quality[name])


def choice_rows(quality: Mapping[str, float], data: FoldData) -> list[dict[str, Any]]:
    """`ArmScores.choices` of candidates by `inner_quality`; of one alone none, for nothing was chosen."""
    rows = [
        {"candidate": name, data.outcome.chosen: one, "chosen": name == best(quality)} for name, one in quality.items()
    ]
    return rows if len(rows) > 1 else []


def chosen_of(tried: Mapping[str, ArmScores], data: FoldData) -> ArmScores:
    """Of candidates' scores those of the chosen one, with its number and a row a candidate.

    Args:
        tried: number of the candidate → its scores, in the order in which ties are decided; one alone is taken as it
            is.
        data: the fold.
    """
    if len(tried) == 1:
        ((number, only),) = tried.items()
        return replace(only, choices=[], candidate=number)
    quality = {number: inner_quality(one.inner, data) for number, one in tried.items()}
    chosen = best(quality)
    rows = choice_rows(quality, data)
    if any(one.choices for one in tried.values()):
        # Candidates have grids of their own: a row for each combination, ``2, C=0.1``.
        rows = [
            {**row, "candidate": f"{number}, {row['candidate']}", "chosen": row["chosen"] and number == chosen}
            for number, one in tried.items()
            for row in one.choices
        ]
    return replace(tried[chosen], choices=rows, candidate=chosen)
