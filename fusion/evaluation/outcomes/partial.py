r"""Cox's partial likelihood with Efron's ties, of risks of which each part has a scale and an origin of its own.

.. math:: -\ell = \sum_i \log\Big(\sum_{j: t_j \ge t_i} e^{\eta_j} - \frac{l_i}{d_i} \sum_{j \in D_i} e^{\eta_j}\Big)
    - \eta_i

over patients *i* with an event (Cox 1972; Efron, JASA 72:557–565, 1977): :math:`D_i` are the :math:`d_i` events at the
same time, of which *i* is number :math:`l_i`, counted from 0. Patients of different parts (`Truth.part`) are never at
risk together: the likelihood is stratified. Who came under observation late (`Truth.entry`) is at risk of the events
after their entry alone, :math:`a_j < t_i \le t_j` (left truncation; Andersen and Gill, Ann. Stat. 10:1100–1120, 1982).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.contract import Truth

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


class _Stratum(NamedTuple):
    """Patients who may be at risk together.

    Attributes:
        rows: their places, the longest followed first.
        at: of each event, its place in `rows`.
        end: and that of the last patient who is still at risk then.
        group: which events share a time.
        share: l / d.
        late: who came under observation late; None where nobody did.
    """

    rows: Places
    at: Places
    end: Places
    group: Places
    share: Floats
    late: _Late | None = None


class _Late(NamedTuple):
    """Who is not yet at risk at an event.

    Attributes:
        rows: places in the stratum's `rows`, the latest entry first.
        number: of each event, how many of `rows`, from the first on, come under observation only then or later.
        before: of each patient of the stratum, how many events there were until their entry, the earliest first.
    """

    rows: Places
    number: Places
    before: Places


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk when an event happens; made once for some patients, used for any risks of theirs."""

    patients: int
    strata: tuple[_Stratum, ...]

    @classmethod
    def of(cls, truth: Truth) -> RiskSets:
        """Of patients with known times."""
        part = np.zeros(len(truth), dtype=np.int64) if truth.part is None else truth.part
        strata = (_stratum(np.flatnonzero(part == one), truth) for one in np.unique(part))
        return cls(len(truth), tuple(one for one in strata if len(one.at)))

    def losses(self, risks: Floats) -> Floats:
        """``(patient,)``: each event's share of the negative log partial likelihood; 0 for the censored."""
        found = np.zeros(self.patients)
        for one in self.strata:
            eta, weight, _ = _weights(risks[one.rows])
            found[one.rows[one.at]] = np.log(_risk(one, weight)) - eta[one.at]
        return found

    def gradient(self, risks: Floats) -> Floats:
        """``(patient,)``: derivative of the summed loss by each patient's log-risk, their −martingale residual."""
        found = np.zeros(self.patients)
        for one in self.strata:
            _, weight, _ = _weights(risks[one.rows])
            found[one.rows] = weight * _hazard(one, weight)
            found[one.rows[one.at]] -= 1.0
        return found

    def hessian(self, risks: Floats, design: Floats) -> Floats:
        """``(column, column)``: second derivative of the summed loss by coefficients of `design`."""
        found = np.zeros((design.shape[1], design.shape[1]))
        for one in self.strata:
            _, weight, _ = _weights(risks[one.rows])
            x = design[one.rows]
            means = _sums(one, weight[:, None] * x) / _risk(one, weight)[:, None]
            found += (x.T * (weight * _hazard(one, weight))) @ x - means.T @ means
        return found

    def curvature(self, risks: Floats) -> Floats:
        """``(patient,)``: second derivative of the summed loss by each patient's log-risk alone, as trees take it."""
        found = np.zeros(self.patients)
        for one in self.strata:
            _, weight, _ = _weights(risks[one.rows])
            squares = _spent(one, 1 / _risk(one, weight) ** 2, lambda share: 1 - (1 - share) ** 2)
            found[one.rows] = np.maximum(weight * _hazard(one, weight) - weight**2 * squares, 0.0)
        return found

    def along(self, risks: Floats, direction: Floats) -> tuple[Floats, Floats]:
        """``(patient,)`` each: first and second derivative of each event's loss as `direction` is added to risks."""
        first, second = np.zeros(self.patients), np.zeros(self.patients)
        for one in self.strata:
            _, weight, _ = _weights(risks[one.rows])
            step, risk = direction[one.rows], _risk(one, weight)
            mean = _sums(one, weight * step) / risk
            first[one.rows[one.at]] = mean - step[one.at]
            second[one.rows[one.at]] = np.maximum(_sums(one, weight * step**2) / risk - mean**2, 0.0)
        return first, second


