"""Metrics of one complete out-of-fold vector, for all bootstrap draws at once.

A draw is a row of patient counts (`intervals.resample`), and every metric is written for weighted patients. So
2,000 draws cost a few matrix products, not 2,000 sorts. With counts of one the values are scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]

METRICS: Mapping[str, str] = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "f1": "F1",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "calibration_slope": "Calibration slope",
    "calibration_intercept": "Calibration intercept",
    "auroc_fold_mean": "AUROC, mean of folds",
}
"""Key in metrics.json → what reports call it."""

LOWER_IS_BETTER = frozenset({"brier", "ibs"})

EDGE = 1e-9
"""Scores are kept this far from 0 and 1 before their logit is taken."""

_CHUNK = 50_000
"""Cells of a (draw, patient) block: small enough for the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One arm's predictions in one repeat: each patient exactly once.

    Attributes:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)`` calibrated probabilities.
        thresholds: ``(patient,)``, of the fold in which the patient was tested.
        folds: ``(patient,)`` int, that fold.
    """

    labels: Floats
    scores: Floats
    thresholds: Floats
    folds: NDArray[np.int64]


def metric_draws(data: Scored, counts: Floats) -> dict[str, Floats]:
    """Every metric of `METRICS` for every draw, each ``(draw,)``; NaN where a draw leaves it undefined.

    Args:
        data: one arm's complete vector.
        counts: ``(draw, patient)`` how often each patient is drawn.
    """
    parts = [_chunk(data, block) for block in _blocks(counts)]
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


def _chunk(data: Scored, counts: Floats) -> dict[str, Floats]:
    return {
        "auroc": auroc(data.labels, data.scores, counts),
        "auprc": average_precision(data.labels, data.scores, counts),
        **at_threshold(data.labels, data.scores, data.thresholds, counts),
        "brier": brier(data.labels, data.scores, counts),
        "brier_skill": brier_skill(data.labels, data.scores, counts),
        "calibration_slope": calibration_line(data.labels, data.scores, counts)[:, 0],
        "calibration_intercept": calibration_in_the_large(data.labels, data.scores, counts),
        "auroc_fold_mean": fold_mean_auroc(data, counts),
    }


def auroc(labels: Floats, scores: Floats, counts: Floats) -> Floats:
    """Area under the ROC curve, ``(draw,)``: the chance that a positive outranks a negative, ties one half."""
    made = []
    for block in _blocks(counts):
        positive, negative = _by_score(labels, scores, block)
        below = np.cumsum(negative, axis=1) - negative
        wins = np.einsum("dg,dg->d", positive, below + 0.5 * negative)
        made.append(ratio(wins, positive.sum(axis=1) * negative.sum(axis=1)))
    return np.concatenate(made)


def average_precision(labels: Floats, scores: Floats, counts: Floats) -> Floats:
    """Area under the precision-recall curve as average precision, Σ (Rₙ - Rₙ₋₁) Pₙ, ``(draw,)``."""
    positive, negative = _by_score(labels, -scores, counts)
    true_positive = np.cumsum(positive, axis=1)
    called = true_positive + np.cumsum(negative, axis=1)
    precision = np.divide(true_positive, called, out=np.zeros_like(called), where=called > 0)
    return ratio(np.einsum("dg,dg->d", positive, precision), positive.sum(axis=1))


def fold_mean_auroc(data: Scored, counts: Floats) -> Floats:
    """Mean of the folds' AUROCs, ``(draw,)``; a fold that a draw leaves with one class is left out of that draw."""
    values = []
    for fold in np.unique(data.folds):
        inside = data.folds == fold
        values.append(auroc(data.labels[inside], data.scores[inside], counts[:, inside]))
    table = np.stack(values)
    known = np.isfinite(table)
    return ratio(np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def at_threshold(labels: Floats, scores: Floats, thresholds: Floats, counts: Floats) -> dict[str, Floats]:
    """Metrics of the decision `score ≥ threshold`; precision and F1 are 0 where nobody is called."""
    called = scores >= thresholds
    cells = np.stack([called & (labels == 1), called & (labels == 0), ~called & (labels == 1), ~called & (labels == 0)])
    tp, fp, fn, tn = (counts @ cells.astype(np.float64).T).T
    recall, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    return {
        "accuracy": (tp + tn) / (tp + fp + fn + tn),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp + fp > 0),
        "recall": recall,
        "specificity": specificity,
        "f1": np.divide(2 * tp, 2 * tp + fp + fn, out=np.zeros_like(tp), where=2 * tp + fp + fn > 0),
    }


