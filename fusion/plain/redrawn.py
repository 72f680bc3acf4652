r"""A plain model's regression fitted again to patients drawn with replacement: how surely it says what it says.

The penalties, the shares of the sets of modalities, the scaling of columns and the products that were chosen stay as
they are, and so do trees; coefficients are refitted by Newton's method to draw *b*, in which patient *i* counts
:math:`n_{bi}` times, from where the fit to everybody ended. What is kept is the change against that fit, so that a
refit to the sample itself is the model. The draws do not choose anew, and what the penalties draw towards 0 stays so:
percentiles of them are the chance of the draw of patients, not a confidence interval of the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.plain.base import Plain
from fusion.plain.linear import Linear, reduced
from fusion.plain.logistic import ClassLikelihood, newton
from fusion.plain.mixture import Mixture
from fusion.plain.products.crossed import Crossed
from fusion.plain.sparse import Problem, elastic_net

Floats = NDArray[np.float64]

WIDEST = 200
"""Columns, or patients where there are fewer, above which refitting would take minutes: nothing is redrawn."""

SMALL = 0.05
"""Share of the model below which a set of modalities is left as it is."""


@dataclass(frozen=True, kw_only=True)
class Redrawn:
    """Changes of a regression from draw to draw.

    Attributes:
        coefficients: ``(draw, column)``, of standardised columns.
        intercepts: ``(draw,)``.
        products: ``(draw, pair)``, of standardised products; no pair where the model has none.
    """

    coefficients: Floats
    intercepts: Floats
    products: Floats

    def change(self, model: Plain, rows: pd.DataFrame) -> Floats:
        """``(draw, patient)``: the logit of each refit less that of the model.

        Args:
            model: that was refitted.
            rows: ``(patient, column)``.

        Raises:
            ValueError: it is another model.
        """
        found = _regression(model)
        number = 0 if found is None or found.crossed is None else len(found.crossed.pairs.coefficients)
        if found is None or (self.coefficients.shape[1], self.products.shape[1]) != (found.width, number):
            raise ValueError("the refits are of another model")
        values = found.linear.columns(rows)
        changed = self.coefficients @ values.T + self.intercepts[:, None]
        if found.crossed is not None:
            pairs = found.crossed.pairs
            changed += (self.products * pairs.share) @ pairs.design(values).T
        return np.asarray(found.share * changed, dtype=np.float64)

    def arrays(self) -> dict[str, Floats]:
        """For the run folder."""
        return {"coefficients": self.coefficients, "intercepts": self.intercepts, "products": self.products}

    @classmethod
    def restore(cls, arrays: Mapping[str, Any]) -> Redrawn:
        """The inverse of `arrays`.

        Raises:
            KeyError, ValueError: what no `arrays` made.
        """
        names = ("coefficients", "intercepts", "products")
        found = {name: np.asarray(arrays[name], dtype=np.float64) for name in names}
        shapes = [found[name].ndim for name in names]
        if shapes != [2, 1, 2] or len({len(one) for one in found.values()}) != 1:
            raise ValueError("its arrays do not fit together")
        return cls(**found)


@dataclass(frozen=True, kw_only=True)
class Regression:
    """The part of a plain model that is refitted.

    Attributes:
        linear: the regression.
        crossed: the same with its products, where it has any.
        share: of the whole model's logit.
    """

    linear: Linear
    crossed: Crossed | None
    share: float

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.linear.coefficients.shape[1])


def redraw(
    model: Plain, rows: pd.DataFrame, labels: NDArray[np.int64], weights: Floats, counts: Floats
) -> Redrawn | None:  # fmt: skip
    """Refit the regression of a plain model of two classes.

    Args:
        model: fitted to the rows.
        rows: ``(patient, column)``; training patients.
        labels: ``(patient,)`` 0 or 1.
        weights: ``(patient,)`` in the loss.
        counts: ``(draw, patient)`` how often each counts.

    Returns:
        None where there is no regression, or it is too wide.
    """
    found = _regression(model)
    if found is None or not found.linear.sets:
        return None
    linear = found.linear
    values = linear.columns(rows)
    if min(values.shape) > WIDEST:
        return None
    every = np.vstack([np.ones(len(labels)), counts]) * weights
    coefficients, intercepts = np.zeros((len(every), values.shape[1])), np.zeros(len(every))
    blocks = np.array([name.split(":", 1)[0] for name in linear.columns.sources])
    width = np.array([(blocks == block).sum() for block in blocks], dtype=np.float64)
    for name, (share, strength) in linear.sets.items():
        if share < SMALL:
            continue
        inside = np.isin(blocks, name.split("+"))
        scale = width[inside] ** (-linear.power / 2)
        design, back = reduced(values[:, inside] * scale)
        fits = _ridge(design, labels, every, strength)
        coefficients[:, inside] += share * (fits[:, :-1] @ back * scale)
        intercepts += share * fits[:, -1]
    share, penalty = linear.net
    if share >= SMALL:
        fits = _nets(values, labels, every, penalty)
        coefficients += share * fits[:, :-1]
        intercepts += share * fits[:, -1]
    coefficients, intercepts = coefficients - coefficients[0], intercepts - intercepts[0]
    products = np.zeros((len(every), 0))
    if found.crossed is not None:
        logits = linear.logits(rows) + coefficients @ values.T + intercepts[:, None]
        pairs = found.crossed.pairs
        design = pairs.design(values)
        fitted = [newton(design, labels, each, pairs.precision, at) for each, at in zip(every, logits, strict=True)]
        products = np.stack(fitted) - fitted[0]
    return Redrawn(coefficients=coefficients[1:], intercepts=intercepts[1:], products=products[1:])


def _regression(model: Plain) -> Regression | None:
    """What of a model is refitted; None where it has no regression of two classes."""
    if isinstance(model, Mixture):
        found = _regression(model.linear)
        return None if found is None else replace(found, share=1 - model.share)
    if isinstance(model, Crossed):
        return Regression(linear=model.linear, crossed=model, share=1.0)
    if isinstance(model, Linear) and len(model.intercept) == 1:
        return Regression(linear=model, crossed=None, share=1.0)
    return None


def _ridge(design: Floats, labels: NDArray[np.int64], every: Floats, strength: float) -> Floats:
    """``(draw, column + 1)``, the intercept last: ridge logistic regression, each draw from where the first ended."""
    whole = np.hstack([design, np.ones((len(design), 1))])
    penalty = np.append(np.ones(design.shape[1]), 0.0)
    nothing = np.zeros(len(labels))
    first = newton(whole, labels, strength * every[0], penalty, nothing, np.zeros(whole.shape[1]))
    return np.stack([first, *(newton(whole, labels, strength * one, penalty, nothing, first) for one in every[1:])])


def _nets(values: Floats, labels: NDArray[np.int64], every: Floats, penalty: float) -> Floats:
    """``(draw, column + 1)``, the intercept last: elastic nets, each draw from where the first ended."""
    first = Problem(design=values, likelihood=ClassLikelihood(labels=labels, weights=every[0]))
    *_, start = first.along([*(one for one in first.path() if one > penalty), penalty])

    def fit(weights: Floats, start: Floats) -> Floats:
        likelihood = ClassLikelihood(labels=labels, weights=weights)
        return elastic_net(first.columns, likelihood, penalty, start=start, free=1, tolerance=1e-7, steps=5000)

    start = fit(every[0], start)
    return np.stack([start, *(fit(weights, start) for weights in every[1:])])
