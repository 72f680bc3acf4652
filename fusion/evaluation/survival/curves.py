"""Kaplan–Meier curves of one sample with intervals, numbers at risk and the restricted mean; and the log-rank test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from fusion.evaluation.survival.steps import RiskTable, risk_table

Floats = NDArray[np.float64]

_Z = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A curve with pointwise 95 % intervals, a value at each distinct time; NaN intervals where none exists."""

    times: Floats
    survival: Floats
    low: Floats
    high: Floats

    def at(self, time: float) -> tuple[float, float, float]:
        """Survival and its interval at a time; NaN after the last time, unless everyone has had the event by then."""
        place = int(np.searchsorted(self.times, time, side="right")) - 1
        if place < 0:
            return 1.0, 1.0, 1.0
        if time > self.times[-1] and self.survival[-1] > 0:
            return float("nan"), float("nan"), float("nan")
        return float(self.survival[place]), float(self.low[place]), float(self.high[place])

    @property
    def median(self) -> float:
        """The first time at which at most half are free of the event; NaN where the curve stays above."""
        below = np.flatnonzero(self.survival <= 0.5 + 1e-12)
        return float(self.times[below[0]]) if len(below) else float("nan")


def kaplan_meier(times: Floats, events: Floats, entry: Floats | None = None) -> Curve:
    """Kaplan–Meier's estimate with intervals by log(-log S) of Greenwood's variance (Kalbfleisch & Prentice 2002).

    Where few are under observation early the curve may fall to 0 while others are still to come; see `emptied`.

    Args:
        times: ``(patient,)`` of the event or of censoring.
        events: ``(patient,)`` 1 where the event was seen, else 0.
        entry: ``(patient,)`` from when on they were under observation (left truncation); None: from time zero on.
    """
    table = _once(times, events, entry)
    d, n = table.events[0], table.at_risk[0]
    survival = np.cumprod(1 - d / n)
    inside = (survival > 0) & (survival < 1)
    spread = np.sqrt(_greenwood(d, n))
    logs = np.log(survival, out=np.full_like(survival, -1.0), where=inside)
    with np.errstate(over="ignore"):
        half = np.exp(_Z * spread / -logs)
    low = np.where(inside, np.exp(logs * half), np.where(survival == 1, 1.0, np.nan))
    high = np.where(inside, np.exp(logs / half), np.where(survival == 1, 1.0, np.nan))
    return Curve(times=table.times, survival=survival, low=low, high=high)


def numbers_at_risk(times: Floats, at: Floats, entry: Floats | None = None) -> list[int]:
    """How many are followed and free of the event just before each time; at 0 those who are followed from then on."""
    there = np.zeros(len(times)) if entry is None else entry
    return [int(((times >= one) & ((there < one) | (there == 0))).sum()) for one in at]


def emptied(times: Floats, events: Floats, entry: Floats | None) -> float | None:
    """When Kaplan–Meier's curve falls to 0 while others are still to come under observation; None where it does not.

    All who were under observation then had the event, few mostly, and the curve can say nothing of later times.
    """
    if entry is None:
        return None
    curve = kaplan_meier(times, events, entry)
    gone = curve.times[curve.survival <= 0]
    return float(gone[0]) if len(gone) and (times > gone[0]).any() else None


@dataclass(frozen=True, kw_only=True)
class RestrictedMean:
    """Mean time free of the event up to `until`, with its standard error."""

    value: float
    error: float
    until: float


def restricted_mean(times: Floats, events: Floats, until: float, entry: Floats | None = None) -> RestrictedMean:
    r"""Area under Kaplan–Meier's curve up to a time (Royston & Parmar, BMC Med Res Methodol 13:152, 2013).

    Its variance is :math:`\sum_k A_k^2\, d_k / (n_k (n_k - d_k))`, *A* the area from the k-th time on. After the last
    patient's time the curve goes on as it is, so choose a time to which each group is followed.
    """
    table = _once(times, events, entry)
    d, n = table.events[0], table.at_risk[0]
    inside = table.times < until
    survival = np.cumprod(1 - d / n)[inside]
    edges = np.concatenate([[0.0], table.times[inside], [until]])
    areas = np.diff(edges) * np.concatenate([[1.0], survival])
    after = areas[::-1].cumsum()[::-1][1:]
    d, n = d[inside], n[inside]
    terms = np.divide(after**2 * d, n * (n - d), out=np.zeros_like(after), where=n > d)
    return RestrictedMean(value=float(areas.sum()), error=float(np.sqrt(terms.sum())), until=until)


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """Whether groups' curves differ; NaN where the test does not exist."""

    statistic: float
    p: float
    degrees: int


def log_rank(times: Floats, events: Floats, groups: NDArray[np.int64], entry: Floats | None = None) -> LogRank:
    """The log-rank test of two groups or more (Mantel 1966; Peto & Peto 1972).

    Args:
        times: ``(patient,)``.
        events: ``(patient,)`` 1 where the event was seen.
        groups: ``(patient,)``.
        entry: ``(patient,)`` as of `kaplan_meier`.
    """
    names = np.unique(groups)
    member = (groups[None, :] == names[:, None]).astype(np.float64)
    table = risk_table(times, events, member, entry)
    d, n = table.events, table.at_risk
    total_d, total_n = d.sum(axis=0), n.sum(axis=0)
    share = n / total_n
    gap = (d - total_d * share).sum(axis=1)[:-1]
    chance = np.divide(total_d * (total_n - total_d), total_n - 1, out=np.zeros_like(total_d), where=total_n > 1)
    covariance = np.diag((chance * share).sum(axis=1)) - (chance * share) @ share.T
    covariance = covariance[:-1, :-1]
    degrees = len(names) - 1
    if degrees < 1 or np.linalg.matrix_rank(covariance) < degrees:
        return LogRank(statistic=float("nan"), p=float("nan"), degrees=degrees)
    statistic = float(gap @ np.linalg.solve(covariance, gap))
    return LogRank(statistic=statistic, p=float(chi2.sf(statistic, degrees)), degrees=degrees)


def _once(times: Floats, events: Floats, entry: Floats | None) -> RiskTable:
    return risk_table(times, events, np.ones((1, len(times))), entry)


def _greenwood(d: Floats, n: Floats) -> Floats:
    """Cumulative Σ d / (n (n - d)); what follows the last patient's event is unknown and stays as it is."""
    return np.cumsum(np.divide(d, n * (n - d), out=np.zeros_like(d), where=n > d))
