"""Ways to rank features, or genes as a whole, by what they say of a response; `Selector` filters before.

Each takes standardised values ``(patient, feature)``, the response ``(patient,)`` and `owner` ``(feature,)``, which
says what is kept or dropped together: the number of a gene, or of the feature itself. Each returns a rank an owner;
1 is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.contract import FusionError

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]
MakeEstimator = Callable[[], Any]

_PATH = np.geomspace(1.05, 1000, 40)
"""Inverse penalties of the L1 path, as multiples of the smallest at which a coefficient is not zero."""
_LEVELS = 10
"""Columns of at most this many values are counted as discrete, others as continuous."""


def eliminate(
    scaled: Floats, y: NDArray[np.int64], owner: NDArray[np.intp], *, make: MakeEstimator, keep: int, step: float
) -> Ranks:
    """Recursive feature elimination (Guyon et al., Machine Learning 46:389, 2002) down to `keep` owners.

    With one feature an owner this is `sklearn.feature_selection.RFE`. A gene's weight is the sum of the squared weights
    of its features; the importances of a forest count as squared weights.

    Args:
        scaled: see the module.
        y: see the module.
        owner: see the module.
        make: a fresh estimator.
        keep: how many owners survive.
        step: share of the owners dropped a round.
    """
    owners = _count(owner)
    if owners == len(owner):
        from sklearn.feature_selection import RFE

        fitted = RFE(make(), n_features_to_select=keep, step=step).fit(scaled, y)
        return np.asarray(fitted.ranking_, dtype=np.int64)
    ranks = np.ones(owners, dtype=np.int64)
    for alive, dropped in _rounds(scaled, y, owner, make=make, keep=keep, step=step):
        ranks[~alive] += 1
        ranks[dropped] += 1
    return ranks


def eliminate_cv(
    scaled: Floats,
    y: NDArray[np.int64],
    owner: NDArray[np.intp],
    *,
    make: MakeEstimator,
    keep: int,
    step: float,
    folds: int,
    seed: int,
) -> Ranks:
    """As `eliminate`; the number of owners, `keep` or more, is that of the highest cross-validated AUROC.

    With one feature an owner this is `sklearn.feature_selection.RFECV`; among equals the fewest owners stand.

    Raises:
        FusionError: a class has one patient only.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(folds, int(np.bincount(y).min()))
    if folds < 2:
        raise FusionError("selector.method=rfecv needs two training patients of each class. Use selector.method=rfe.")
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    if _count(owner) == len(owner):
        from sklearn.feature_selection import RFECV

        fitted = RFECV(make(), step=step, min_features_to_select=keep, cv=split, scoring="roc_auc").fit(scaled, y)
        return np.asarray(fitted.ranking_, dtype=np.int64)
    totals: dict[int, float] = {}
    for train, test in split.split(scaled, y):
        for alive in _sets(scaled[train], y[train], owner, make=make, keep=keep, step=step):
            columns = np.flatnonzero(alive[owner])
            score = _auroc(make().fit(scaled[train][:, columns], y[train]), scaled[test][:, columns], y[test])
            totals[int(alive.sum())] = totals.get(int(alive.sum()), 0.0) + score
    best = max(totals, key=lambda count: (round(totals[count], 12), -count))
    return eliminate(scaled, y, owner, make=make, keep=best, step=step)


def _rounds(
    scaled: Floats, y: NDArray[np.int64], owner: NDArray[np.intp], *, make: MakeEstimator, keep: int, step: float
) -> Any:
    """Owners alive before each round, and the numbers of those the round drops."""
    owners = _count(owner)
    alive = np.ones(owners, dtype=bool)
    size = max(1, int(step * owners))
    while alive.sum() > keep:
        columns = np.flatnonzero(alive[owner])
        weight = np.bincount(owner[columns], _squared(make().fit(scaled[:, columns], y)), minlength=owners)
        candidates = np.flatnonzero(alive)
        order = candidates[np.argsort(weight[candidates], kind="stable")]
        dropped = order[: min(size, int(alive.sum()) - keep)]
        yield alive.copy(), dropped
        alive[dropped] = False


def _sets(
    scaled: Floats, y: NDArray[np.int64], owner: NDArray[np.intp], *, make: MakeEstimator, keep: int, step: float
) -> Any:
    """The owners alive at every stage, from all to `keep`."""
    alive = np.ones(_count(owner), dtype=bool)
    yield alive
    for before, dropped in _rounds(scaled, y, owner, make=make, keep=keep, step=step):
        alive = before.copy()
        alive[dropped] = False
        yield alive


