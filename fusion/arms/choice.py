"""How one of several candidates is chosen in a fold: by inner out-of-fold scores of its training patients alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion.arms.base import FoldData, Table


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
