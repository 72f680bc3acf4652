"""What the canaries' figures come to: p-values, which of them hold together (Holm), pass, fail or warning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from fusion.evaluation.gauges.classes import area_variance
from fusion.evaluation.metrics import auroc

Floats = NDArray[np.float64]
Status = Literal["pass", "fail", "warn", "not looked at"]
LEVEL = 0.05
COLUMN, ALL = 0.9, 0.95
"""AUROC that a single column, and all of them together, hardly reach before therapy unless they tell the outcome."""
SEEN = 0.7
"""AUROC above which a planted leak counts as seen."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One canary.

    Attributes:
        name: of it.
        decides: whether the verdict rests on it; else it warns.
        said: the figures in words.
        p: that nothing is wrong; None where no test was made.
        figures: numbers, JSON.
        status: as it came out.
        endpoint: that it is about, where there are several.
    """

    name: str
    decides: bool
    said: str
    p: float | None
    figures: dict[str, Any]
    status: Status = "pass"
    endpoint: str = ""

    def record(self) -> dict[str, Any]:
        """JSON; without an endpoint where there is one."""
        found = asdict(self)
        return found if self.endpoint else {key: value for key, value in found.items() if key != "endpoint"}


def area(labels: Floats, scores: Floats) -> tuple[float, float]:
    """AUROC and its standard error (Hanley and McNeil), which is above 0 also where nothing is misranked."""
    value = auroc(labels, scores, np.ones((1, len(labels))))
    positive = float(labels.sum())
    variance = area_variance(value, np.array([positive]), np.array([len(labels) - positive]))
    return float(value[0]), float(np.sqrt(variance[0]))


def above(value: float, error: float, limit: float) -> float:
    """p-value of an AUROC being no larger than `limit`."""
    return float(norm.sf((value - limit) / max(error, 1e-12)))


def within(labels: Floats, scores: Floats, strata: Sequence[str]) -> tuple[float, float]:
    """AUROC over pairs of patients of one stratum, and its variance where labels tell nothing; NaN without a pair.

    Strata are test folds and, where folds spread sites, the sites in them. Across folds nothing looks like less than
    0.5: a fold with more positives to test has fewer to train on. Across sites it looks like more in folds that spread
    them within classes: what a site has of positives by chance, it has in every fold. Within, labels that were dealt
    out are exchangeable, so that U, summed over strata, has the mean mn/2 and the variance mn(m + n + 1)/12 (van
    Elteren, Bull Inst Int Stat 37:351–361, 1960) if scores are not of these labels. Out of fold they are of the other
    folds', and these of ours: what two patients of two folds have in common counts in both, which doubles the variance
    where what they say of one another is symmetric, as in regressions (by simulation 1.6 times, three folds of 150
    patients, so that twice is on the safe side).

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)``.
        strata: of each patient.
    """
    right = pairs = variance = 0.0
    places = pd.Series(np.arange(len(labels)))
    for _, part in places.groupby(np.asarray(strata, dtype=str)):
        mine = labels[part.to_numpy()]
        positive, negative = float(mine.sum()), float(len(mine) - mine.sum())
        if positive and negative:
            number = positive * negative
            right += number * float(auroc(mine, scores[part.to_numpy()], np.ones((1, len(mine))))[0])
            pairs += number
            variance += 2 * number * (positive + negative + 1) / 12
    return (right / pairs, variance / pairs**2) if pairs else (float("nan"), float("nan"))


def by_chance(found: Sequence[tuple[float, float]]) -> float:
    """p-value of the mean of independent AUROCs, each with its variance by chance, being 0.5."""
    values, variances = zip(*found, strict=True)
    return float(norm.sf((np.mean(values) - 0.5) / np.sqrt(np.sum(variances) / len(found) ** 2)))


def judged(checks: Sequence[Check], *, level: float = LEVEL) -> list[Check]:
    """Checks with their status: deciding ones fail by Holm's procedure, others warn at `level`.

    A check that failed for itself (a planted leak that nobody saw) has that status already and keeps it.
    """
    deciding = sorted((one for one in checks if one.decides and one.p is not None), key=lambda one: float(one.p or 0))
    failed: set[tuple[str, str]] = set()
    for place, one in enumerate(deciding):
        if one.p is None or one.p > level / (len(deciding) - place):
            break
        failed.add((one.endpoint, one.name))
    made = []
    for one in checks:
        if (one.endpoint, one.name) in failed:
            made.append(replace(one, status="fail"))
        elif not one.decides and one.p is not None and one.p <= level:
            made.append(replace(one, status="warn"))
        else:
            made.append(one)
    return made
