"""Logistic regression of two or more classes: ridge by scikit-learn, and an elastic net."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from fusion.plain.penalties import Net, Tried
from fusion.plain.sparse import PATIENCE, Problem, fit_at, tried_nets
from fusion.plain.training import Split

Floats = NDArray[np.float64]

SQUARE = 120
"""Columns up to which Newton steps (a matrix of columns by columns) are quicker than gradients alone."""


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """Logistic regression.

    Attributes:
        labels: ``(patient,)`` positions in the classes.
        weights: ``(patient,)`` in the loss.
        splits: for cross-fitting.
    """

    labels: NDArray[np.int64]
    weights: Floats
    splits: Sequence[Split]

    def tried(self, design: Floats, strengths: Sequence[float]) -> dict[float, Tried]:
        """See `Regression`."""
        path = _path(design, self.labels, self.weights, self.splits, strengths)
        return {one: Tried(logits=logits, loss=self._judged(logits)) for one, logits in path.items()}

    def fit(self, design: Floats, strength: float) -> tuple[Floats, Floats]:
        """See `Regression`."""
        model = ridge(design, self.labels, self.weights, strength)
        return np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)

    def net(self, design: Floats) -> Net:
        """See `Regression`."""
        classes = int(self.labels.max()) + 1
        problem = Problem(
            design=design, likelihood=self._on(np.arange(len(design))), outputs=classes if classes > 2 else 0
        )
        tried = tried_nets(problem, self.splits, self._on, self._judged, patience=PATIENCE)
        return fit_at(problem, tried, min(tried, key=lambda one: float(tried[one].loss.sum())))

    def _on(self, places: NDArray[np.intp]) -> ClassLikelihood:
        return ClassLikelihood(labels=self.labels[places], weights=self.weights[places])

    def _judged(self, logits: Floats) -> Floats:
        return self.weights * log_loss(logits, self.labels)


@dataclass(frozen=True, kw_only=True)
class ClassLikelihood:
    """Log-loss of classes by ``(patient,)`` or ``(patient, class)`` logits.

    Attributes:
        labels: ``(patient,)`` positions in the classes.
        weights: ``(patient,)`` in the loss.
        offset: logits that what is fitted is added to.
    """

    labels: NDArray[np.int64]
    weights: Floats
    offset: Floats | float = 0.0

    @property
    def patients(self) -> int:
        """How many."""
        return len(self.labels)

    def losses(self, latent: Floats) -> Floats:
        """See `fusion.plain.sparse.Likelihood`."""
        return self.weights * log_loss(latent + self.offset, self.labels)

    def gradient(self, latent: Floats) -> Floats:
        """See `fusion.plain.sparse.Likelihood`."""
        latent = latent + self.offset
        if latent.ndim == 1:
            return np.asarray(self.weights * (expit(latent) - self.labels), dtype=np.float64)
        given = softmax(latent, axis=1)
        given[np.arange(len(given)), self.labels] -= 1.0
        return np.asarray(self.weights[:, None] * given, dtype=np.float64)


def log_loss(logits: Floats, labels: NDArray[np.int64]) -> Floats:
    """``(patient,)`` −log of the probability given to each patient's class, of ``(patient[, class])`` logits."""
    two = np.stack([np.zeros_like(logits), logits], axis=1) if logits.ndim == 1 else logits
    normalised = two - np.logaddexp.reduce(two, axis=1, keepdims=True)
    return np.asarray(-normalised[np.arange(len(labels)), labels], dtype=np.float64)


def newton(
    design: Floats,
    labels: NDArray[np.int64],
    weights: Floats,
    penalty: Floats,
    logits: Floats,
    start: Floats | None = None,
) -> Floats:
    """``(column,)`` coefficients beside logits that stay: the weighted log-loss plus half the penalised squares.

    By Newton's method; steps are cut to 1 in every coefficient.

    Args:
        design: ``(patient, column)``.
        labels: ``(patient,)`` 0 or 1.
        weights: ``(patient,)`` in the loss.
        penalty: ``(column,)``, the precision of the prior on each.
        logits: ``(patient,)``.
        start: ``(column,)`` where to begin; None: at 0.
    """
    found = np.zeros(design.shape[1]) if start is None else start.copy()
    for _ in range(50):
        share = expit(logits + design @ found)
        first = design.T @ (weights * (share - labels)) + penalty * found
        second = (design * (weights * share * (1 - share))[:, None]).T @ design + np.diag(penalty + 1e-10)
        step = np.clip(np.linalg.solve(second, first), -1.0, 1.0)
        found -= step
        if np.abs(step).max(initial=0.0) < 1e-7:
            break
    return found


def ridge(design: Floats, labels: NDArray[np.int64], weights: Floats, strength: float) -> LogisticRegression:
    """Fitted with one penalty, whose inverse is `strength`."""
    return _fitted(_model(strength, design), design, labels, weights)


def _path(
    design: Floats, labels: NDArray[np.int64], weights: Floats, splits: Sequence[Split], strengths: Sequence[float]
) -> dict[float, Floats]:
    """C → logits of held-out patients; each fit starts from that of the next stronger penalty."""
    classes = int(labels.max()) + 1
    shape = (len(labels),) if classes == 2 else (len(labels), classes)
    found = {strength: np.zeros(shape) for strength in strengths}
    for seen, held_out in splits:
        model = _model(strengths[0], design, warm_start=True)
        for strength in strengths:
            _fitted(model.set_params(C=strength), design[seen], labels[seen], weights[seen])
            found[strength][held_out] = shaped(design[held_out] @ np.atleast_2d(model.coef_).T + model.intercept_)
    return found


def _model(strength: float, design: Floats, *, warm_start: bool = False) -> LogisticRegression:
    solver = "newton-cholesky" if design.shape[1] <= SQUARE else "lbfgs"
    return LogisticRegression(C=strength, solver=solver, tol=1e-5, max_iter=5000, warm_start=warm_start)


def _fitted(
    model: LogisticRegression, design: Floats, labels: NDArray[np.int64], weights: Floats
) -> LogisticRegression:
    """Fitted; a Newton step that rounding stops short of a start that is the optimum already is no failure.

    scikit-learn warns then, and goes on by L-BFGS, which warns too should it not converge.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Line search of Newton solver", category=ConvergenceWarning)
        return model.fit(design, labels, sample_weight=weights)


def shaped(logits: Floats) -> Floats:
    """``(patient,)`` of two classes, whose logits may come as a column."""
    return logits[:, 0] if logits.shape[1] == 1 else logits
