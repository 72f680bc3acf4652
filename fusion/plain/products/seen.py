"""Patients beside whose main effects products are fitted, and the columns that stand out among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from fusion.plain.linear import Linear
from fusion.plain.products.pairs import TINY, Pairs
from fusion.plain.training import Training

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of patients when products are fitted to them.

    Attributes:
        values: ``(patient, column)`` standardised.
        labels: ``(patient,)`` 0 or 1.
        weights: ``(patient,)`` in the loss.
        start: ``(patient,)`` logits that stay.
    """

    values: Floats
    labels: NDArray[np.int64]
    weights: Floats
    start: Floats

    @property
    def residual(self) -> Floats:
        """``(patient,)``: what the logits leave, weighted."""
        return np.asarray(self.weights * (self.labels - expit(self.start)), dtype=np.float64)

    def beside(self, pairs: Pairs) -> Seen:
        """The same with what pairs add among the logits that stay."""
        return replace(self, start=self.start + pairs.parts(self.values).sum(axis=1))

    def largest(self, among: Rows, number: int) -> Rows:
        r"""Of some columns so many, those of the largest score test alone, in their order.

        The score is :math:`|\sum r x| / \sqrt{\sum r^2 x^2}`, with the residual *r*.
        """
        if len(among) <= number:
            return among
        values, residual = self.values[:, among], self.residual
        score = np.abs(residual @ values) / np.sqrt((residual**2) @ (values**2) + TINY)
        return np.sort(among[np.argsort(-score, kind="stable")[:number]])


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A regression as products are fitted beside it, of everybody and of those of each split alone.

    Attributes:
        linear: the regression; its columns and penalty are taken.
        whole: all training patients.
        parts: those of each split.
        out: where those stand among the training patients whom each split holds out.
    """

    linear: Linear
    whole: Seen
    parts: Sequence[Seen]
    out: Sequence[Rows]

    @classmethod
    def of(cls, linear: Linear, training: Training) -> Beside:
        """Its main effects are fitted anew to those of each split.

        Args:
            linear: fitted on the same patients; of two classes.
            training: the patients.
        """
        values = linear.columns(training.rows)

        def seen(at: Rows) -> Seen:
            some, labels, weights = values[at], training.labels[at], training.weights[at]
            return Seen(values=some, labels=labels, weights=weights, start=linear.again(some, labels, weights))

        return cls(
            linear=linear,
            whole=seen(np.arange(len(values))),
            parts=[seen(at) for at, _ in training.splits],
            out=[out for _, out in training.splits],
        )

    def added(self, pairs: Sequence[Pairs]) -> Floats:
        """``(patient,)`` what pairs add, of each patient those of the split that holds the patient out."""
        found = np.zeros(len(self.whole.labels))
        for part, out in zip(pairs, self.out, strict=True):
            found[out] = part.parts(self.whole.values[out]).sum(axis=1)
        return found
