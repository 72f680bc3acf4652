"""Penalties of regressions, chosen by patients whose outcomes a model did not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRENGTHS = tuple(float(10**power) for power in np.arange(-4.5, 1.6, 0.5))
"""scikit-learn's C: the variance of the prior on a coefficient of a standardised column."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A penalty as held-out patients see it: their ``(patient[, class])`` logits, and losses whose sum judges it.

    Losses are one a patient, or one an event where only events are likely or not.
    """

    logits: Floats
    loss: Floats


@dataclass(frozen=True, kw_only=True)
class Net:
    """A regression of few columns, its penalty chosen.

    Attributes:
        coefficients: ``(output, column)``, most of them 0.
        intercept: ``(output,)``.
        penalty: see `fusion.plain.sparse`.
        tried: what models of the other patients say of each.
    """

    coefficients: Floats
    intercept: Floats
    penalty: float
    tried: Tried


class Regression(Protocol):
    """A regression of one kind of endpoint on some patients, their outcomes known to it."""

    def tried(self, design: Floats, strengths: Sequence[float]) -> dict[float, Tried]:
        """C of ridge → what models of the other patients say of each patient, of a ``(patient, column)`` design."""
        ...

    def fit(self, design: Floats, strength: float) -> tuple[Floats, Floats]:
        """``(output, column)`` coefficients and ``(output,)`` intercepts of ridge, fitted on all."""
        ...

    def net(self, design: Floats) -> Net | None:
        """An elastic net, with the penalty that held-out patients like best; None where the kind has none."""
        ...


def strongest(losses: Mapping[float, Floats]) -> float:
    """The strongest penalty, the least C, that cannot be told from the best.

    Its loss, paired by patient, is within one standard error (Breiman et al., *Classification and Regression Trees*,
    1984, section 3.4.3).
    """
    best = losses[min(losses, key=lambda one: float(losses[one].mean()))]
    excess = {strength: loss - best for strength, loss in losses.items()}
    return min(one for one, more in excess.items() if more.mean() <= more.std() / np.sqrt(len(more)))


def near(strength: float) -> tuple[float, ...]:
    """Of `STRENGTHS`, one and the two on either side of it."""
    at = STRENGTHS.index(strength)
    return STRENGTHS[max(0, at - 2) : at + 3]
