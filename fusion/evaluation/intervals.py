"""Intervals over patients: bootstrap counts shared by all that is compared, and DeLong's variance beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its interval; NaN where the metric does not exist (one class only, no finite slope)."""

    value: float
    low: float
    high: float


def bootstrap_counts(patients: int, draws: int, *, seed: int) -> Floats:
    """``(1 + draws, patients)``: how often each patient is drawn; row 0 is everybody once, the sample itself.

    A drawn patient carries all its predictions, so the same counts serve every arm and repeat: comparisons are paired.
    """
    rng = np.random.default_rng(seed)
    counts = np.ones((1 + draws, patients), dtype=np.float64)
    counts[1:] = rng.multinomial(patients, np.full(patients, 1 / patients), size=draws)
    return counts


def percentile(values: Floats, *, level: float = LEVEL) -> Interval:
    """Percentile interval (Efron 1979) of ``(1 + draws,)`` values of which the first is the sample's own."""
    drawn = values[1:][np.isfinite(values[1:])]
    if not len(drawn) or not np.isfinite(values[0]):
        return Interval(value=float(values[0]), low=float("nan"), high=float("nan"))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=float(values[0]), low=float(low), high=float(high))


def delong_components(labels: Floats, scores: Floats) -> Floats:
    """Each patient's structural component of the AUROC (DeLong, DeLong & Clarke-Pearson 1988, eq. 4 and 5).

    A positive's component is the share of negatives it outranks, a negative's the share of positives that outrank it
    (ties count one half); the mean over either class is the AUROC. ``(patient,)``.
    """
    positive, negative = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])

    def share(sorted_others: Floats, values: Floats) -> Floats:
        left, right = np.searchsorted(sorted_others, values, "left"), np.searchsorted(sorted_others, values, "right")
        return np.asarray((left + right) / (2 * len(sorted_others)), dtype=np.float64)

    components = np.empty(len(scores), dtype=np.float64)
    components[labels == 1] = share(negative, scores[labels == 1])
    components[labels == 0] = 1 - share(positive, scores[labels == 0])
    return components


def delong_gain(labels: Floats, first: Floats, second: Floats) -> Interval:
    """Paired difference of two AUROCs with DeLong's 95 % interval.

    Args:
        labels: ``(patient,)`` 0/1.
        first: ``(patient,)`` components of the first arm, averaged over repeats (the mean AUROC is linear in them).
        second: of the other arm.
    """
    difference = first - second
    positive, negative = difference[labels == 1], difference[labels == 0]
    value = float(positive.mean())
    if len(positive) < 2 or len(negative) < 2:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    half = 1.959963984540054 * np.sqrt(positive.var(ddof=1) / len(positive) + negative.var(ddof=1) / len(negative))
    return Interval(value=value, low=value - float(half), high=value + float(half))
