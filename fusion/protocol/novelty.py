"""Is a new patient like those a fold trained on? Mahalanobis distance of the tabulated features, missing ones left out.

Lee et al., NeurIPS 2018, use the distance in feature space to tell in- from out-of-distribution inputs; the covariance
is shrunk (Ledoit & Wolf 2004), since features outnumber patients at times. The limit is the 99th percentile of the
distances of inner validation patients to the patients their inner fold trained on: honest distances, not fitted ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from fusion.arms.base import FoldData
from fusion.arms.classical import features
from fusion.contract import FusionError, State

PERCENTILE = 99.0


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """Where the training patients of one fold lie.

    Attributes:
        columns: of the feature table, ``modality:feature``; constant ones are left out.
        center, scale: ``(column,)``, standardisation by training patients.
        covariance: ``(column, column)`` of the standardised features, shrunk.
        limit: distance above which a patient is called out of distribution.
    """

    columns: tuple[str, ...]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    covariance: NDArray[np.float64]
    limit: float = np.inf

    @classmethod
    def fit(cls, table: pd.DataFrame, *, limit: float = np.inf) -> Self:
        """Learn center and spread from training patients, ``(patient, feature)``; NaN counts as the mean."""
        spread = table.std(ddof=0)
        kept = table.loc[:, spread > 0]
        center, scale = kept.mean().to_numpy(), spread[spread > 0].to_numpy()
        standard = np.nan_to_num((kept.to_numpy() - center) / scale)
        covariance = LedoitWolf(assume_centered=True).fit(standard).covariance_
        return cls(columns=tuple(kept.columns), center=center, scale=scale, covariance=covariance, limit=limit)

    def distance(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Root of the mean squared Mahalanobis distance over the features a patient has, ``(patient,)``.

        About 1 for a patient like the training patients, whatever number of features is present; NaN without any.

        Raises:
            FusionError: the table lacks columns that the fold was trained on.
        """
        missing = [name for name in self.columns if name not in table.columns]
        if missing:
            raise FusionError(f"novelty: the cohort lacks {len(missing)} features of the run, e.g. {missing[:3]}.")
        standard = (table.loc[:, list(self.columns)].to_numpy(dtype=np.float64) - self.center) / self.scale
        seen = ~np.isnan(standard)
        distances = np.full(len(standard), np.nan)
        for pattern in np.unique(seen[seen.any(axis=1)], axis=0):
            rows = (seen == pattern).all(axis=1)
            part = standard[np.ix_(rows, pattern)]
            solved = np.linalg.solve(self.covariance[np.ix_(pattern, pattern)], part.T).T
            distances[rows] = np.sqrt((part * solved).sum(axis=1) / pattern.sum())
        return distances

    def state(self) -> State:
        arrays: dict[str, NDArray[Any]] = {"center": self.center, "scale": self.scale, "covariance": self.covariance}
        return State(config={"columns": list(self.columns), "limit": self.limit}, arrays=arrays)

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls(columns=tuple(state.config["columns"]), limit=float(state.config["limit"]), **state.arrays)


def fit_novelty(data: FoldData) -> Novelty:
    """The training patients of one outer fold, with the limit from its inner folds."""
    distances = [
        Novelty.fit(features(fitted, inner.train)).distance(features(fitted, inner.val))
        for fitted, inner in zip(data.members, data.fold.inner, strict=True)
    ]
    limit = float(np.nanpercentile(np.concatenate(distances), PERCENTILE))
    return Novelty.fit(features(data.whole, data.fold.train), limit=limit)
