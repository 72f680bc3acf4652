"""One test fold for all bootstrap draws: how well risks rank its patients, and how far survival probabilities are off.

Risks of different folds come from different models and are never ranked against one another. Censoring is estimated in
each draw from the fold's training part, as that draw has it; where patients came under observation late, so is the
chance to be under observation, in its place (`fusion.evaluation.survival.watched`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.metrics import ratio
from fusion.evaluation.survival.steps import Steps, censoring_steps, survival_steps
from fusion.evaluation.survival.watched import Watched

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Follow-up of some patients in some draws.

    Attributes:
        times: ``(patient,)`` of the event or of censoring.
        events: ``(patient,)`` 1 where the event was seen, else 0.
        counts: ``(draw, patient)`` how often each is drawn.
        entry: ``(patient,)`` from when on each was under observation; None: all from time zero on.
    """

    times: Floats
    events: Floats
    counts: Floats
    entry: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class FoldDraws:
    """What all arms share of one test fold.

    Attributes:
        test: its patients.
        training: of whom the censoring distribution is estimated.
        tau: Uno's concordance counts events before it.
    """

    test: Followed
    training: Followed
    tau: float

    @cached_property
    def censoring(self) -> Steps:
        """G of the training part, where all are followed from time zero on."""
        return censoring_steps(self.training.times, self.training.events, self.training.counts)

    @cached_property
    def _watched(self) -> Watched | None:
        one = self.training
        if one.entry is None:
            return None
        return Watched(times=one.times, events=one.events, entry=one.entry, counts=one.counts)

    def _seen_at(self, times: Floats) -> Floats:
        """``(draw, time)``: the chance of whoever has the event then to be seen to have it."""
        return self.censoring.at(times) if self._watched is None else self._watched.until(times)

    def _free_at(self, horizon: float) -> NDArray[np.bool_]:
        """``(patient,)``: who is seen to be free of the event after the horizon."""
        free = self.test.times > horizon
        return free if self.test.entry is None else free & (self.test.entry <= horizon)

    @cached_property
    def _cases(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.test.events == 1)

    @cached_property
    def _counts(self) -> Singles:
        # Counts and halves are exact in single precision, and its products take half the time.
        return self.test.counts.astype(np.float32)

    @cached_property
    def _later(self) -> NDArray[np.bool_]:
        """``(case, patient)``: who is under observation at the case's event and known to be free of it longer."""
        times, cases = self.test.times, self._cases
        same = (times == times[cases, None]) & (self.test.events == 0)
        later = np.asarray((times > times[cases, None]) | same)
        return later if self.test.entry is None else later & (self.test.entry < times[cases, None])

    @cached_property
    def _pairs(self) -> Floats:
        """``(draw, case)``: with how many patients each case is compared."""
        return _times(self._counts, self._later.astype(np.float32))

    @cached_property
    def _uno(self) -> Floats:
        """``(draw, case)``: 1/G² at the case's time, 0 from `tau` on."""
        times = self.test.times[self._cases]
        return np.where(times < self.tau, _inverse(self._seen_at(times)) ** 2, 0.0)

    @cached_property
    def pairs(self) -> Floats:
        """``(draw,)``: how many comparable pairs a draw has."""
        drawn = self.test.counts[:, self._cases]
        return np.asarray((drawn * self._pairs).sum(axis=1), dtype=np.float64)

    def concordance(self, risks: Floats) -> tuple[Floats, Floats]:
        r"""Harrell's and Uno's C, ``(draw,)`` each; NaN where a draw has no comparable pair.

        A pair is comparable where the one's event is seen before the other's event or end of follow-up; ties in risk
        count one half. Harrell weighs pairs alike (Harrell et al., Stat Med 15:361–387, 1996), Uno by
        :math:`1/\hat G(T_i)^2` up to τ (Uno et al., Stat Med 30:1105–1117, 2011).

        Args:
            risks: ``(patient,)``, higher: earlier event.
        """
        drawn = self.test.counts[:, self._cases]
        won = drawn * _times(self._counts, _outranked(risks, self._cases) * self._later)
        compared = drawn * self._pairs
        harrell = ratio(won.sum(axis=1), compared.sum(axis=1))
        return harrell, ratio(_sum(won, self._uno), _sum(compared, self._uno))

    def auc(self, risks: Floats, horizon: float) -> Floats:
        """Cumulative/dynamic AUC ``(draw,)``: who has had the event by the horizon against who is free of it after.

        Cases weigh 1/G(T) (Hung & Chiang, Can J Stat 38:8–26, 2010); NaN where a draw lacks either.
        """
        cases = self._cases[self.test.times[self._cases] <= horizon]
        controls = self._free_at(horizon).astype(np.float32)
        drawn = self.test.counts[:, cases]
        weights = _inverse(self._seen_at(self.test.times[cases]))
        won = _times(self._counts, _outranked(risks, cases) * controls)
        number = self.test.counts @ controls
        return ratio(_sum(drawn * won, weights), _sum(drawn, weights) * number)

    def brier_sum(self, survival: Floats, horizon: float) -> Floats:
        """``(draw,)``: sum over patients of the IPCW squared error of survival at a horizon (Graf et al. 1999).

        Args:
            survival: ``(patient,)`` predicted probability of being free of the event at the horizon; or ``(draw, 1)``
                where all patients are given the same.
            horizon: in the unit of the times.
        """
        had, free = self._brier_weights(horizon)
        if survival.ndim == 2:
            return np.asarray(
                survival[:, 0] ** 2 * had.sum(axis=1) + (1 - survival[:, 0]) ** 2 * free.sum(axis=1), dtype=np.float64
            )
        return np.asarray(had @ survival**2 + free @ (1 - survival) ** 2, dtype=np.float64)

    def brier_floor(self, horizon: float) -> Floats:
        """`brier_sum` of giving everyone the training part's Kaplan–Meier estimate."""
        one = self.training
        training = survival_steps(one.times, one.events, one.counts, one.entry)
        return self.brier_sum(training.at(np.array([horizon])), horizon)

    def _brier_weights(self, horizon: float) -> tuple[Floats, Floats]:
        """``(draw, patient)``: of those who had the event by then, and of those free of it; who is neither weighs 0."""
        times, counts = self.test.times, self.test.counts
        had = (times <= horizon) & (self.test.events == 1)
        weight = np.zeros_like(counts)
        if self._watched is not None:
            # Where a draw's curve is 0 before others come, weights are unknown and so is what they are for.
            weight[:, had] = _drawn(counts[:, had], _inverse(self._watched.until(times[had])))
            free = counts * self._free_at(horizon)
            return weight, _drawn(free, _inverse(self._watched.beyond(np.array([horizon]))))
        weight[:, had] = counts[:, had] * np.nan_to_num(_inverse(self.censoring.at(times[had])))
        here = np.nan_to_num(_inverse(self.censoring.at(np.array([horizon]))))
        return weight, counts * (times > horizon) * here


def _outranked(risks: Floats, cases: NDArray[np.int64]) -> Singles:
    """``(case, patient)``: 1 where the case has the higher risk, ½ where both have the same."""
    own = risks[cases, None]
    return np.where(risks < own, 1.0, np.where(risks == own, 0.5, 0.0)).astype(np.float32)


def _times(counts: Singles, table: Singles) -> Floats:
    """``(draw, patient)`` counts and a ``(case, patient)`` table → ``(draw, case)``."""
    return np.asarray(counts @ table.T, dtype=np.float64)


def _drawn(counts: Floats, weights: Floats) -> Floats:
    """Counts times weights; who is not drawn may have an unknown weight."""
    return np.where(counts > 0, counts * weights, 0.0)


def _inverse(values: Floats) -> Floats:
    """1/G; NaN where nobody of the training part is followed so long."""
    return np.divide(1.0, values, out=np.full_like(values, np.nan), where=values > 0)


def _sum(values: Floats, weights: Floats) -> Floats:
    """Over cases; a case that is not drawn may have an unknown weight."""
    return np.asarray(np.where(values > 0, values * weights, 0.0).sum(axis=1), dtype=np.float64)
