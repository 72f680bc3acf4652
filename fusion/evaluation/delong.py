"""DeLong's variance of a difference of two AUROCs, also where cases come in groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from fusion.evaluation.intervals import LEVEL, Interval, degrees_of_freedom

Floats = NDArray[np.float64]


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


def delong_gain(labels: Floats, first: Floats, second: Floats, units: NDArray[np.int64] | None = None) -> Interval:
    r"""Paired difference of two AUROCs with DeLong's 95 % interval.

    With groups the variance is Obuchowski's (Biometrics 53:567–578, 1997): with :math:`V_{10,i}`, :math:`V_{01,i}` the
    sums of group *i*'s components, centred by its numbers of positives and negatives, *M* and *N* in all, :math:`I`
    groups of which :math:`I_{10}` hold positives and :math:`I_{01}` negatives,

    .. math::
        \frac{I_{10}}{I_{10}-1}\frac{\sum_i V_{10,i}^2}{M^2} + \frac{I_{01}}{I_{01}-1}\frac{\sum_i V_{01,i}^2}{N^2}
        + \frac{2I}{I-1}\frac{\sum_i V_{10,i}V_{01,i}}{MN}.

    Where every patient is a group of their own this is DeLong's variance. Groups are few, so Student's quantile is
    taken for the normal one, with degrees of freedom as in `fusion.evaluation.intervals`.

    Args:
        labels: ``(patient,)`` 0/1.
        first: ``(patient,)`` components of the first arm, averaged over repeats (the mean AUROC is linear in them).
        second: of the other arm.
        units: ``(patient,)`` number of the group that each is of; None: each of their own.
    """
    difference = first - second
    positive, negative = labels == 1, labels == 0
    value = float(difference[positive].mean())
    centred = difference - value
    of = np.arange(len(labels)) if units is None else units
    number = int(of.max()) + 1
    with_positives, with_negatives = len(np.unique(of[positive])), len(np.unique(of[negative]))
    if with_positives < 2 or with_negatives < 2:
        return Interval(value=value, low=float("nan"), high=float("nan"))
    ten = np.bincount(of, centred * positive, minlength=number) / positive.sum()
    one = np.bincount(of, centred * negative, minlength=number) / negative.sum()
    variance = (
        with_positives / (with_positives - 1) * (ten**2).sum()
        + with_negatives / (with_negatives - 1) * (one**2).sum()
        + 2 * number / (number - 1) * (ten * one).sum()
    )
    tail = (1 + LEVEL) / 2
    quantile = norm.ppf(tail) if units is None else student.ppf(tail, degrees_of_freedom(ten + one, number))
    half = float(quantile * np.sqrt(max(variance, 0.0)))
    return Interval(value=value, low=value - half, high=value + half)
