"""Patients parted by a column: its levels, or thirds of a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

FEW_VALUES = 5
"""Different numbers up to which each is a group of its own (codes 0 and 1, grades)."""
MISSING = "not known"


def groups_of(values: pd.Series[Any], facts: Mapping[str, Any]) -> pd.Series[str]:
    """Index patient_id, the name of each one's group.

    Numbers of more than `FEW_VALUES` values are cut at their thirds over all patients, which looks at no outcome.

    Args:
        values: of one column.
        facts: its ``kind`` and ``levels``, as of `Described`.
    """
    if facts.get("kind") != "number" or values.nunique() <= FEW_VALUES:
        told = values.map(lambda one: f"{one:g}" if isinstance(one, float) else str(one))
        return told.where(values.notna(), MISSING).astype(str)
    known = values.to_numpy(dtype=np.float64)
    low, high = np.nanquantile(known, [1 / 3, 2 / 3])
    thirds = np.select(
        [np.isnan(known), known <= low, known <= high],
        [MISSING, f"to {low:.4g}", f"above {low:.4g} to {high:.4g}"],
        f"above {high:.4g}",
    )
    return pd.Series(thirds, index=values.index, dtype=object)