def lasso_path(
    scaled: Floats, y: NDArray[np.int64], owner: NDArray[np.intp], *, keep: int, seed: int, tolerance: float = 1e-3
) -> Ranks:
    """The first `keep` owners that enter a logistic regression with an L1 penalty as the penalty falls.

    The order of entry does not depend on a penalty chosen beforehand (Tibshirani, J. R. Stat. Soc. B 58:267, 1996; path
    from its smallest penalty that leaves nothing, Friedman et al., J. Stat. Softw. 33:1, 2010). Owners that enter
    together stand by the largest absolute coefficient. Rank 2: entered later; 3: not before the path ended.
    """
    from sklearn.linear_model import LogisticRegression

    entered = np.full(_count(owner), np.inf)
    size = np.zeros(_count(owner))
    # With classes that weigh alike the intercept of nothing is 0, and C|Σ w_i y_i x_ij| / 2 must exceed 1.
    signed = np.where(y == 1, 0.5 / np.mean(y == 1), -0.5 / np.mean(y == 0))
    least = 2 / max(float(np.abs(signed @ scaled).max()), 1e-12)
    for number, factor in enumerate(_PATH):
        model = LogisticRegression(
            C=least * factor,
            l1_ratio=1.0,
            solver="liblinear",
            class_weight="balanced",
            tol=tolerance,
            max_iter=1000,
            random_state=seed,
        )
        coefficient = np.zeros(len(entered))
        np.maximum.at(coefficient, owner, np.abs(model.fit(scaled, y).coef_.ravel()))
        new = (coefficient > 0) & np.isinf(entered)
        entered[new], size[new] = number, coefficient[new]
        if np.isfinite(entered).sum() >= keep:
            break
    ranks = np.where(np.isfinite(entered), 2, 3).astype(np.int64)
    order = np.lexsort((-size, entered))[:keep]
    ranks[order[np.isfinite(entered[order])]] = 1
    return ranks


def mutual_information(scaled: Floats, y: NDArray[np.int64], owner: NDArray[np.intp], *, keep: int, seed: int) -> Ranks:
    """The `keep` owners of highest mutual information with the response; an owner's is that of its best feature.

    Of counts by the plug-in estimate, of continuous columns by nearest neighbours (Ross, PLoS ONE 9:e87357, 2014), both
    as `sklearn.feature_selection.mutual_info_classif` has them. Ties fall to the earlier owner.
    """
    from sklearn.feature_selection import mutual_info_classif

    coded = [np.unique(column, return_inverse=True) for column in scaled.T]
    discrete = np.array([len(levels) <= _LEVELS for levels, _ in coded])
    information = np.zeros(len(discrete))
    if discrete.any():
        codes = np.stack([code for (_, code), is_one in zip(coded, discrete, strict=True) if is_one], axis=1)
        information[discrete] = _plug_in(codes, y)
    if not discrete.all():
        information[~discrete] = mutual_info_classif(scaled[:, ~discrete], y, random_state=seed)
    found = np.zeros(_count(owner))
    np.maximum.at(found, owner, information)
    ranks = np.full(len(found), 2, dtype=np.int64)
    ranks[np.argsort(-np.round(found, 12), kind="stable")[:keep]] = 1
    return ranks


def _plug_in(codes: NDArray[np.intp], y: NDArray[np.int64]) -> Floats:
    """(feature,) ``Σ p(l, c) ln(p(l, c) / p(l) p(c))`` over levels l of ``(patient, feature)`` and classes c, nats."""
    found = np.zeros(codes.shape[1])
    for level in range(int(codes.max()) + 1):
        at = codes == level
        share = at.mean(axis=0)
        for label in (0, 1):
            joint = (at & (y == label)[:, None]).mean(axis=0)
            expected = share * np.mean(y == label)
            found += joint * np.log(np.divide(joint, expected, out=np.ones_like(joint), where=joint > 0))
    return found


def _count(owner: NDArray[np.intp]) -> int:
    return int(owner.max()) + 1 if len(owner) else 0


def _squared(model: Any) -> Floats:
    """(feature,) squared weights of a linear model, importances of a forest."""
    if hasattr(model, "coef_"):
        return np.asarray(model.coef_, dtype=np.float64).ravel() ** 2
    return np.asarray(model.feature_importances_, dtype=np.float64)


def _auroc(model: Any, values: Floats, y: NDArray[np.int64]) -> float:
    from sklearn.metrics import roc_auc_score

    if hasattr(model, "decision_function"):
        return float(roc_auc_score(y, model.decision_function(values)))
    return float(roc_auc_score(y, model.predict_proba(values)[:, 1]))
