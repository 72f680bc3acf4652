"""Is who lacks a modality flagged as often as who has it, and what does it cost at thousands of columns?

Run: ``python benchmarks/novelty.py``. Generated patients from one distribution, 70 % with expression: the share called
out of distribution among 2,000 new ones, by whether they have it; then the time a fold takes, for growing numbers of
columns. *Before* is what the package did until 2c33775: missing cells at the mean, one limit for everybody, and a dense
covariance of all columns. 1 % is what a 99th percentile means.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from threadpoolctl import threadpool_limits

from fusion.protocol.novelty import Novelty, fit_novelty

PATIENTS, NEW, COHORTS, SHARE = 160, 2_000, 20, 0.7


class Table:
    """A fitted modality that is a table."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def table(self, patient_ids: Sequence[int]) -> pd.DataFrame:
        return self._table.loc[list(patient_ids)]


def cohort(patients: int, columns: int, *, seed: int) -> dict[str, Table]:
    """`columns` of expression, which some lack, and eight clinical ones; all are functions of ten hidden numbers."""
    mixing = np.random.default_rng(0).normal(size=(10, columns + 8)) / np.sqrt(10)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(patients, 10)) @ mixing + rng.normal(size=(patients, columns + 8))
    values[rng.random(patients) >= SHARE, :columns] = np.nan
    whole = pd.DataFrame(values)
    return {
        "rna": Table(whole.iloc[:, :columns].add_prefix("g")),
        "clinical": Table(whole.iloc[:, columns:].add_prefix("c")),
    }


def side_by_side(parts: dict[str, Table], patients: Sequence[int]) -> pd.DataFrame:
    return pd.concat([part.table(patients).add_prefix(f"{name}:") for name, part in parts.items()], axis=1)


def fold(parts: dict[str, Table]) -> Any:
    """One outer fold of everybody, with three inner folds."""
    everybody = range(PATIENTS)
    inner = [
        SimpleNamespace(train=[p for p in everybody if p % 3 != k], val=[p for p in everybody if p % 3 == k])
        for k in range(3)
    ]
    return SimpleNamespace(fold=SimpleNamespace(train=everybody, inner=inner), members=[parts] * 3, whole=parts)


class Before:
    """The dense way."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.center, self.scale = table.mean().to_numpy(), table.std(ddof=0).to_numpy()
        standard = np.nan_to_num((table.to_numpy() - self.center) / self.scale)
        self.covariance = LedoitWolf(assume_centered=True).fit(standard).covariance_

    def distance(self, table: pd.DataFrame) -> NDArray[np.float64]:
        standard = (table.to_numpy() - self.center) / self.scale
        seen = ~np.isnan(standard)
        found = np.full(len(table), np.nan)
        for pattern in np.unique(seen, axis=0):
            rows = (seen == pattern).all(axis=1)
            part = standard[np.ix_(rows, pattern)]
            solved = np.linalg.solve(self.covariance[np.ix_(pattern, pattern)], part.T).T
            found[rows] = np.sqrt((part * solved).sum(axis=1) / pattern.sum())
        return found


def fit_before(data: Any) -> tuple[Before, float]:
    distances = [
        Before(side_by_side(part, inner.train)).distance(side_by_side(part, inner.val))
        for part, inner in zip(data.members, data.fold.inner, strict=True)
    ]
    limit = float(np.nanpercentile(np.concatenate(distances), 99))
    return Before(side_by_side(data.whole, data.fold.train)), limit


def main() -> None:
    threadpool_limits(1)
    rates: dict[str, list[float]] = {"before, with": [], "before, without": [], "after, with": [], "after, without": []}
    for seed in range(COHORTS):
        data, new = fold(cohort(PATIENTS, 60, seed=seed)), side_by_side(cohort(NEW, 60, seed=1_000 + seed), range(NEW))
        has = new.iloc[:, 0].notna().to_numpy()
        before, limit = fit_before(data)
        after: Novelty = fit_novelty(data)
        for name, unlike in (("before", before.distance(new) > limit), ("after", after.relative(new) > 1)):
            rates[f"{name}, with"].append(float(unlike[has].mean()))
            rates[f"{name}, without"].append(float(unlike[~has].mean()))
    print(f"called out of distribution, {COHORTS} cohorts of {PATIENTS} patients, {NEW} new ones each:")
    for name, found in rates.items():
        print(f"  {name:16} {100 * np.mean(found):5.2f} %  ({100 * np.min(found):.2f} to {100 * np.max(found):.2f})")
    print("seconds a fold (four fits, three sets of distances), one thread:")
    for columns in (192, 768, 1_536, 3_072):
        data = fold(cohort(PATIENTS, columns, seed=0))
        seconds = []
        for fit in (fit_before, fit_novelty):
            begin = time.perf_counter()
            fit(data)
            seconds.append(time.perf_counter() - begin)
        dense, span = seconds
        print(f"  {columns:5} columns  before {dense:7.2f}  after {span:6.2f}  ratio {dense / span:6.1f}")


if __name__ == "__main__":
    main()
