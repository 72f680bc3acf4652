"""What folds chose, settings under `choose` and those of classical models: how often, and how far folds agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def summarised(table: pd.DataFrame, settings: Mapping[str, str], *, metric: str) -> dict[str, Any]:
    """The part ``choices`` of metrics.json; empty where nothing was chosen.

    Args:
        table: arm, repeat, fold, candidate, `metric` on inner folds, chosen; a row a candidate, arm and outer fold.
        settings: number of a candidate of `choose` → its settings; empty without. Other arms' candidates say themselves
            what they are: ``C=0.1``, ``classical_lr``.
        metric: that chose.

    Returns:
        Of every arm: in how many folds each candidate was chosen, its mean inner quality over the folds, the candidate
        chosen most often (of equals the first) and the share of folds that chose it, called agreement.
    """
    if table.empty:
        return {}
    arms = {}
    for arm, rows in table.groupby("arm", sort=False):
        times = {name: int(part["chosen"].sum()) for name, part in rows.groupby("candidate", sort=False)}
        inner = {name: float(part[metric].mean()) for name, part in rows.groupby("candidate", sort=False)}
        most = max(times, key=lambda name, times=times: times[name])  # type: ignore[misc]
        folds = int(rows["chosen"].sum())
        arms[str(arm)] = {
            "folds": folds,
            "chosen": times,
            "inner": {name: value if np.isfinite(value) else None for name, value in inner.items()},
            "most": most,
            "agreement": times[most] / folds,
        }
    return {"choices": {"metric": metric, "candidates": dict(settings), "arms": arms}}
