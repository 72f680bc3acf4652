"""Cut-offs that a clinic would ask for, chosen on inner out-of-fold scores; a score at or above one is called positive.

Cut-offs lie midway between neighbouring scores, so that they do not depend on one patient's exact score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.contract import FusionError

Floats = NDArray[np.float64]
_CLOSE = 1e-9


def cut_by_sensitivity(labels: Floats, scores: Floats, target: float, weights: Floats | None = None) -> float:
    """The highest cut-off at which this share of positives, or more, is called.

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)`` probabilities.
        target: above 0, to 1.
        weights: ``(patient,)`` how much each counts; None: all alike.
    """
    values, positive, _ = _called(labels, scores, weights)
    return float(values[np.flatnonzero(positive >= target * positive[0] - _CLOSE)[-1]])


def cut_by_specificity(labels: Floats, scores: Floats, target: float, weights: Floats | None = None) -> float:
    """The lowest cut-off at which this share of negatives, or more, is spared; arguments as of `cut_by_sensitivity`."""
    values, _, negative = _called(labels, scores, weights)
    return float(values[np.flatnonzero(negative[0] - negative >= target * negative[0] - _CLOSE)[0]])


def cut_by_net_benefit(labels: Floats, scores: Floats, target: float, weights: Floats | None = None) -> float:
    """The cut-off of the largest net benefit, TP/n - FP/n · p/(1 - p) (Vickers & Elkin 2006).

    With calibrated scores that is near *p* itself. Among equally good ones the middle one wins.

    Args:
        labels: ``(patient,)`` 0/1.
        scores: ``(patient,)`` probabilities.
        target: *p*, the probability from which on one would treat: a positive missed is as bad as (1 - p)/p needless
            treatments.
        weights: as of `cut_by_sensitivity`.
    """
    values, positive, negative = _called(labels, scores, weights)
    benefit = positive - negative * target / (1 - target)
    best = np.flatnonzero(benefit >= benefit.max() - _CLOSE)
    return float(values[best[len(best) // 2]])


def _called(labels: Floats, scores: Floats, weights: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Cut-offs ascending, from everybody called to nobody, and how many positives and negatives each calls."""
    # Of a mean of one, so that what is close means the same of weights and of numbers.
    weight = np.ones(len(labels)) if weights is None else weights * (len(weights) / weights.sum())
    known = np.unique(scores)
    cuts = np.concatenate([known[:1], (known[1:] + known[:-1]) / 2, [np.nextafter(known[-1], np.inf)]])
    order = np.argsort(scores, kind="stable")
    below = np.searchsorted(scores[order], cuts, side="left")
    yes, no = weight * labels, weight * (1 - labels)
    positive, negative = (one.sum() - np.concatenate([[0.0], np.cumsum(one[order])])[below] for one in (yes, no))
    return cuts, positive, negative


RULES: Mapping[str, Callable[[Floats, Floats, float, Floats | None], float]] = {
    "sensitivity": cut_by_sensitivity,
    "specificity": cut_by_specificity,
    "net_benefit": cut_by_net_benefit,
}
"""Key of ``evaluation.operating`` → how its cut-off is chosen."""


def operating_points(wanted: Mapping[str, Any] | None) -> list[tuple[str, float]]:
    """Rule and target of each point that ``evaluation.operating`` asks for.

    Args:
        wanted: rule → a share, several, or null.

    Raises:
        FusionError: a rule that there is not, or a target that is no share.
    """
    found = []
    for rule, targets in (wanted or {}).items():
        if rule not in RULES:
            raise FusionError(f"evaluation.operating.{rule}: there is no such rule. Known: {', '.join(RULES)}.")
        for target in _listed(targets):
            if isinstance(target, bool) or not isinstance(target, int | float) or not 0 < target < 1:
                raise FusionError(
                    f"evaluation.operating.{rule} is {target!r}: it must lie between 0 and 1, for example 0.9, or be "
                    "a list of such numbers, or null."
                )
            found.append((str(rule), float(target)))
    return found


def _listed(targets: Any) -> list[Any]:
    if targets is None:
        return []
    return [targets] if isinstance(targets, str | int | float) else list(targets)
