"""Patients under two ids: pairs whose measured numbers are the same, and how likely chance makes such a pair."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SAME = 0.9
"""Correlation above which a column says again what another says, and counts as no further coincidence."""
TELLING = 1e-3
"""Chance that any two of all pairs of patients agree, above which columns cannot tell twins from others."""


def twins(rows: pd.DataFrame) -> tuple[list[tuple[str, str]], float]:
    """Pairs of patients with equal rows, and the chance of any such pair among unrelated patients.

    The chance is the number of pairs times the product over columns of the chance that two patients agree, Σp², of
    columns that say something of their own (`SAME`); at most 1.

    Args:
        rows: ``(patient, column)`` NaN where missing; index patient_id.
    """
    kept = rows.loc[:, [len(rows[one].unique()) > 1 for one in rows]]
    known = kept.notna().mean(axis=1) >= 0.5  # who lacks most is like everybody who does
    kept = kept[known]
    number = len(kept)
    chance = number * (number - 1) / 2
    for column in _own(kept):
        share = kept[column].value_counts(normalize=True, dropna=False).to_numpy()
        # Two patients, not one twice: that a lone value agrees with itself is no coincidence.
        agree = (share * (share * number - 1)).sum() / max(number - 1, 1)
        chance *= max(agree, 1 / max(number, 1) ** 2)
    codes = kept.apply(lambda column: pd.factorize(column, use_na_sentinel=False)[0])
    groups: dict[bytes, list[str]] = {}
    for patient, row in zip(kept.index, codes.to_numpy(dtype=np.int64), strict=True):
        groups.setdefault(row.tobytes(), []).append(str(patient))
    pairs = [(alike[0], other) for alike in groups.values() for other in alike[1:]]
    return pairs, float(min(1.0, chance))


def _own(rows: pd.DataFrame) -> list[str]:
    """Columns none of which another one before it says again; those with most values first."""
    order = rows.nunique(dropna=False).sort_values(ascending=False, kind="stable").index
    ranks: NDArray[np.float64] = rows[order].rank().fillna(0).to_numpy(dtype=np.float64)
    ranks = ranks - ranks.mean(axis=0)
    ranks /= np.maximum(np.sqrt((ranks**2).sum(axis=0)), 1e-12)
    kept: list[int] = []
    for place in range(len(order)):
        if not kept or np.abs(ranks[:, kept].T @ ranks[:, place]).max() < SAME:
            kept.append(place)
    return [str(order[place]) for place in kept]
