r"""Are the gaps between a group and the rest more than chance makes of so many looks?

Every gap is divided by its standard error and compared with the largest of all such gaps when patients are dealt to the
groups anew (max-T, Westfall & Young 1993), so that the chance of any false alarm stays at its level however many groups
are looked at. Dividing by the error keeps the test right where groups differ in what is *not* asked, such as the
spread of scores (Chung & Romano, Annals of Statistics 41:484–507, 2013). Ranks are dealt within each class, so that
groups keep their prevalence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.metrics import auroc

Floats = NDArray[np.float64]


def dealt(labels: NDArray[np.int64] | None, patients: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``(draw, patient)``: whose group each one gets; with `labels` only of others of the same class."""
    order = np.tile(np.arange(patients), (draws, 1))
    for one in [None] if labels is None else np.unique(labels):
        inside = np.arange(patients) if one is None else np.flatnonzero(labels == one)
        order[:, inside] = inside[np.argsort(rng.random((draws, len(inside))), axis=1)]
    return order


def rank_gaps(labels: Floats, scores: Sequence[Floats], member: NDArray[np.bool_]) -> Floats:
    r"""Gap in AUROC between a group and the rest over its standard error, ``(draw,)``.

    The error is Hanley and McNeil's (Radiology 143:29–36, 1982, `area_variance`):
    :math:`A(1-A)+(m-1)(A/(2-A)-A^2)+(n-1)(2A^2/(1+A)-A^2)` over *mn*, *m* positives, *n* negatives.

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)`` of each repeat, whose AUROCs are averaged.
        member: ``(draw, patient)``.
    """
    sides = []
    for inside in (member, ~member):
        counts = inside.astype(np.float64)
        value = np.mean([auroc(labels, one, counts) for one in scores], axis=0)
        positive = counts @ labels
        negative = counts.sum(axis=1) - positive
        sides.append((value, area_variance(value, positive, negative)))
    (first, first_variance), (second, second_variance) = sides
    return np.asarray((first - second) / np.sqrt(np.maximum(first_variance + second_variance, 1e-12)))


def area_variance(value: Floats, positive: Floats, negative: Floats) -> Floats:
    """Hanley and McNeil's variance of an AUROC; above 0 also where nothing is misranked, as if half a pair were.

    Args:
        value: AUROCs.
        positive: how many positives each is of.
        negative: likewise.
    """
    pairs = np.maximum(positive * negative, 1)
    area = (np.maximum(value, 1 - value) * pairs + 0.5) / (pairs + 1)
    one, two = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    return np.asarray((area * (1 - area) + (positive - 1) * one + (negative - 1) * two) / pairs, dtype=np.float64)


def mean_gaps(values: Floats, member: NDArray[np.bool_]) -> Floats:
    """Gap in a mean between a group and the rest over its standard error (Welch), ``(draw,)``.

    Args:
        values: ``(patient,)``.
        member: ``(draw, patient)``.
    """
    means, errors = [], []
    for inside in (member, ~member):
        counts = inside.astype(np.float64)
        number = counts.sum(axis=1)
        mean = counts @ values / np.maximum(number, 1)
        spread = counts @ values**2 / np.maximum(number, 1) - mean**2
        means.append(mean)
        errors.append(np.maximum(spread, 0) / np.maximum(number - 1, 1))
    return np.asarray((means[0] - means[1]) / np.sqrt(np.maximum(errors[0] + errors[1], 1e-12)))


def corrected(observed: Sequence[float], permuted: Sequence[Floats], *, families: int) -> list[float]:
    """p-values that hold for all gaps of a family together, times the number of families (Bonferroni).

    Args:
        observed: each gap over its error.
        permuted: ``(draw,)`` of each.
        families: measures that are tested beside this one, itself included.
    """
    if not observed:
        return []
    largest = np.max(np.abs(np.stack(permuted)), axis=0)
    draws = len(largest)
    return [min(1.0, families * (1 + int((largest >= abs(one) - 1e-12).sum())) / (1 + draws)) for one in observed]
