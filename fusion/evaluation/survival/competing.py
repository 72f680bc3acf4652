r"""Cumulative incidence where other events end the wait for the one that is predicted: Aalen–Johansen's estimate.

.. math:: \hat F_k(t) = \sum_{t_j \le t} \hat S(t_j-)\, d_{kj} / n_j

*S* the chance to be free of every event (Aalen and Johansen, Scand. J. Stat. 5:141–150, 1978). Models are
cause-specific: who has another event is censored then, and 1 − Kaplan–Meier of one cause alone, which takes them to be
still waiting, is above what happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.survival.curves import kaplan_meier
from fusion.evaluation.survival.groups import GROUPS, tertiles
from fusion.evaluation.survival.steps import to_come

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

EVENT = 1
"""Of causes: 0 is censored, this the event that is predicted, those above compete with it."""

_Z = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Incidence:
    """A cumulative incidence with pointwise 95 % intervals, a value at each distinct time; NaN where none exists."""

    times: Floats
    value: Floats
    low: Floats
    high: Floats

    def at(self, time: float) -> tuple[float, float, float]:
        """At a time; NaN after the last."""
        if time > self.times[-1]:
            return float("nan"), float("nan"), float("nan")
        place = int(np.searchsorted(self.times, time, side="right")) - 1
        if place < 0:
            return 0.0, 0.0, 0.0
        return float(self.value[place]), float(self.low[place]), float(self.high[place])


def aalen_johansen(times: Floats, causes: Places, cause: int, entry: Floats | None = None) -> Incidence:
    """Of one cause, with intervals by log(−log F) of its variance (Marubini and Valsecchi 1995, equation 10.12).

    Args:
        times: ``(patient,)`` of the first event of any cause, or of censoring.
        causes: ``(patient,)`` 0 censored, else which.
        cause: whose incidence.
        entry: ``(patient,)`` from when on they were under observation (left truncation); None: from time zero on.
    """
    at, place = np.unique(times, return_inverse=True)
    every = np.bincount(place, weights=causes > 0, minlength=len(at))
    mine = np.bincount(place, weights=causes == cause, minlength=len(at))
    at_risk = len(times) - np.concatenate([[0], np.cumsum(np.bincount(place, minlength=len(at)))[:-1]])
    if entry is not None:
        at_risk = at_risk - to_come(entry, np.ones((1, len(entry))), at)[0]
    free = np.concatenate([[1.0], np.cumprod(1 - every / at_risk)[:-1]])
    value = np.cumsum(free * mine / at_risk)
    # Sums over the times up to t of (F(t) − F(tⱼ))² a − 2 (F(t) − F(tⱼ)) b + c, by powers of F(tⱼ).
    a = np.divide(every, at_risk * (at_risk - every), out=np.zeros_like(value), where=at_risk > every)
    b = free * mine / at_risk**2
    c = free**2 * mine * (at_risk - mine) / at_risk**3
    first, second, third = (np.cumsum(a * value**power) for power in (0, 1, 2))
    variance = (
        value**2 * first - 2 * value * second + third - 2 * (value * np.cumsum(b) - np.cumsum(b * value)) + np.cumsum(c)
    )
    inside = (value > 0) & (value < 1)
    logs = np.log(value, out=np.full_like(value, -1.0), where=inside)
    with np.errstate(over="ignore"):
        half = np.exp(_Z * np.sqrt(np.maximum(variance, 0.0)) / (np.maximum(value, 1e-300) * -logs))
    low, high = (np.where(inside, np.exp(logs * part), np.nan) for part in (half, 1 / half))
    none = value == 0
    return Incidence(times=at, value=value, low=np.where(none, 0.0, low), high=np.where(none, 0.0, high))


def competing_record(
    times: Floats,
    causes: Places,
    risks: Floats,
    folds: Places,
    *,
    names: Sequence[str],
    horizons: Sequence[float],
    entry: Floats | None = None,
) -> dict[str, Any]:
    """For metrics.json: incidence of every cause, of the event in each third of risk, and beside 1 − Kaplan–Meier.

    Args:
        times: ``(patient,)``.
        causes: ``(patient,)`` as of `aalen_johansen`.
        risks: ``(patient,)`` log-risks of the judged arm, compared within folds.
        folds: ``(patient,)``.
        names: of the event and then of what competes with it.
        horizons: of the endpoint.
        entry: ``(patient,)`` as of `aalen_johansen`.
    """
    alone = kaplan_meier(times, (causes == EVENT).astype(np.float64), entry)
    curves = {name: aalen_johansen(times, causes, at, entry) for at, name in enumerate(names, start=EVENT)}
    event = curves[names[0]]
    groups, third = [], tertiles(risks, folds)
    for place in np.unique(third):
        inside = third == place
        found = aalen_johansen(times[inside], causes[inside], EVENT, None if entry is None else entry[inside])
        groups.append({"name": GROUPS[place], "patients": int(inside.sum()), "curve": _curve(found)})
    return {
        "causes": [
            {"name": name, "patients": int((causes == at).sum()), "curve": _curve(curves[name])}
            for at, name in enumerate(names, start=EVENT)
        ],
        "groups": groups,
        "horizons": [
            {
                "at": float(one),
                "incidence": dict(zip(("value", "low", "high"), map(_finite, event.at(one)), strict=True)),
                "alone": _finite(1 - alone.at(one)[0]),
            }
            for one in horizons
        ],
    }


def _curve(found: Incidence) -> dict[str, list[float | None]]:
    """From (0, 0); only where it steps, and its end."""
    steps = np.flatnonzero(np.diff(found.value, prepend=0.0) != 0).tolist()
    keep = sorted({*steps, len(found.times) - 1})
    columns = {"x": found.times, "value": found.value, "low": found.low, "high": found.high}
    return {name: [0.0, *(_finite(one) for one in np.round(part[keep], 6))] for name, part in columns.items()}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
