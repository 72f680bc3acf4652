"""Product-limit estimates for all bootstrap draws at once: survival, and the censoring that weights are inverse to.

A draw is a row of patient counts (`fusion.evaluation.intervals.resample`); with counts of one the values are
scikit-survival's and lifelines'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RiskTable:
    """What happened at each distinct time, ascending; ``(draw, time)`` but for `times`, ``(time,)``."""

    times: Floats
    events: Floats
    censored: Floats
    at_risk: Floats


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One right-continuous step function a draw, 1 before the first of `times`; `values` is ``(draw, time)``."""

    times: Floats
    values: Floats

    def at(self, times: Floats) -> Floats:
        """``(draw, len(times))``; after the last step the last value."""
        place = np.searchsorted(self.times, times, side="right")
        padded = np.concatenate([np.ones((len(self.values), 1)), self.values], axis=1)
        return np.asarray(padded[:, place], dtype=np.float64)


def risk_table(times: Floats, events: Floats, counts: Floats, entry: Floats | None = None) -> RiskTable:
    """Count who has the event, is censored and is at risk at each distinct time.

    Args:
        times: ``(patient,)`` of the event or of censoring.
        events: ``(patient,)`` 1 where the event was seen, 0 where the patient is censored.
        counts: ``(draw, patient)`` how often each patient is drawn.
        entry: ``(patient,)`` from when on each was under observation: at risk after it. None: all from time zero on.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > 0)
    drawn = counts[:, order]
    everyone = np.add.reduceat(drawn, starts, axis=1)
    with_event = np.add.reduceat(drawn * events[order], starts, axis=1)
    at_risk = np.cumsum(everyone[:, ::-1], axis=1)[:, ::-1]
    if entry is not None:
        at_risk = at_risk - to_come(entry, counts, ordered[starts])
    return RiskTable(times=ordered[starts], events=with_event, censored=everyone - with_event, at_risk=at_risk)


def to_come(entry: Floats, counts: Floats, at: Floats, *, side: Literal["left", "right"] = "left") -> Floats:
    """``(draw, len(at))``: how many come under observation at each time or later (right: later alone)."""
    order = np.argsort(entry, kind="stable")
    rest = np.cumsum(counts[:, order][:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([rest, np.zeros((len(counts), 1))], axis=1)
    return np.asarray(padded[:, np.searchsorted(entry[order], at, side=side)], dtype=np.float64)


def survival_steps(times: Floats, events: Floats, counts: Floats, entry: Floats | None = None) -> Steps:
    """Kaplan–Meier's estimate of remaining free of the event (JASA 53:457–481, 1958), one a draw."""
    table = risk_table(times, events, counts, entry)
    return Steps(times=table.times, values=_product(table.events, table.at_risk))


def censoring_steps(times: Floats, events: Floats, counts: Floats) -> Steps:
    """The same of remaining uncensored, G; who has the event at a time is not at risk of being censored at it."""
    table = risk_table(times, events, counts)
    return Steps(times=table.times, values=_product(table.censored, table.at_risk - table.events))


def _product(leave: Floats, at_risk: Floats) -> Floats:
    stay = 1 - np.divide(leave, at_risk, out=np.zeros_like(leave), where=leave > 0)
    return np.cumprod(stay, axis=1)
