r"""How much of what a network adds to a plain model is kept: as far as patients that it never saw support it.

Of training patients, each scored by the member that did not train on them, take the plain logit *b* and what the
network adds, *r*. The gate is the coefficient :math:`\hat g` that minimises the log-loss of
:math:`b + g r`, shrunken by the non-negative garrote (Breiman 1995, equation for orthogonal designs):

.. math:: g = \hat g \, (1 - (s / \hat g)^2)_+ , \qquad 0 \le g \le 1

with *s* the standard error of :math:`\hat g`, or `SEARCHED` of them. So an addition within its error of nothing is
nothing, and one that is clear stays nearly whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion.contract import Truth

Floats = NDArray[np.float64]

SEARCHED = 2.0
"""Standard errors within which an addition counts as nothing that was itself searched for: a few products of many
columns, the number of trees, the epoch of a network. Those who judge trees and networks also stop them."""

Derivatives = Callable[[float, Floats, Floats, Truth], tuple[Floats, Floats]]
"""Gate, plain logits, additions and truth → each patient's first and second derivative of the loss by the gate."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What the network's addition is multiplied by.

    Attributes:
        value: between 0 (the plain model) and 1.
        raw: the coefficient before it was shrunken.
        error: its standard error; infinite where the network adds nothing to anybody.
    """

    value: float
    raw: float
    error: float

    def cautious(self, errors: float) -> float:
        """`value` where what is added was itself searched for: what lies within so many standard errors is nothing."""
        return min(1.0, _kept(self.raw, errors * self.error))


def fit_gate(
    base: Floats,
    added: Floats,
    labels: NDArray[np.int64] | Truth,
    weights: Floats | None = None,
    *,
    derivatives: Derivatives | None = None,
) -> Gate:
    """The gate of one fold.

    Args:
        base: ``(patient,)`` or ``(patient, class)`` logits of the plain model, of patients it was not fitted on.
        added: the same shape: what the network adds, of patients it was not trained on.
        labels: ``(patient,)`` positions in the classes, or the truth of another kind of endpoint.
        weights: ``(patient,)`` in the loss; None weighs all alike.
        derivatives: of that kind's loss; None: log-loss of classes.
    """
    truth = labels if isinstance(labels, Truth) else Truth(label=labels)
    derive = derivatives or (lambda gate, base, added, truth: class_derivatives(gate, base, added, truth.label))
    weights = np.ones(len(labels)) if weights is None else weights
    value = 0.0
    score, curvature = derive(value, base, added, truth)
    if not (weights * curvature).sum() > 1e-9:
        return Gate(value=0.0, raw=0.0, error=float("inf"))
    for _ in range(50):
        step = float((weights * score).sum() / (weights * curvature).sum())
        value = float(np.clip(value - np.clip(step, -1.0, 1.0), -10.0, 10.0))
        score, curvature = derive(value, base, added, truth)
        if abs(step) < 1e-8 or not (weights * curvature).sum() > 1e-9:
            break
    # The sandwich: patients' own scores say how much they vary, whether or not the plain logits are calibrated.
    error = float(np.sqrt(((weights * score) ** 2).sum()) / max((weights * curvature).sum(), 1e-9))
    return Gate(value=min(1.0, _kept(value, error)), raw=value, error=error)


def _kept(value: float, error: float) -> float:
    """The non-negative garrote; see the top of this file."""
    return value * max(0.0, 1 - (error / value) ** 2) if value > 0 else 0.0


def class_derivatives(gate: float, base: Floats, added: Floats, labels: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """First and second derivative by the gate of each patient's −log-likelihood, ``(patient,)`` each."""
    logits = base + gate * added
    if logits.ndim == 1:
        logits, added = (np.stack([np.zeros_like(part), part], axis=1) for part in (logits, added))
    share = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    mean = (share * added).sum(axis=1)
    score = mean - added[np.arange(len(labels)), labels]
    return score, (share * added**2).sum(axis=1) - mean**2
