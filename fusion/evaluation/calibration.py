"""Platt and temperature scaling and the decision threshold, learned from inner out-of-fold scores; reliability."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_softmax

from fusion.evaluation.intervals import wilson

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OneSlope:
    """A calibrator of one logit a patient, which it multiplies: ranks stay."""

    slope: float

    def variance(self, logits: ArrayLike) -> float:
        """Of calibrated ``(patient,)`` logits, the scale of log odds."""
        return float(self.slope**2 * np.asarray(logits, dtype=np.float64).var())


@dataclass(frozen=True, kw_only=True)
class Platt(OneSlope):
    """Probability of the positive class = sigmoid(slope · logit + intercept)."""

    intercept: float

    def __call__(self, logits: ArrayLike) -> Floats:
        """Calibrated probabilities of ``(patient,)`` logits, strictly between 0 and 1."""
        scores = expit(self.slope * np.asarray(logits, dtype=np.float64) + self.intercept)
        return np.clip(np.asarray(scores, dtype=np.float64), 1e-9, 1 - 1e-9)

    def steeper(self, factor: float, logits: ArrayLike, *, narrower: float) -> Platt:
        """The same with `factor` times the slope, for logits whose variance is `narrower` times smaller.

        The intercept keeps the mean score over `logits`, ``(patient,)``, that were calibrated so far.
        """
        narrow = narrowed(logits, narrower)
        slope, wanted = factor * self.slope, float(self(logits).mean())
        # Around their mean: of logits that hardly vary the slope is steep, and the intercept far from 0.
        centre = float(narrow.mean())
        spread = slope * (narrow - centre)
        far = 50.0 + float(np.abs(spread).max())
        shift = brentq(lambda value: float(expit(spread + value).mean()) - wanted, -far, far)
        return Platt(slope=slope, intercept=float(shift) - slope * centre)

    def state(self) -> dict[str, float]:
        """For JSON; ``Platt(**state)`` restores it."""
        return asdict(self)


def fit_platt(logits: ArrayLike, labels: ArrayLike, *, strength: float = 0.1, steps: int = 100) -> Platt:
    """Logistic regression of the labels on one logit.

    Platt, "Probabilistic outputs for support vector machines", 1999. His smoothed targets are for scores of patients
    that the model was trained on. These are out of fold, and smoothing would make every slope too flat (by a tenth with
    200 patients and an AUROC of 0.87). A Gaussian prior on the slope of the standardised logit (`strength` is its
    precision, worth a patient at most) keeps that of separable scores finite. A negative slope would turn the ranking
    round on the strength of inner folds alone: it becomes one just above 0.

    Args:
        logits: ``(patient,)`` finite scores, any scale.
        labels: ``(patient,)`` 0/1, both classes present.
        strength: precision of the prior on the slope of the standardised logit.
        steps: Newton steps at most.

    Raises:
        ValueError: lengths differ, a logit is not finite, or one class only.
    """
    x, y = _checked(logits, labels)
    positives, negatives = int(y.sum()), int((1 - y).sum())
    center, scale = float(x.mean()), float(x.std())
    if scale < 1e-12:
        return Platt(slope=1e-3, intercept=float(np.log(positives / negatives) - 1e-3 * center))
    z = (x - center) / scale
    design = np.stack([z, np.ones_like(z)], axis=1)
    prior = np.array([strength, 1e-9])
    beta = np.array([0.0, np.log(positives / negatives)])
    for _ in range(steps):
        p = expit(design @ beta)
        gradient = design.T @ (y - p) - prior * beta
        hessian = (design.T * (p * (1 - p))) @ design + np.diag(prior)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    if beta[0] <= 0:
        beta = np.array([1e-3, np.log(positives / negatives)])
    slope = float(beta[0]) / scale
    return Platt(slope=slope, intercept=float(beta[1]) - slope * center)


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """Probabilities of classes = softmax(logits / temperature + bias).

    Guo et al. (ICML 2017), section 4.2, with the bias of their vector scaling: a temperature alone cannot undo a prior
    that a weighted loss has shifted.

    Attributes:
        temperature: above 0; above 1 it flattens.
        bias: one a class, sum 0; empty in runs of versions that had none.
    """

    temperature: float
    bias: tuple[float, ...] = ()

    def __call__(self, logits: ArrayLike) -> Floats:
        """Calibrated probabilities of ``(patient, class)`` logits; rows sum to 1."""
        scaled = np.asarray(logits, dtype=np.float64) / self.temperature
        scores = np.exp(log_softmax(scaled + np.array(self.bias) if self.bias else scaled, axis=1))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True), dtype=np.float64)

    def steeper(self, factor: float, logits: ArrayLike, *, narrower: float) -> Temperature:
        """As `Platt.steeper`: the temperature over `factor`, with the bias that keeps every class's mean score."""
        narrow, wanted = narrowed(logits, narrower), self(logits).mean(axis=0)
        found = Temperature(temperature=self.temperature / factor, bias=self.bias or (0.0,) * len(wanted))
        for _ in range(200):
            step = np.log(wanted) - np.log(found(narrow).mean(axis=0))
            bias = np.array(found.bias) + step - step.mean()
            found = replace(found, bias=tuple(bias.tolist()))
            if np.abs(step).max() < 1e-10:
                break
        return found

    def variance(self, logits: ArrayLike) -> float:
        """Of calibrated log odds of one class against another, the mean over pairs of ``(patient, class)`` logits."""
        values = np.asarray(logits, dtype=np.float64) / self.temperature
        pairs = combinations(range(values.shape[1]), 2)
        return float(np.mean([(values[:, one] - values[:, other]).var() for one, other in pairs]))

    def state(self) -> dict[str, Any]:
        """For JSON; ``Temperature(**state)`` restores it."""
        return asdict(self)


