"""Is a new patient like those a fold trained on? Mahalanobis distance over the tabulated features a patient has.

Lee et al., NeurIPS 2018, use the distance in feature space to tell in- from out-of-distribution inputs; the covariance
is shrunk (Ledoit & Wolf 2004), since features outnumber patients at times, and kept in the span of the patients: L'L
plus a multiple of the identity. What a patient lacks is left out, of the patient's distance and of what it is compared
with: the limit is, for each set of modalities, the 99th percentile of the distances of inner validation patients to the
patients their inner fold trained on, both seen through these modalities alone. Honest distances, not fitted ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.arms.base import FoldData
from fusion.arms.classical import features
from fusion.contract import FusionError, State

Floats = NDArray[np.float64]

PERCENTILE = 99.0

SUBSETS = 6
"""Modalities of which every subset has its limit; of more, only the subsets that lack at most one or have one."""

LEAST = 20
"""Inner validation patients from which a percentile is taken."""


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """Where the training patients of one fold lie.

    Attributes:
        columns: of the feature table, ``modality:feature``; constant ones are left out.
        center, scale: ``(column,)``, standardisation by the training patients who have the feature.
        loadings: ``(component, column)``; with `floor` the covariance of the standardised features is
            ``loadings' loadings + floor · I``. There are no more components than training patients.
        floor: what shrinkage adds to every variance.
        limit: distance above which a patient with everything is called out of distribution.
        limits: modalities a patient has, joined by ``+`` → the same for such a patient.
    """

    columns: tuple[str, ...]
    center: Floats
    scale: Floats
    loadings: Floats
    floor: float = 0.0
    limit: float = np.inf
    limits: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, table: pd.DataFrame) -> Self:
        """Learn center and spread from training patients, ``(patient, feature)``, NaN where missing.

        A column that a share *a* of the patients have enters as if all had it: its known cells, over √a. So its
        variance, and its correlation with what is missing together with it, are those among patients who have it.
        """
        spread = table.std(ddof=0)
        kept = table.loc[:, spread > 0]
        center, scale = kept.mean().to_numpy(), spread[spread > 0].to_numpy()
        standard = (kept.to_numpy(dtype=np.float64) - center) / scale
        share = np.isfinite(standard).mean(axis=0)
        rows = np.nan_to_num(standard) / np.sqrt(share)
        patients, features_ = rows.shape
        gram = rows @ rows.T
        shrinkage, variance = ledoit_wolf(gram, features_)
        # Σ = (1 − δ) Z'Z / n + δ μ I. With Z = U S V', Z'Z = (S V')'(S V'), and S V' = U'Z.
        values, vectors = np.linalg.eigh(gram)
        real = values > 1e-10 * max(float(values[-1]), 1e-300) if len(values) else np.zeros(0, dtype=bool)
        loadings = np.sqrt((1 - shrinkage) / patients) * (vectors[:, real].T @ rows)
        return cls(
            columns=tuple(kept.columns), center=center, scale=scale, loadings=loadings, floor=shrinkage * variance
        )

    def distance(self, table: pd.DataFrame) -> Floats:
        """Root of the mean squared Mahalanobis distance over the features a patient has, ``(patient,)``.

        About 1 for a patient like the training patients, whatever number of features is present; NaN without any.

        Raises:
            FusionError: the table lacks columns that the fold was trained on.
        """
        missing = [name for name in self.columns if name not in table.columns]
        if missing:
            raise FusionError(f"novelty: the cohort lacks {len(missing)} features of the run, e.g. {missing[:3]}.")
        standard = (table.loc[:, list(self.columns)].to_numpy(dtype=np.float64) - self.center) / self.scale
        seen, known = ~np.isnan(standard), np.nan_to_num(standard)
        inner, lengths = known @ self.loadings.T, (known * known).sum(axis=1)
        distances = np.full(len(standard), np.nan)
        for pattern in np.unique(seen[seen.any(axis=1)], axis=0):
            rows, count = (seen == pattern).all(axis=1), int(pattern.sum())
            if count <= len(self.loadings):
                part, loadings = known[np.ix_(rows, pattern)], self.loadings[:, pattern]
                covariance = loadings.T @ loadings + self.floor * np.eye(count)
                squared = (part * np.linalg.solve(covariance, part.T).T).sum(axis=1)
            else:
                # Woodbury: (L'L + f I)⁻¹ = (I − L' (f I + L L')⁻¹ L) / f.
                small = self._gram(pattern) + self.floor * np.eye(len(self.loadings))
                solved = np.linalg.solve(small, inner[rows].T).T
                squared = np.maximum(lengths[rows] - (inner[rows] * solved).sum(axis=1), 0.0) / self.floor
            distances[rows] = np.sqrt(squared / count)
        return distances

    def relative(self, table: pd.DataFrame) -> Floats:
        """`distance` as a multiple of the limit of patients who have the same modalities: above 1 is unusual."""
        has = {name: table.loc[:, list(columns)].notna().any(axis=1) for name, columns in self._modalities().items()}
        patterns = [tuple(name for name in has if has[name].iloc[row]) for row in range(len(table))]
        limits: Floats = np.array([self._limit(pattern) for pattern in patterns], dtype=np.float64)
        return self.distance(table) / limits

    def state(self) -> State:
        """What it learned, to be saved; never a pickle."""
        arrays: dict[str, NDArray[Any]] = {"center": self.center, "scale": self.scale, "loadings": self.loadings}
        config = {"columns": list(self.columns), "floor": self.floor, "limit": self.limit, "limits": dict(self.limits)}
        return State(config=config, arrays=arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Also of runs of earlier versions, which kept the covariance and one limit for everybody."""
        config, arrays = state.config, dict(state.arrays)
        if "covariance" in arrays:
            arrays["loadings"] = np.linalg.cholesky(arrays.pop("covariance")).T
        return cls(
            columns=tuple(config["columns"]),
            floor=float(config.get("floor", 0.0)),
            limit=float(config["limit"]),
            limits={str(name): float(value) for name, value in config.get("limits", {}).items()},
            **arrays,
        )

    def _gram(self, pattern: NDArray[np.bool_]) -> Floats:
        """``L L'`` over the columns of `pattern`: whole modalities from memory, less their missing columns."""
        gram = np.zeros((len(self.loadings),) * 2)
        for columns, whole in self._grams:
            seen = pattern[columns]
            if 2 * seen.sum() > len(columns):
                left_out = self.loadings[:, columns[~seen]]
                gram += whole - left_out @ left_out.T
            elif seen.any():
                taken = self.loadings[:, columns[seen]]
                gram += taken @ taken.T
        return gram

    @cached_property
    def _grams(self) -> list[tuple[NDArray[np.int64], Floats]]:
        """Of each modality, its columns' places and ``L L'`` over them."""
        owner = np.array([name.split(":", 1)[0] for name in self.columns])
        places = [np.flatnonzero(owner == name) for name in self._modalities()]
        return [(place, self.loadings[:, place] @ self.loadings[:, place].T) for place in places]

    def _modalities(self) -> dict[str, list[str]]:
        """Modality → its columns."""
        found: dict[str, list[str]] = {}
        for name in self.columns:
            found.setdefault(name.split(":", 1)[0], []).append(name)
        return found

    def _limit(self, has: Sequence[str]) -> float:
        """Of these modalities, or of the set that shares most with them."""
        if not self.limits:
            return self.limit
        mine = set(has)
        return self.limits[min(self.limits, key=lambda name: len(mine ^ set(name.split("+"))))]


