"""What is no error in a wide table and yet to be looked at: columns that hold the outcome, patients twice, two scales.

As of `data_modules.cohort.examine`: over all patients, for a person's eyes; nothing acts upon it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from data_modules.cohort.examine import FEW, TELLING, Remark, two_groups
from fusion.contract import some

_CHANCE = 0.01
"""Probability, over all columns, that chance would tell classes apart as well."""

_MEASURED = 3
_AT_ONCE = 2000
_FIRST = 50


def wide_remarks(file: str, key: str, frame: pd.DataFrame, labels: pd.Series[int]) -> Iterator[Remark]:
    """Look at the numbers of the kept patients.

    Args:
        file: as messages call it.
        key: config key of the modality.
        frame: (patient, column).
        labels: index patient_id, of kept patients; classes by number, -1 where unknown.
    """
    frame = frame[frame.index.isin(labels.index)]
    known = labels[labels >= 0].reindex(frame.index).dropna()
    classes = sorted(known.unique())
    best = pd.Series(0.0, index=frame.columns)
    for one in classes[1:] if len(classes) == 2 else classes:
        areas = telling(frame.loc[known.index], known == one)
        best = best.where(best > areas, areas)
    found = best[best > 0].sort_values(ascending=False)
    if len(found):
        columns = some([f"{name} {value:.2f}" for name, value in found.items()])
        yield Remark(
            kind="outcome",
            text=f"{file}: {len(found)} columns separate the classes, each alone (AUROC {columns}): are they known at "
            f"baseline? What is measured after therapy began, or is the outcome itself, belongs in {key}.exclude.",
        )
    # Of calls and counts (mutated or not, copies lost or gained) many patients have the same.
    measured = frame.loc[:, _varied(frame)].dropna(axis=0, how="all")
    if measured.shape[1] < _MEASURED:
        return
    keys = pd.util.hash_pandas_object(measured, index=False).to_numpy(dtype=np.uint64)
    groups = pd.Series(measured.index, index=keys).groupby(level=0).agg(list)
    same = [sorted(patients) for patients in groups if len(patients) > 1]
    if same:
        yield Remark(
            kind="duplicate",
            text=f"{file}: {len(same)} groups of patients with the same {measured.shape[1]} numbers "
            f"({some([' and '.join(one) for one in same], 3)}): one patient twice leaks from training to test; give "
            "cohort.group, or take one out.",
        )
    scales = two_groups(measured.mean(axis=1))
    if scales is not None:
        low, high = scales
        yield Remark(
            kind="outlier",
            text=f"{file}: patients fall into two groups by the mean of their numbers, {len(low)} from {low.min():g} "
            f"to {low.max():g} ({some(sorted(low.index), 3)}) and {len(high)} from {high.min():g} to {high.max():g}: "
            "counts beside logarithms, or two normalisations?",
        )


def _varied(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Which columns have more than `FEW` values; the first patients tell of most, and are counted fast."""
    varied = frame.head(_FIRST).nunique().to_numpy() > FEW
    varied[~varied] = frame.loc[:, ~varied].nunique().to_numpy() > FEW
    return varied


def telling(frame: pd.DataFrame, side: pd.Series[bool]) -> pd.Series[float]:
    """AUROC of each column, either way round, where it is `TELLING` and no chance; 0 elsewhere.

    Chance is by the normal approximation of Mann and Whitney's statistic (1947), for perfect separation exact.
    """
    found = []
    for start in range(0, frame.shape[1], _AT_ONCE):
        part = frame.iloc[:, start : start + _AT_ONCE]
        there = part.notna().to_numpy()
        positive = side.to_numpy()[:, None] & there
        one, all_ = positive.sum(axis=0), there.sum(axis=0)
        other = all_ - one
        pairs = np.maximum(one * other, 1)
        ranks = np.where(positive, part.rank().to_numpy(), 0.0).sum(axis=0)
        area = (ranks - one * (one + 1) / 2) / pairs
        area = np.where(one * other > 0, np.maximum(area, 1 - area), 0.5)
        chance = 2 * norm.sf((area - 0.5) / np.sqrt((all_ + 1) / (12 * pairs)))
        for at in np.flatnonzero(area == 1):
            chance[at] = 2 / math.comb(int(all_[at]), int(one[at]))
        found.append(np.where((area >= TELLING) & (chance * frame.shape[1] <= _CHANCE), area, 0.0))
    return pd.Series(np.concatenate(found) if found else [], index=frame.columns, dtype=float)
