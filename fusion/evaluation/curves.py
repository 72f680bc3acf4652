"""Calibration and decision curves of one arm with bands, from the draws that every interval shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from fusion.evaluation.decision_curve import net_benefit_draws
from fusion.evaluation.intervals import Resampling
from fusion.evaluation.metrics import EDGE, Scored, calibration_line

Floats = NDArray[np.float64]

THRESHOLDS: Floats = np.linspace(0.05, 0.8, 76)
"""Threshold probabilities of decision curves."""

_POINTS = 41


def curves(repeats: Sequence[Scored], plan: Resampling) -> dict[str, dict[str, list[float]] | None]:
    """For metrics.json: x, value, low and high of the calibration and the decision curve, mean over repeats.

    The calibration curve is the logistic one of `calibration_line` over the middle 98 % of the scores; None where it
    does not exist (scores all alike or separating the labels). Bands are pointwise 95 % percentiles.

    Args:
        repeats: one arm's complete vectors.
        plan: what was drawn.
    """
    benefit = np.mean([net_benefit_draws(one.labels, one.scores, THRESHOLDS, plan.counts) for one in repeats], axis=0)
    low, high = np.quantile(np.concatenate([one.scores for one in repeats]), [0.01, 0.99])
    grid = np.linspace(low, high, _POINTS)
    x = logit(np.clip(grid, EDGE, 1 - EDGE))
    observed = np.zeros((len(plan.counts), _POINTS))
    for one in repeats:
        line = calibration_line(one.labels, one.scores, plan.counts)
        observed += expit(line[:, :1] * x + line[:, 1:]) / len(repeats)
    known = low < high and bool(np.isfinite(observed[0]).all())
    return {
        "calibration": _record(grid, observed, plan) if known else None,
        "decision": _record(THRESHOLDS, benefit, plan),
    }


def _record(x: Floats, values: Floats, plan: Resampling) -> dict[str, list[float]]:
    low, high = plan.percentiles(values)
    if not np.isfinite(low).all():  # no draw has it
        low = high = values[0]
    parts = {"x": x, "value": values[0], "low": low, "high": high}
    return {name: np.round(part, 6).tolist() for name, part in parts.items()}
