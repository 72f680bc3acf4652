"""How well probabilities of several classes are calibrated: slope, shares by class, expected calibration error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

Floats = NDArray[np.float64]


def class_slope(labels: NDArray[np.int64], scores: Floats, weights: Floats | None = None, *, steps: int = 50) -> float:
    """Slope of the multinomial logistic regression of the class on the log scores: 1 is perfect, below 1 too extreme.

    Van Hoorde et al. (J Biomed Inform 2015, 54:283–293): softmax(slope · log score + intercept of the class), with one
    slope for all classes. With two classes it is Cox's slope of the log-odds.

    Args:
        labels: ``(patient,)`` positions of columns.
        scores: ``(patient, class)`` probabilities.
        weights: ``(patient,)`` how often each is drawn; None is once.
        steps: of Newton's method at most.

    Returns:
        NaN where one class is drawn, scores are all alike, or they separate the classes (no finite slope).
    """
    drawn = np.ones(len(labels)) if weights is None else weights
    there = np.bincount(labels, weights=drawn, minlength=scores.shape[1]) > 0
    if there.sum() < 2:
        return float("nan")
    logs = np.log(np.clip(scores, 1e-9, 1.0))[:, there]
    logs = logs - logs.mean(axis=1, keepdims=True)
    kept = drawn > 0
    observed = np.eye(scores.shape[1])[labels][:, there][kept]
    logs, drawn = logs[kept], drawn[kept]
    if np.ptp(logs, axis=0).max() < 1e-9:
        return float("nan")
    classes = logs.shape[1]
    # The first class has no intercept. Derivative of the logits: (patient, class, parameter).
    design = np.zeros((len(logs), classes, classes))
    design[:, :, 0] = logs
    design[:, 1:, 1:] = np.eye(classes - 1)
    beta = np.array([1.0, *[0.0] * (classes - 1)])
    for _ in range(steps):
        p = softmax(design @ beta, axis=1)
        gradient = np.einsum("n,nk,nkj->j", drawn, observed - p, design)
        mean = np.einsum("nk,nkj->nj", p, design)
        hessian = np.einsum("n,nk,nki,nkj->ij", drawn, p, design, design) - np.einsum("n,ni,nj->ij", drawn, mean, mean)
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return float("nan")
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            return float(beta[0])
    return float("nan")


def class_slopes(labels: NDArray[np.int64], scores: Floats, counts: Floats, *, steps: int = 50) -> Floats:
    """`class_slope` of every draw, ``(draw,)``: Newton's method for all draws together.

    Args:
        labels: ``(patient,)`` positions of columns.
        scores: ``(patient, class)`` probabilities.
        counts: ``(draw, patient)`` how often each is drawn.
        steps: of Newton's method at most.

    Returns:
        NaN where `class_slope` is: one class drawn, scores all alike, or a draw in which they separate the classes.
    """
    logs = np.log(np.clip(scores, 1e-9, 1.0))
    logs -= logs.mean(axis=1, keepdims=True)
    observed = np.eye(scores.shape[1])[labels]
    every = np.all(counts @ observed > 0, axis=1)
    # Draws without one of the classes are few, and have fewer intercepts.
    slopes = np.full(len(counts), np.nan)
    for draw in np.flatnonzero(~every):
        slopes[draw] = class_slope(labels, scores, counts[draw], steps=steps)
    for block in np.array_split(np.flatnonzero(every), max(1, int(every.sum()) * logs.size // 4_000_000)):
        slopes[block] = _newton(logs, observed, counts[block], steps)
    return slopes


def _newton(logs: Floats, observed: Floats, counts: Floats, steps: int) -> Floats:
    """Slopes of draws in which every class is, ``(draw,)``; those that find none are NaN."""
    draws, classes = len(counts), logs.shape[1]
    if np.ptp(logs, axis=0).max() < 1e-9:
        return np.full(draws, np.nan)
    # The slope, then an intercept of every class but the first.
    beta = np.zeros((draws, classes))
    beta[:, 0] = 1.0
    active = np.arange(draws)
    for _ in range(steps):
        if not len(active):
            break
        weight = counts[active]
        bias = np.pad(beta[active, 1:], ((0, 0), (1, 0)))
        p = softmax(beta[active, 0, None, None] * logs + bias[:, None, :], axis=2)
        mean = np.einsum("dnk,nk->dn", p, logs)
        shift = p[:, :, 1:]
        gradient = np.empty((len(active), classes))
        gradient[:, 0] = np.einsum("dn,dn->d", weight, (observed * logs).sum(axis=1) - mean)
        gradient[:, 1:] = np.einsum("dn,dnk->dk", weight, observed[:, 1:] - shift)
        hessian = np.empty((len(active), classes, classes))
        hessian[:, 0, 0] = np.einsum("dn,dn->d", weight, np.einsum("dnk,nk->dn", p, logs**2) - mean**2)
        cross = np.einsum("dn,dnk->dk", weight, shift * (logs[:, 1:] - mean[:, :, None]))
        hessian[:, 0, 1:] = hessian[:, 1:, 0] = cross
        own = np.einsum("dn,dnk->dk", weight, shift)
        hessian[:, 1:, 1:] = -np.einsum("dn,dnk,dnj->dkj", weight, shift, shift, optimize=True)
        hessian[:, range(1, classes), range(1, classes)] += own
        # Scores that separate the classes flatten the likelihood: the least-squares step stays finite, and never ends.
        step = np.einsum("dij,dj->di", np.linalg.pinv(hessian, hermitian=True), gradient)
        beta[active] += np.clip(step, -2.0, 2.0)
        active = active[np.abs(step).max(axis=1) >= 1e-8]
    slopes = beta[:, 0].copy()
    slopes[active] = np.nan
    return slopes


def calibration_error(labels: NDArray[np.int64], scores: Floats, *, bins: int = 10) -> float:
    """Expected calibration error of the called class: the mean gap between its score and how often it is right.

    Naeini et al. (AAAI 2015) and Guo et al. (ICML 2017), in bins of equal numbers of patients, which a few confident
    patients do not leave empty. It is above 0 by chance: compare arms, not with 0.

    Args:
        labels: ``(patient,)`` positions of columns.
        scores: ``(patient, class)`` probabilities.
        bins: at most; at least five patients each.
    """
    return _gap(scores.max(axis=1), (scores.argmax(axis=1) == labels).astype(np.float64), bins)


def classwise_error(labels: NDArray[np.int64], scores: Floats, *, bins: int = 10) -> Floats:
    """The same for every class by itself, ``(class,)`` (Kull et al., NeurIPS 2019): its score and its share.

    A prior that a weighted loss has shifted shows here for each class, also where the called class stays right.
    """
    found = [_gap(scores[:, one], (labels == one).astype(np.float64), bins) for one in range(scores.shape[1])]
    return np.array(found)


def _gap(scores: Floats, right: Floats, bins: int) -> float:
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(scores) // 5)))
    return float(sum(abs(scores[part].mean() - right[part].mean()) * len(part) for part in parts) / len(scores))
