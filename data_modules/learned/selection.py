"""Feature selection that sees training patients only: filters, then elimination, an L1 path or mutual information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.learned import selection_methods as methods
from data_modules.learned.settings import SelectorSettings
from fusion.contract import FusionError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What one fit selected.

    Attributes:
        table: columns feature, gene, rank (1 = kept), selected (bool), one row a feature in the order of the matrix.
    """

    table: pd.DataFrame

    @property
    def names(self) -> tuple[str, ...]:
        """Selected features, in the order of the matrix."""
        return tuple(self.table.loc[self.table["selected"], "feature"])


class Selector(SelectorSettings):
    """Prevalence and variance filters, an optional univariate filter, then one of the methods below.

    What is learned sees features standardised by the same training patients. By gene, the features of a gene that pass
    the first filters are screened, kept or dropped together; features without a gene stand for themselves.

    Raises:
        SettingsError: a setting is outside its range.
    """

    settings_class: ClassVar = SelectorSettings

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64], genes: Mapping[str, str | None] | None = None) -> Selection:
        """Select columns of `X` by training patients alone.

        Args:
            X: (patient, feature) numbers; NaN counts as the feature's mean.
            y: (patient,) 0/1, aligned with the rows of `X`.
            genes: feature → HGNC symbol, for the table and for selection by gene.

        Raises:
            FusionError: one class only, or no feature passes the filters.
        """
        y = np.asarray(y)
        if len(np.unique(y)) < 2:
            raise FusionError("Features cannot be selected: the training patients are all of one class.")
        # Solvers shuffle rows by position: a fixed order makes the result a function of the set of patients.
        order = np.argsort(X.index.to_numpy(), kind="stable")
        values, y = X.to_numpy(dtype=np.float64)[order], y[order]
        filtered = self._filter(values)
        if not len(filtered):
            raise FusionError(
                f"None of {X.shape[1]} features passes selector.min_prevalence={self.min_prevalence}, "
                f"min_carriers={self.min_carriers} and min_variance={self.min_variance} "
                f"in {len(X)} training patients. Lower them."
            )
        symbols = [None if genes is None else genes.get(name) for name in X.columns]
        owner = self._owner([symbols[at] or f"\n{at}" for at in filtered])
        scaled = standardised(values[:, filtered])
        screened = self._screen(scaled, y, owner)
        kept_rank = self._rank(scaled[:, screened], y, np.unique(owner[screened], return_inverse=True)[1])
        # Ranks: 1 kept, then the rounds of elimination backwards, then the univariate filter, then the other filters.
        ranks = np.full(X.shape[1], kept_rank.max() + 2, dtype=np.int64)
        ranks[filtered] = kept_rank.max() + 1
        ranks[filtered[screened]] = kept_rank
        return Selection(
            table=pd.DataFrame({"feature": list(X.columns), "gene": symbols, "rank": ranks, "selected": ranks == 1})
        )

    def _owner(self, names: Sequence[str]) -> NDArray[np.intp]:
        """(feature,) what each is kept or dropped with, numbered by first appearance."""
        return pd.factorize(np.array(names, dtype=object))[0] if self.by_gene else np.arange(len(names))

    def _filter(self, values: Floats) -> NDArray[np.intp]:
        """Columns common and variable enough."""
        known = ~np.isnan(values)
        carriers = ((values != 0) & known).sum(axis=0)
        observed = np.maximum(known.sum(axis=0), 1)
        total = np.where(known, values, 0.0)
        mean = total.sum(axis=0) / observed
        variance = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / observed
        enough = (carriers >= self.min_prevalence * len(values)) & (carriers >= self.min_carriers)
        return np.flatnonzero(enough & (variance > self.min_variance))

    def _screen(self, scaled: Floats, y: NDArray[np.int64], owner: NDArray[np.intp]) -> NDArray[np.intp]:
        """Columns of highest ANOVA F, by gene those of genes with the best columns; ties fall to the earlier."""
        owners = int(owner.max()) + 1
        if self.univariate is None or owners <= self.univariate:
            return np.arange(scaled.shape[1])
        from sklearn.feature_selection import f_classif

        best = np.zeros(owners)
        np.maximum.at(best, owner, np.nan_to_num(f_classif(scaled, y)[0]))
        kept = np.argsort(-best, kind="stable")[: self.univariate]
        return np.flatnonzero(np.isin(owner, kept))

    def _rank(self, scaled: Floats, y: NDArray[np.int64], owner: NDArray[np.intp]) -> NDArray[np.int64]:
        """Rank of each column; 1 is kept."""
        if self.method == "none" or int(owner.max()) + 1 <= self.features:
            return np.ones(scaled.shape[1], dtype=np.int64)
        if self.method == "l1":
            ranks = methods.lasso_path(scaled, y, owner, keep=self.features, seed=self.seed)
        elif self.method == "mutual_information":
            ranks = methods.mutual_information(scaled, y, owner, keep=self.features, seed=self.seed)
        elif self.method == "rfe":
            ranks = methods.eliminate(scaled, y, owner, make=self._estimator, keep=self.features, step=self.step)
        else:
            ranks = methods.eliminate_cv(
                scaled,
                y,
                owner,
                make=self._estimator,
                keep=self.features,
                step=self.step,
                folds=self.folds,
                seed=self.seed,
            )
        return ranks[owner]

    def _estimator(self) -> Any:
        if self.estimator == "forest":
            from sklearn.ensemble import RandomForestClassifier

            return RandomForestClassifier(
                200, class_weight="balanced_subsample", min_samples_leaf=2, random_state=self.seed, n_jobs=1
            )
        if self.estimator == "svm":
            from sklearn.svm import LinearSVC

            # The dual works on patients, which are far fewer than features.
            return LinearSVC(
                C=self.strength, class_weight="balanced", dual=True, tol=1e-2, random_state=self.seed, max_iter=5000
            )
        from sklearn.linear_model import LogisticRegression

        # As above; that liblinear penalises the intercept too moves no ranks worth the sixfold time of lbfgs.
        return LogisticRegression(
            C=self.strength,
            class_weight="balanced",
            solver="liblinear",
            dual=True,
            tol=1e-3,
            max_iter=1000,
            random_state=self.seed,
        )


def standardised(values: Floats) -> Floats:
    """Columns of mean 0 and variance 1 over the known values; NaN becomes 0, the mean. Constant columns become 0."""
    mean = np.nanmean(values, axis=0)
    spread = np.nanstd(values, axis=0)
    scaled: Floats = np.nan_to_num((values - mean) / np.where(spread > 0, spread, 1.0))
    return scaled