def ledoit_wolf(gram: Floats, columns: int) -> tuple[float, float]:
    r"""Shrinkage δ and mean variance μ of Ledoit & Wolf 2004 (section 3.3) from ``Z Z'``, for centred rows.

    Args:
        gram: ``(patient, patient)``; the covariance itself, ``(column, column)``, is never made.
        columns: how many features.
    """
    patients = len(gram)
    mean = float(np.trace(gram)) / (patients * max(columns, 1))
    squares = float((gram**2).sum()) / patients**2  # ‖Z'Z / n‖²
    spread = squares - columns * mean**2
    error = float((np.diag(gram) ** 2).sum()) / patients**2 - squares / patients
    return (min(1.0, max(0.0, error / spread)) if spread > 0 else 1.0), mean


def fit_novelty(data: FoldData) -> Novelty:
    """The training patients of one outer fold, with the limits from its inner folds."""
    names = list(data.whole)
    held_out: dict[tuple[str, ...], list[Floats]] = {subset: [] for subset in _subsets(names)}
    for fitted, inner in zip(data.members, data.fold.inner, strict=True):
        fold, table = Novelty.fit(features(fitted, inner.train)), features(fitted, inner.val)
        owner = np.array([column.split(":", 1)[0] for column in table.columns])
        has = {name: table.loc[:, owner == name].notna().any(axis=1).to_numpy() for name in names}
        for subset, found in held_out.items():
            rows = np.logical_and.reduce([has[name] for name in subset])
            if rows.any():
                found.append(fold.distance(table.loc[rows].mask(np.tile(~np.isin(owner, subset), (rows.sum(), 1)))))
    limits = {
        "+".join(subset): float(np.nanpercentile(np.concatenate(parts), PERCENTILE))
        for subset, parts in held_out.items()
        if sum(int(np.isfinite(part).sum()) for part in parts) >= (1 if len(subset) == len(names) else LEAST)
    }
    everything = limits.get("+".join(names), max(limits.values(), default=np.inf))
    return replace(Novelty.fit(features(data.whole, data.fold.train)), limit=everything, limits=limits)


def _subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """All of the modalities first, then what patients may have of them."""
    sizes = range(len(names), 0, -1) if len(names) <= SUBSETS else (len(names), len(names) - 1, 1)
    return [subset for size in sizes for subset in combinations(names, size)]