def narrowed(logits: ArrayLike, narrower: float) -> Floats:
    """Logits drawn together about their mean until their variance is `narrower` times smaller."""
    values = np.asarray(logits, dtype=np.float64)
    center = values.mean(axis=0)
    return np.asarray(center + (values - center) / np.sqrt(narrower), dtype=np.float64)


def fit_temperature(logits: ArrayLike, labels: ArrayLike, *, strength: float = 0.1) -> Temperature:
    """The temperature, between 1/20 and 20, and the bias of least log loss.

    A Gaussian prior of precision `strength` on each bias, worth a fraction of a patient, keeps the bias of a class that
    nobody is of finite. But for it, the mean score of a class is the class's share of the patients.

    Args:
        logits: ``(patient, class)`` finite.
        labels: ``(patient,)`` ints, positions of columns.
        strength: of the prior.

    Raises:
        ValueError: shapes differ, a logit is not finite, or a label is no column.
    """
    x, y = np.asarray(logits, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"logits {x.shape} must be (patient, class) and labels {y.shape} of the same patients")
    if not np.isfinite(x).all():
        raise ValueError(f"{int((~np.isfinite(x)).sum())} of {x.size} logits are not finite")
    if len(y) == 0 or y.min() < 0 or y.max() >= x.shape[1]:
        raise ValueError(f"labels must be 0 to {x.shape[1] - 1}")
    x = x - x.mean(axis=1, keepdims=True)
    observed = np.eye(x.shape[1])[y]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        """Log loss with its prior, and its gradient in (log inverse temperature, bias)."""
        slope, bias = np.exp(parameters[0]), parameters[1:]
        logs = log_softmax(slope * x + bias, axis=1)
        excess = np.exp(logs) - observed
        gradient = [slope * float((excess * x).sum()), *(excess.sum(axis=0) + strength * bias)]
        return -float((logs * observed).sum()) + strength * float(bias @ bias) / 2, np.array(gradient)

    bounds = [(-np.log(20), np.log(20)), *[(None, None)] * x.shape[1]]
    found = minimize(loss, np.zeros(1 + x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    bias = found[1:] - found[1:].mean()
    return Temperature(temperature=float(np.exp(-found[0])), bias=tuple(bias.tolist()))


def choose_threshold(labels: ArrayLike, scores: ArrayLike, *, rule: Literal["youden", "f1"] = "youden") -> float:
    """The cut-off that does best on inner out-of-fold scores; a score at or above it is called positive.

    Cut-offs lie midway between neighbouring scores, so that they do not depend on one patient's exact score. Among
    equally good ones the middle one wins.

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)`` calibrated probabilities.
        rule: ``youden`` maximises sensitivity + specificity - 1 (Youden 1950), ``f1`` the F1 score.
    """
    s, y = _checked(scores, labels)
    values = np.unique(s)
    cuts = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    order = np.argsort(s, kind="stable")
    below = np.searchsorted(s[order], cuts, side="left")
    positives_below = np.concatenate([[0.0], np.cumsum(y[order])])[below]
    true_positive = y.sum() - positives_below
    called = len(y) - below
    if rule == "youden":
        value = true_positive / y.sum() - (called - true_positive) / (len(y) - y.sum())
    else:
        value = 2 * true_positive / (called + y.sum())
    best = np.flatnonzero(value >= value.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Per bin the mean predicted and the observed share of positives, the latter with a 95 % Wilson interval."""

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    patients: Floats


def reliability(labels: ArrayLike, scores: ArrayLike, *, bins: int = 8, repeats: int = 1) -> Reliability:
    """Observed against predicted in bins of equal size.

    Args:
        labels: ``(prediction,)`` 0/1; with several repeats of cross-validation, all of them one after the other.
        scores: ``(prediction,)`` probabilities.
        bins: how many.
        repeats: predictions a patient, so that the interval counts patients, not predictions.
    """
    s, y = _checked(scores, labels)
    parts = np.array_split(np.argsort(s, kind="stable"), max(1, min(bins, len(s) // max(1, 5 * repeats))))
    size = np.array([len(part) / repeats for part in parts])
    observed = np.array([y[part].mean() for part in parts])
    low, high = wilson(observed, size)
    predicted = np.array([s[part].mean() for part in parts])
    return Reliability(predicted=predicted, observed=observed, low=low, high=high, patients=size)


def _checked(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if s.ndim != 1 or s.shape != y.shape:
        raise ValueError(f"scores {s.shape} and labels {y.shape} must be vectors of the same patients")
    if not np.isfinite(s).all():
        raise ValueError(f"{int((~np.isfinite(s)).sum())} of {len(s)} scores are not finite")
    if not np.isin(y, (0, 1)).all() or not 0 < y.sum() < len(y):
        raise ValueError("labels must be 0 or 1 with both classes present")
    return s, y
