"""What is drawn for intervals: patients, or the groups of them that folds keep whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError

GROUP = "group"
"""Column of predictions.parquet: what the patient's fold keeps together with them; empty where they stand alone."""

FEWEST = 20
"""Groups below which nothing is said of other groups (benchmarks/coverage.py): cases are drawn instead."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """Who is drawn together.

    Attributes:
        of: ``(patient,)`` number of each one's unit, 0, 1, …
        groups: how many groups there are, patients who stand alone among them; None where nobody shares one.
        largest: patients of the largest group.
        conditional: whether groups are too few to be drawn, so that intervals hold for these groups alone.
    """

    of: NDArray[np.int64]
    groups: int | None
    largest: int
    conditional: bool

    @property
    def grouped(self) -> NDArray[np.int64] | None:
        """`of` where groups are drawn."""
        return None if self.groups is None or self.conditional else self.of

    def record(self) -> dict[str, Any]:
        """For metrics.json."""
        return {
            "drawn": "cases" if self.grouped is None else "groups",
            "number": int(self.of.max()) + 1,
            "groups": self.groups,
            "largest": self.largest,
            "conditional": self.conditional,
        }


def units_of(predictions: pd.DataFrame, patients: Sequence[str]) -> Units:
    """The units of `patients`; without a column `group` (runs of older versions) everyone stands alone.

    Raises:
        FusionError: a patient is in two groups.
    """
    alone = np.arange(len(patients), dtype=np.int64)
    if GROUP not in predictions or predictions[GROUP].isna().all():
        return Units(of=alone, groups=None, largest=1, conditional=False)
    known = predictions[["patient_id", GROUP]].drop_duplicates()
    twice = known.loc[known["patient_id"].duplicated(), "patient_id"]
    if len(twice):
        raise FusionError(
            f"predictions: {len(twice)} patients are in more than one group, e.g. {twice.iloc[0]}. Train again."
        )
    named = known.set_index("patient_id")[GROUP].loc[list(patients)]
    codes = named.astype("category").cat.codes.to_numpy(np.int64)
    rest = codes < 0
    codes[rest] = codes.max() + 1 + np.arange(rest.sum())
    groups, largest = int(codes.max()) + 1, int(np.bincount(codes).max())
    if largest == 1:
        return Units(of=alone, groups=None, largest=1, conditional=False)
    few = groups < FEWEST
    of = alone if few else np.asarray(codes, dtype=np.int64)
    return Units(of=of, groups=groups, largest=largest, conditional=few)


def held_together(patients: Sequence[str], *held: pd.Series[str] | None) -> pd.Series[str]:
    """Which patients no fold parts: index patient_id, the group's name, missing where a patient stands alone.

    Args:
        patients: all of them.
        held: index patient_id, each something that folds keep whole (families, sites), or None. Where there are
            several, whoever shares any of them is together, through others too.
    """
    index = pd.Index(list(patients), name="patient_id")
    known = [one.reindex(index) for one in held if one is not None]
    if len(known) < 2:
        found = known[0] if known else pd.Series(pd.NA, index=index)
        return found.astype("string").rename(GROUP)

    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns, names = [], [], 0
    for one in known:
        codes = one.astype("category").cat.codes.to_numpy()
        rows.append(np.flatnonzero(codes >= 0))
        columns.append(len(index) + names + codes[codes >= 0])
        names += int(codes.max()) + 1
    row, column = np.concatenate(rows), np.concatenate(columns)
    size = len(index) + names
    _, part = connected_components(coo_array((np.ones(len(row)), (row, column)), shape=(size, size)), directed=False)
    anywhere = pd.concat(known, axis=1).notna().any(axis=1)
    return pd.Series(part[: len(index)], index=index).astype("string").where(anywhere).rename(GROUP)