def breslow(truth: Truth, risks: Floats) -> tuple[Floats, Floats]:
    """Times of events and the cumulative hazard of log-risk 0 from each on (Breslow 1972), ``(time,)`` each.

    Parts are read as one: risks must be on one scale.
    """
    times, event = truth.times, truth.label == 1
    at = np.unique(times[event])
    weight = np.exp(risks)
    order = np.argsort(times, kind="stable")
    # At risk at a time: who is followed as long or longer.
    above = np.concatenate([np.cumsum(weight[order][::-1])[::-1], [0.0]])
    risk = above[np.searchsorted(times[order], at, side="left")]
    if truth.entry is not None:
        order = np.argsort(truth.entry, kind="stable")
        # And not yet: who comes under observation then or later.
        above = np.concatenate([np.cumsum(weight[order][::-1])[::-1], [0.0]])
        risk = risk - above[np.searchsorted(truth.entry[order], at, side="left")]
        risk = np.maximum(risk, np.bincount(np.searchsorted(at, times[event]), weights=weight[event]))
    deaths = np.bincount(np.searchsorted(at, times[event]), minlength=len(at))
    return at, np.cumsum(deaths / risk)


def _stratum(rows: Places, truth: Truth) -> _Stratum:
    times, event = truth.times[rows], truth.label[rows] == 1
    order = np.argsort(-times, kind="stable")
    falling, of_event = -times[order], event[order]
    at = np.flatnonzero(of_event)
    end = np.searchsorted(falling, falling[at], side="right") - 1
    _, group, number = np.unique(falling[at], return_inverse=True, return_counts=True)
    first = np.searchsorted(group, np.arange(len(number)))  # events are sorted by time already
    share = (np.arange(len(at)) - first[group]) / number[group]
    late = None if truth.entry is None else _late(truth.entry[rows][order], -falling[at])
    return _Stratum(rows=rows[order], at=at, end=end, group=group, share=share, late=late)


def _late(entry: Floats, events: Floats) -> _Late | None:
    """Of patients' entries and the times of events, the latest first."""
    if (entry < events.min(initial=np.inf)).all():
        return None
    order = np.argsort(-entry, kind="stable")
    number = np.searchsorted(-entry[order], -events, side="right")
    before = np.searchsorted(events[::-1], entry, side="right")
    return _Late(rows=order, number=number, before=before)


def _weights(risks: Floats) -> tuple[Floats, Floats, float]:
    """Risks less their largest, their exponentials, and the largest."""
    largest = float(risks.max(initial=-np.inf))
    return risks - largest, np.exp(risks - largest), largest


def _sums(one: _Stratum, values: Floats) -> Floats:
    """``(event, …)``: of who is at risk at each event, with Efron's share of those whose event is then."""
    tied = np.zeros((int(one.group.max(initial=-1)) + 1, *values.shape[1:]))
    np.add.at(tied, one.group, values[one.at])
    share = one.share.reshape(-1, *[1] * (values.ndim - 1))
    found = np.cumsum(values, axis=0)[one.end] - share * tied[one.group]
    if one.late is not None:
        nobody = np.zeros((1, *values.shape[1:]))
        found = found - np.concatenate([nobody, np.cumsum(values[one.late.rows], axis=0)])[one.late.number]
    return np.asarray(found, dtype=np.float64)


def _risk(one: _Stratum, weight: Floats) -> Floats:
    found = _sums(one, weight)
    if one.late is not None:
        # A small rest of large sums has few digits; whose event it is are at risk in any case.
        tied = np.bincount(one.group, weights=weight[one.at])
        found = np.maximum(found, (1 - one.share) * tied[one.group])
    return np.maximum(found, 1e-300)


def _hazard(one: _Stratum, weight: Floats) -> Floats:
    """``(patient,)``: the hazard that each patient of log-risk 0 was under while they were followed."""
    return _spent(one, 1 / _risk(one, weight), lambda share: share)


def _spent(one: _Stratum, each: Floats, less: Callable[[Floats], Floats]) -> Floats:
    """``(patient,)``: the sum of `each` event's number while they were at risk; of ties, less `less` of the share."""
    ending = np.bincount(one.end, weights=each, minlength=len(one.rows))
    spent = np.cumsum(ending[::-1])[::-1]
    tied = np.bincount(one.group, weights=less(one.share) * each)
    spent[one.at] -= tied[one.group]
    if one.late is not None:
        spent = spent - np.concatenate([[0.0], np.cumsum(each[::-1])])[one.late.before]
    return np.asarray(spent, dtype=np.float64)
