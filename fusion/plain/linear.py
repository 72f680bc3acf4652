r"""Ridge logistic regression over all modalities' columns, its penalty chosen by cross-fitting on training patients.

A wide modality beside a narrow one: with one penalty for all columns, 500 weak ones drown ten strong ones. So columns
of a modality with :math:`p_m` of them are scaled by :math:`p_m^{-a/2}`, which is a penalty of their own (Boulesteix et
al., "IPF-LASSO", Comput. Math. Methods Med. 2017): *a* = 0 treats columns alike, *a* = 1 modalities, and *a* = 2
favours narrow ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fusion.plain.columns import Columns

Floats = NDArray[np.float64]
Split = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows that are fitted on, rows that are held out."""

STRENGTHS = tuple(float(10**power) for power in np.arange(-4.5, 1.6, 0.5))
"""scikit-learn's C: the variance of the prior on a coefficient of a standardised column."""

POWERS = (0.0, 1.0, 2.0)
"""*a* above; others than 0 only where there are modalities of different width."""

_SQUARE = 120
"""Columns up to which Newton steps (a matrix of columns by columns) are quicker than gradients alone."""


@dataclass(frozen=True, kw_only=True)
class Linear:
    """``logit = intercept + coefficients · standardised columns``; everything that is kept of it.

    Attributes:
        columns: how columns are standardised.
        coefficients: ``(1, column)``, or ``(class, column)`` where there are more than two.
        intercept: ``(1,)`` or ``(class,)``.
        strength: C as chosen.
        power: *a* as chosen.
    """

    columns: Columns
    coefficients: Floats
    intercept: Floats
    strength: float
    power: float

    kind = "linear"

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` log-odds, or ``(patient, class)``."""
        return _shaped(self.columns(rows) @ self.coefficients.T + self.intercept)

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)``: each column's part of the log-odds, exactly; they add up to logit − intercept.

        The intercept is the log-odds of a patient who is average in every column, so a term is what the patient's own
        value changes. Of two classes only.
        """
        parts = self.columns(rows) * self.coefficients[0]
        return pd.DataFrame(parts, index=rows.index, columns=list(self.columns.sources)).T.groupby(level=0).sum().T

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns it reads."""
        return tuple(dict.fromkeys(name.split(":", 1)[0] for name in self.columns.sources))

    @property
    def reference(self) -> float:
        """The log-odds of a patient who is average in every column."""
        return float(self.intercept[0])

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Names and settings as JSON, numbers as arrays."""
        names, arrays = self.columns.state()
        settings = {"kind": self.kind, "strength": self.strength, "power": self.power}
        return names | settings, arrays | {"coefficients": self.coefficients, "intercept": self.intercept}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Linear:
        """The inverse of `state`."""
        return cls(
            columns=Columns.restore(config, arrays),
            coefficients=np.asarray(arrays["coefficients"], dtype=np.float64),
            intercept=np.asarray(arrays["intercept"], dtype=np.float64),
            strength=float(config["strength"]),
            power=float(config["power"]),
        )


def fit_linear(
    rows: pd.DataFrame, labels: NDArray[np.int64], weights: Floats, splits: Sequence[Split]
) -> tuple[Linear, Floats]:
    """Choose penalties by the log-loss of held-out patients, fit on all.

    Of penalties that cannot be told from the best the strongest is taken: its loss, paired by patient, is within one
    standard error (Breiman et al., *Classification and Regression Trees*, 1984, section 3.4.3).

    Args:
        rows: ``(patient, column)`` named ``modality:feature``, NaN where missing; training patients.
        labels: ``(patient,)`` positions in the classes; all of them occur in every split.
        weights: ``(patient,)`` in the loss.
        splits: for cross-fitting; every patient is held out once.

    Returns:
        The model, and the logits of each patient by the model that did not see their label.
    """
    columns = Columns.fit(rows)
    values = columns(rows)
    blocks = [name.split(":", 1)[0] for name in columns.sources]
    width = np.array([blocks.count(block) for block in blocks], dtype=np.float64)
    paths = {}
    for power in POWERS if len(set(width)) > 1 else POWERS[:1]:
        design, _ = _reduced(values * width ** (-power / 2))
        paths[power] = _path(design, labels, weights, splits)
    losses = {
        (power, strength): weights * log_loss(logits, labels)
        for power, path in paths.items()
        for strength, logits in path.items()
    }
    power, best = min(losses, key=lambda key: float(losses[key].mean()))
    more = {strength: losses[power, strength] - losses[power, best] for strength in STRENGTHS}
    strength = min(one for one, excess in more.items() if excess.mean() <= excess.std() / np.sqrt(len(labels)))
    held_out = paths[power][strength]
    scale = width ** (-power / 2)
    design, back = _reduced(values * scale)
    model = _model(strength, design).fit(design, labels, sample_weight=weights)
    fitted = Linear(
        columns=columns,
        coefficients=np.atleast_2d(model.coef_) @ back * scale,
        intercept=np.atleast_1d(model.intercept_),
        strength=strength,
        power=power,
    )
    return fitted, held_out


def log_loss(logits: Floats, labels: NDArray[np.int64]) -> Floats:
    """``(patient,)`` −log of the probability given to each patient's class, of ``(patient[, class])`` logits."""
    two = np.stack([np.zeros_like(logits), logits], axis=1) if logits.ndim == 1 else logits
    normalised = two - np.logaddexp.reduce(two, axis=1, keepdims=True)
    return np.asarray(-normalised[np.arange(len(labels)), labels], dtype=np.float64)


def _reduced(values: Floats) -> tuple[Floats, Floats]:
    """The design in the span of the patients, and the way back: ridge coefficients lie in it (representer theorem)."""
    if values.shape[1] <= values.shape[0]:
        return values, np.eye(values.shape[1])
    left, size, right = np.linalg.svd(values, full_matrices=False)
    kept = size > 1e-10 * size.max(initial=1e-300)
    return left[:, kept] * size[kept], right[kept]


def _path(design: Floats, labels: NDArray[np.int64], weights: Floats, splits: Sequence[Split]) -> dict[float, Floats]:
    """C → logits of held-out patients; each fit starts from that of the next stronger penalty."""
    classes = int(labels.max()) + 1
    shape = (len(labels),) if classes == 2 else (len(labels), classes)
    found = {strength: np.zeros(shape) for strength in STRENGTHS}
    for seen, held_out in splits:
        model = _model(STRENGTHS[0], design, warm_start=True)
        for strength in STRENGTHS:
            model.set_params(C=strength).fit(design[seen], labels[seen], sample_weight=weights[seen])
            found[strength][held_out] = _shaped(design[held_out] @ np.atleast_2d(model.coef_).T + model.intercept_)
    return found


def _model(strength: float, design: Floats, *, warm_start: bool = False) -> LogisticRegression:
    solver = "newton-cholesky" if design.shape[1] <= _SQUARE else "lbfgs"
    return LogisticRegression(C=strength, solver=solver, tol=1e-5, max_iter=5000, warm_start=warm_start)


def _shaped(logits: Floats) -> Floats:
    return logits[:, 0] if logits.shape[1] == 1 else logits
