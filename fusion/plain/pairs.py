r"""Products of two columns that a linear model lacks: a marker that matters under one treatment alone, for example.

Of all pairs of standardised columns :math:`x_i x_j` those few are taken whose score test against the linear model is
largest, :math:`|\sum r x_i x_j| / \sqrt{\sum r^2 x_i^2 x_j^2}` with the residual *r* (Rao's test of one more
coefficient, with the variance that holds whatever the model; all pairs in two products of matrices). Their coefficients
are fitted with the linear logits held fixed. How much is kept is left to patients who had no part in the search
(`fusion.plain.gate`): the best of many pairs always looks good to those who chose it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from fusion.plain.linear import Linear, Split

Floats = NDArray[np.float64]

NUMBER = 3
"""Pairs that are taken; chosen, like `PRECISION`, on ``benchmarks/generated_cohorts.py`` at seeds 0 to 3."""

PRECISION = 5.0
"""Of the prior on their coefficients."""

MOST = 600
"""Columns among which pairs are sought: those of the largest score alone, where there are more."""

_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """``coefficients · (products − center) / scale``, of standardised columns.

    Attributes:
        first: ``(pair,)`` place of one column, and
        second: of the other.
        center: ``(pair,)`` training mean of the products, and
        scale: their standard deviation.
        coefficients: ``(pair,)``.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    center: Floats
    scale: Floats
    coefficients: Floats

    def parts(self, values: Floats) -> Floats:
        """``(patient, column)`` standardised → ``(patient, pair)`` parts of the log-odds."""
        products = values[:, self.first] * values[:, self.second]
        return (products - self.center) / self.scale * self.coefficients


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """``linear + share · pairs``, in logits of two classes.

    Attributes:
        linear: whose columns the pairs are of.
        pairs: fitted on the same patients.
        share: of the latter, above 0 and at most 1.
    """

    linear: Linear
    pairs: Pairs
    share: float

    kind = "crossed"

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)``."""
        parts: Floats = self.pairs.parts(self.linear.columns(rows)).sum(axis=1)
        return self.linear.logits(rows) + self.share * parts

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)`` parts of the log-odds; of a product each column has half, as Shapley values would."""
        found, names = self.linear.terms(rows), self.linear.columns.sources
        parts = self.share * self.pairs.parts(self.linear.columns(rows)) / 2
        for number, places in enumerate(zip(self.pairs.first, self.pairs.second, strict=True)):
            for place in places:
                found[names[place]] += parts[:, number]
        return found

    @property
    def reference(self) -> float:
        """The log-odds of a patient who is average in every column and product."""
        return self.linear.reference

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns are read."""
        return self.linear.modalities

    @property
    def named(self) -> list[tuple[str, str]]:
        """The columns of each pair."""
        names = self.linear.columns.sources
        return [(names[one], names[other]) for one, other in zip(self.pairs.first, self.pairs.second, strict=True)]

    @property
    def products(self) -> list[str]:
        """The same as one reads it."""
        return [" × ".join(pair) for pair in self.named]

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """The linear model's JSON and arrays, and the pairs'; their names are for readers."""
        config, arrays = self.linear.state()
        made = {f"linear_{name}": part for name, part in arrays.items()}
        made |= {f"pairs_{name}": np.asarray(getattr(self.pairs, name)) for name in _ARRAYS}
        told = [list(pair) for pair in self.named]
        return {"kind": self.kind, "share": self.share, "pairs": told, "linear": config}, made

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Crossed:
        """The inverse of `state`."""
        linear = {name.removeprefix("linear_"): part for name, part in arrays.items() if name.startswith("linear_")}
        found: dict[str, Any] = {name: np.asarray(arrays[f"pairs_{name}"]) for name in _ARRAYS}
        return cls(linear=Linear.restore(config["linear"], linear), pairs=Pairs(**found), share=float(config["share"]))


_ARRAYS = ("first", "second", "center", "scale", "coefficients")


def fit_pairs(
    linear: Linear, rows: pd.DataFrame, labels: NDArray[np.int64], weights: Floats, splits: Sequence[Split]
) -> tuple[Pairs, Floats]:
    """Find and fit pairs on all training patients, and for held-out patients on those of each split alone.

    Args:
        linear: fitted on the same patients; its columns and penalty are taken.
        rows: ``(patient, column)``; training patients.
        labels: ``(patient,)`` 0 or 1.
        weights: ``(patient,)`` in the loss.
        splits: of cross-fitting.

    Returns:
        The pairs, and ``(patient,)`` what pairs add that were sought and fitted without the patient.
    """
    values = linear.columns(rows)
    held_out = np.zeros(len(labels))
    for seen, held in splits:
        found = _sought(linear, values[seen], labels[seen], weights[seen])
        held_out[held] = found.parts(values[held]).sum(axis=1)
    return _sought(linear, values, labels, weights), held_out


def _sought(linear: Linear, values: Floats, labels: NDArray[np.int64], weights: Floats) -> Pairs:
    """Pairs of one set of patients, beside the main effects of the same."""
    start = linear.again(values, labels, weights)
    residual = weights * (labels - expit(start))
    among = np.arange(values.shape[1])
    if len(among) > MOST:
        alone = np.abs(residual @ values) / np.sqrt((residual**2) @ (values**2) + _TINY)
        among = np.sort(np.argsort(-alone, kind="stable")[:MOST])
    some = values[:, among]
    size = ((some**2) * (residual**2)[:, None]).T @ some**2
    score = np.abs((some * residual[:, None]).T @ some) / np.sqrt(np.maximum(size, _TINY))
    one, other = np.triu_indices(len(among), 1)
    order = np.argsort(-score[one, other], kind="stable")[:NUMBER]
    first, second = among[one[order]], among[other[order]]
    products = values[:, first] * values[:, second]
    center, scale = products.mean(axis=0), np.maximum(products.std(axis=0), _TINY)
    coefficients = _fitted((products - center) / scale, labels, weights, start)
    return Pairs(first=first, second=second, center=center, scale=scale, coefficients=coefficients)


def _fitted(design: Floats, labels: NDArray[np.int64], weights: Floats, start: Floats) -> Floats:
    """Ridge coefficients of a few columns beside logits that stay, by Newton's method."""
    found = np.zeros(design.shape[1])
    for _ in range(50):
        share = expit(start + design @ found)
        first = design.T @ (weights * (share - labels)) + PRECISION * found
        second = (design * (weights * share * (1 - share))[:, None]).T @ design + PRECISION * np.eye(len(found))
        step = np.linalg.solve(second, first)
        found -= np.clip(step, -1.0, 1.0)
        if np.abs(step).max(initial=0.0) < 1e-9:
            break
    return found
