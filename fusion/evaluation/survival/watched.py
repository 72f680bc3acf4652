r"""Weights where patients came under observation late: inverse to the chance to be under observation.

Whoever had the event before they would have come under observation is in no cohort (left truncation). Among those who
are, the chance to be under observation at *t* is, up to a constant,

.. math:: K(t) = \frac{Y(t)}{n \hat S(t)}, \qquad Y(t) = \#\{a_j < t \le t_j\}

for :math:`E[Y(t)]/n = P(a < t \le c) S(t-) / P(a < T)`, with :math:`\hat S` Kaplan–Meier's estimate in these risk sets
(Tsai, Jewell and Wang, Biometrika 74:883–886, 1987). Where all are followed from time zero on, *K* is the chance to be
uncensored, the *G* of other cohorts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.survival.steps import Steps, survival_steps, to_come

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Who is under observation when, in some draws.

    Attributes:
        times: ``(patient,)`` of the event or of censoring.
        events: ``(patient,)`` 1 where the event was seen.
        entry: ``(patient,)`` from when on they were under observation.
        counts: ``(draw, patient)``.
    """

    times: Floats
    events: Floats
    entry: Floats
    counts: Floats

    @cached_property
    def free(self) -> Steps:
        """Kaplan–Meier's estimate."""
        return survival_steps(self.times, self.events, self.counts, self.entry)

    def until(self, at: Floats) -> Floats:
        """K just before each time, ``(draw, len(at))``: of whoever has the event then. NaN where the curve is 0."""
        return self._chance(self._number(at), self.before(at))

    def beyond(self, at: Floats) -> Floats:
        """K just after each time: of whoever is free of the event then."""
        return self._chance(self._number(at, after=True), self.free.at(at))

    def before(self, at: Floats) -> Floats:
        """Kaplan–Meier's estimate just before each time."""
        padded = np.concatenate([np.ones((len(self.counts), 1)), self.free.values], axis=1)
        return np.asarray(padded[:, np.searchsorted(self.free.times, at, side="left")], dtype=np.float64)

    def weights(self, horizon: float) -> Floats:
        """``(draw, patient)`` that sum to 1: what each patient stands for among all who were there at time zero.

        Who had the event by the horizon stands for as much of the curve as fell then, who is under observation after it
        for a share of what is left; all others for nothing. NaN for a draw of whom nobody is under observation then, or
        all of whom had had the event before others came (`fusion.evaluation.survival.curves.emptied`).
        """
        had = (self.times <= horizon) & (self.events == 1)
        after = self.under_observation(horizon)
        found = np.zeros_like(self.counts)
        here, left = self._number(np.array([horizon]), after=True), self.free.at(np.array([horizon]))
        with np.errstate(divide="ignore", invalid="ignore"):
            each = self.before(self.times[had]) / self._number(self.times[had])
            found[:, had] = np.where(self.counts[:, had] > 0, self.counts[:, had] * each, 0.0)
            found[:, after] = np.where(here > 0, self.counts[:, after] * left / here, 0.0)
        unknown = ((here == 0) & (left > 0)) | ((here > 0) & (left <= 0))
        return np.where(unknown, np.nan, found)

    def under_observation(self, horizon: float) -> NDArray[np.bool_]:
        """``(patient,)``: who is under observation just after a time, free of the event."""
        return np.asarray((self.entry <= horizon) & (self.times > horizon))

    def _number(self, at: Floats, *, after: bool = False) -> Floats:
        """``(draw, len(at))`` under observation just before each time, or just after it."""
        side: Literal["left", "right"] = "right" if after else "left"
        # Who leaves at the time or later, less who comes then or later.
        leave, come = (to_come(one, self.counts, at, side=side) for one in (self.times, self.entry))
        return np.asarray(leave - come, dtype=np.float64)

    def _chance(self, number: Floats, free: Floats) -> Floats:
        total = self.counts.sum(axis=1)[:, None] * free
        chance: Floats = np.divide(number, total, out=np.full_like(number, np.nan), where=total > 0)
        return chance
