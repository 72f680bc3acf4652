"""Pairs of columns whose products have coefficients, beside logits that stay; and how much of them is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.plain.logistic import newton

Floats = NDArray[np.float64]
Places = tuple[NDArray[np.int64], NDArray[np.int64]]

TINY = 1e-9
"""Below what standard deviations and scores are no more told apart."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """``share · coefficients · (products − center) / scale``, of standardised columns.

    Attributes:
        first: ``(pair,)`` place of one column, and
        second: of the other.
        center: ``(pair,)`` training mean of the products, and
        scale: their standard deviation.
        coefficients: ``(pair,)``.
        precision: ``(pair,)`` of the prior on the coefficient.
        share: ``(pair,)`` of what was fitted that is kept, above 0 and at most 1.
        searched: ``(pair,)`` whether the pair was chosen for its score.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    center: Floats
    scale: Floats
    coefficients: Floats
    precision: Floats
    share: Floats
    searched: NDArray[np.bool_]

    @classmethod
    def of(cls, values: Floats, places: Places, *, precision: float, searched: bool) -> Pairs:
        """Pairs of the columns in so many places, standardised, their coefficients 0 and all of them kept.

        Args:
            values: ``(patient, column)`` standardised.
            places: of the pairs' columns.
            precision: of the prior on every coefficient.
            searched: whether the pairs were chosen for their score.
        """
        first, second = places
        products = values[:, first] * values[:, second]
        one = np.ones(len(first))
        return cls(
            first=first, second=second, center=products.mean(axis=0), scale=np.maximum(products.std(axis=0), TINY),
            coefficients=0 * one, precision=precision * one, share=one, searched=np.full(len(first), searched),
        )  # fmt: skip

    def design(self, values: Floats) -> Floats:
        """``(patient, pair)``: the products, standardised."""
        return (values[:, self.first] * values[:, self.second] - self.center) / self.scale

    def fit(self, values: Floats, labels: NDArray[np.int64], weights: Floats, start: Floats) -> Pairs:
        """Coefficients beside logits that stay, by ridge.

        Args:
            values: ``(patient, column)`` standardised.
            labels: ``(patient,)`` 0 or 1.
            weights: ``(patient,)`` in the loss.
            start: ``(patient,)`` logits.
        """
        return replace(self, coefficients=newton(self.design(values), labels, weights, self.precision, start))

    def parts(self, values: Floats) -> Floats:
        """``(patient, column)`` standardised → ``(patient, pair)`` parts of the log-odds."""
        return self.design(values) * (self.coefficients * self.share)

    def kept(self, share: float) -> Pairs:
        """The same with so much of it kept."""
        return replace(self, share=self.share * share)

    def beside(self, other: Pairs | None) -> Pairs:
        """These and others, the others first."""
        if other is None:
            return self
        both = {name: np.concatenate([part, getattr(self, name)]) for name, part in other.arrays.items()}
        return Pairs(**both)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The attributes by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