def brier(labels: Floats, scores: Floats, counts: Floats) -> Floats:
    """Mean squared difference of score and label, ``(draw,)``."""
    return np.asarray(counts @ (scores - labels) ** 2 / counts.sum(axis=1), dtype=np.float64)


def brier_skill(labels: Floats, scores: Floats, counts: Floats) -> Floats:
    """1 - Brier / Brier of giving everyone the prevalence of the draw, ``(draw,)``; 0 is no better than that.

    The scaled Brier score of Steyerberg et al. (Epidemiology 21:128–138, 2010); the prevalence's is p(1 - p).
    """
    prevalence = counts @ labels / counts.sum(axis=1)
    return 1 - ratio(brier(labels, scores, counts), prevalence * (1 - prevalence))


def calibration_line(labels: Floats, scores: Floats, counts: Floats, *, steps: int = 25) -> Floats:
    """Slope and intercept of the logistic regression of the label on logit(score), ``(draw, 2)``.

    Cox 1958; 1 and 0 are perfect, a slope below 1 means scores too extreme. Newton's method runs for all draws
    together. NaN where scores separate the labels (no finite slope) or where one class is drawn.
    """
    x = logit(np.clip(scores, EDGE, 1 - EDGE))
    if np.ptp(x) < 1e-9:
        return np.full((len(counts), 2), np.nan)
    both = np.stack([np.ones_like(x), x, x * x], axis=1)
    slope, intercept = np.ones(len(counts)), np.zeros(len(counts))
    drawn_positives = counts @ labels
    usable = (drawn_positives > 0) & (drawn_positives < counts.sum(axis=1))
    active = np.flatnonzero(usable)
    for _ in range(steps):
        if not len(active):
            break
        weight = counts[active]
        p = expit(slope[active, None] * x + intercept[active, None])
        gradient = (weight * (labels - p)) @ both[:, :2]
        h00, h01, h11 = ((weight * p * (1 - p)) @ both).T
        determinant = h00 * h11 - h01**2
        with np.errstate(divide="ignore", invalid="ignore"):
            step_intercept = (h11 * gradient[:, 0] - h01 * gradient[:, 1]) / determinant
            step_slope = (h00 * gradient[:, 1] - h01 * gradient[:, 0]) / determinant
        slope[active] += np.clip(step_slope, -2, 2)
        intercept[active] += np.clip(step_intercept, -2, 2)
        size = np.maximum(np.abs(step_slope), np.abs(step_intercept))
        active = active[~(size < 1e-7)]
    line = np.stack([slope, intercept], axis=1)
    line[~usable] = np.nan
    line[active] = np.nan
    return line


def calibration_in_the_large(labels: Floats, scores: Floats, counts: Floats, *, steps: int = 25) -> Floats:
    """Intercept of the logistic regression with logit(score) as offset, ``(draw,)``: above 0, risks are too low."""
    x = logit(np.clip(scores, EDGE, 1 - EDGE))
    drawn_positives = counts @ labels
    usable = (drawn_positives > 0) & (drawn_positives < counts.sum(axis=1))
    intercept = np.where(usable, 0.0, np.nan)
    active = np.flatnonzero(usable)
    for _ in range(steps):
        if not len(active):
            break
        p = expit(x + intercept[active, None])
        expected = np.einsum("dp,dp->d", counts[active], p)
        curvature = np.einsum("dp,dp->d", counts[active], p * (1 - p))
        step = np.clip((drawn_positives[active] - expected) / np.maximum(curvature, 1e-12), -2, 2)
        intercept[active] += step
        active = active[np.abs(step) > 1e-7]
    intercept[active] = np.nan
    return intercept


def _by_score(labels: Floats, scores: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Drawn positives and negatives at each distinct score, ascending, each ``(draw, score)``."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
    ordered = counts[:, order]
    positive = ordered * labels[order]
    negative = ordered - positive
    if len(starts) == len(order):
        return positive, negative
    return np.add.reduceat(positive, starts, axis=1), np.add.reduceat(negative, starts, axis=1)


def _blocks(counts: Floats) -> Iterator[Floats]:
    rows = max(1, _CHUNK // max(1, counts.shape[1]))
    for start in range(0, len(counts), rows):
        yield counts[start : start + rows]


def ratio(above: Floats, below: Floats) -> Floats:
    """Of arrays of one shape; NaN where `below` is 0."""
    found: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return found
