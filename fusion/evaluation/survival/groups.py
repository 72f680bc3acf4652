"""Risk groups of out-of-fold patients, and predicted beside observed risk at the declared horizons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fusion.evaluation.intervals import finite
from fusion.evaluation.survival.curves import (
    Curve,
    emptied,
    kaplan_meier,
    log_rank,
    numbers_at_risk,
    restricted_mean,
)  # fmt: skip
from fusion.evaluation.survival.watched import Watched

Floats = NDArray[np.float64]
Row = dict[str, Any]

GROUPS = ("lowest third", "middle third", "highest third")
"""Of risk, lowest first."""

_Z = 1.959963984540054
_TICKS = 7


def tertiles(risks: Floats, folds: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(patient,)`` 0, 1 or 2: the third of risks within the patient's fold; equal risks are in one group."""
    group = np.zeros(len(risks), dtype=np.int64)
    for fold in np.unique(folds):
        inside = folds == fold
        rank = rankdata(risks[inside])
        group[inside] = np.minimum(len(GROUPS) - 1, (len(GROUPS) * (rank - 0.5) / inside.sum()).astype(np.int64))
    return group


def risk_groups(
    times: Floats, events: Floats, group: NDArray[np.int64], *, until: float, entry: Floats | None = None
) -> Row:
    """For metrics.json: each group's curve, numbers at risk, median and restricted mean; and the log-rank test.

    Args:
        times: ``(patient,)`` of the event or of censoring.
        events: ``(patient,)`` 1 where the event was seen.
        group: ``(patient,)`` index into `GROUPS`.
        until: of the restricted mean.
        entry: ``(patient,)`` from when on they were under observation; None: from time zero on. Then each group says
            when its curve fell to 0 while others were still to come (`emptied`), if it did.
    """
    ticks = _ticks(float(times.max()))
    rows = []
    for place in np.unique(group):
        inside = group == place
        mine = None if entry is None else entry[inside]
        curve = kaplan_meier(times[inside], events[inside], mine)
        mean = restricted_mean(times[inside], events[inside], until, mine)
        half = _Z * mean.error
        rows.append(
            {
                "name": GROUPS[place],
                "patients": int(inside.sum()),
                "events": int(events[inside].sum()),
                "median": finite({"value": curve.median})["value"],
                "restricted_mean": {"value": mean.value, "low": mean.value - half, "high": mean.value + half},
                "at_risk": numbers_at_risk(times[inside], ticks, mine),
                "curve": _curve(curve),
                **({} if mine is None else {"emptied": emptied(times[inside], events[inside], mine)}),
            }
        )
    test = log_rank(times, events, group, entry)
    return {
        "ticks": ticks.tolist(),
        "until": until,
        "groups": rows,
        "log_rank": finite({"statistic": test.statistic, "p": test.p, "degrees": test.degrees}),
    }


def calibration_groups(
    times: Floats, events: Floats, survival: Floats, horizon: float, entry: Floats | None = None
) -> list[Row]:
    """Patients in groups of equal size by predicted risk at a horizon: mean predicted risk, and the observed one.

    The observed one is 1 - Kaplan–Meier's estimate with its 95 % interval. There are five groups, fewer where events
    by the horizon are fewer than ten a group, and two at least; equal predictions are in one group.

    Args:
        times: ``(patient,)``.
        events: ``(patient,)``.
        survival: ``(patient,)`` predicted probability of being free of the event at the horizon.
        horizon: in the unit of the times.
        entry: ``(patient,)`` as of `risk_groups`. Then the mean predicted risk is of all who were there at time zero,
            for whom patients stand by `Watched.weights`: those at high risk came under observation more seldom.
    """
    risk = 1 - survival
    by_then = int(((times <= horizon) & (events == 1)).sum())
    number = int(np.clip(by_then // 10, 2, 5))
    group = np.minimum(number - 1, (number * (rankdata(risk) - 0.5) / len(risk)).astype(np.int64))
    rows = []
    for place in np.unique(group):
        inside = group == place
        mine = None if entry is None else entry[inside]
        value, low, high = kaplan_meier(times[inside], events[inside], mine).at(horizon)
        predicted = float(risk[inside].mean())
        if mine is not None:
            once = np.ones((1, int(inside.sum())))
            weights = Watched(times=times[inside], events=events[inside], entry=mine, counts=once).weights(horizon)
            predicted = float(weights[0] @ risk[inside])
            value, low, high = (one if np.isfinite(predicted) else float("nan") for one in (value, low, high))
        rows.append(
            finite(
                {
                    "patients": int(inside.sum()),
                    "predicted": predicted,
                    "observed": 1 - value,
                    "low": 1 - high,
                    "high": 1 - low,
                }
            )
        )
    return rows


def _curve(curve: Curve) -> dict[str, list[float | None]]:
    """From (0, 1); only where it steps, and its end."""
    steps = np.flatnonzero(np.diff(curve.survival, prepend=1.0) != 0).tolist()
    keep = sorted({*steps, len(curve.times) - 1})

    def column(values: Floats, first: float) -> list[float | None]:
        kept: Sequence[float] = np.round(values[keep], 6).tolist()
        return [first, *(value if np.isfinite(value) else None for value in kept)]

    return {
        "x": column(curve.times, 0.0),
        "value": column(curve.survival, 1.0),
        "low": column(curve.low, 1.0),
        "high": column(curve.high, 1.0),
    }


def _ticks(last: float) -> Floats:
    """About seven round times from 0 on."""
    rough = last / _TICKS
    size = 10 ** np.floor(np.log10(rough))
    step = size * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough)
    return np.arange(0, last + 1e-9, step)
