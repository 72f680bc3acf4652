"""Comparable pairs of patients within folds, for all draws at once: Harrell's C and what each patient does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion.contract import Truth

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Of one fold.

    Attributes:
        place: ``(member,)`` of its patients among all.
        cases: ``(case,)`` of those with an event among its patients.
        later: ``(case, member)`` 1 where the two are comparable.
        won: ``(case, member)`` 1 where the case has more risk too, ½ where both have the same.
    """

    place: NDArray[np.int64]
    cases: NDArray[np.int64]
    later: Singles
    won: Singles


def pairs_within(truth: Truth, risks: Floats) -> Iterator[Pairs]:
    """The comparable pairs of every fold.

    A pair is comparable where the one's event is seen before the other's event or end of follow-up (who is censored at
    the time of an event outlived it) and the other was under observation by then; the one with the event wins by more
    risk, ties count one half (Harrell et al., JAMA 247:2543–2546, 1982).

    Args:
        truth: with times; `part` is the fold.
        risks: ``(patient,)``, comparable within a fold only.
    """
    part = np.zeros(len(truth), dtype=np.int64) if truth.part is None else truth.part
    for one in np.unique(part):
        place = np.flatnonzero(part == one)
        time, event, risk = truth.times[place], truth.label[place] == 1, risks[place]
        cases = np.flatnonzero(event)
        when, own = time[cases, None], risk[cases, None]
        later = (time > when) | ((time == when) & ~event)
        if truth.entry is not None:
            later &= truth.entry[place] < when
        won = np.where(risk < own, 1.0, np.where(risk == own, 0.5, 0.0)) * later
        # Halves and counts are exact in single precision, and products take half the time.
        yield Pairs(place=place, cases=cases, later=later.astype(np.float32), won=won.astype(np.float32))


def harrell_draws(risks: Floats, truth: Truth, counts: Floats) -> Floats:
    """Harrell's C of every draw, ``(draw,)``: the mean over the folds that a draw leaves a comparable pair, else NaN.

    A patient drawn twice is no pair with themselves, as a copy has the same time.

    Args:
        risks: ``(patient,)``.
        truth: of the same patients.
        counts: ``(draw, patient)``.
    """
    each = []
    for pairs in pairs_within(truth, risks):
        number, right = (_sums(pairs, one, counts) for one in (pairs.later, pairs.won))
        each.append(np.divide(right, number, out=np.full(len(counts), np.nan), where=number > 0))
    table = np.stack(each, axis=1)
    known = np.isfinite(table)
    total = np.where(known, table, 0.0).sum(axis=1)
    found: Floats = np.divide(total, known.sum(axis=1), out=np.full(len(counts), np.nan), where=known.any(axis=1))
    return found


def _sums(pairs: Pairs, table: Singles, counts: Floats) -> Floats:
    """``(draw,)`` over the pairs that a draw has, as often as it has them."""
    drawn = counts[:, pairs.place].astype(np.float32)
    each = drawn[:, pairs.cases] * (drawn @ table.T)
    return np.asarray(each.sum(axis=1, dtype=np.float64), dtype=np.float64)


def pooled(risks: Floats, truth: Truth, counts: Floats) -> Floats:
    """Harrell's C over the pairs within all folds together, ``(draw,)``: steadier where a fold has few patients."""
    number, right = np.zeros(len(counts)), np.zeros(len(counts))
    for pairs in pairs_within(truth, risks):
        number += _sums(pairs, pairs.later, counts)
        right += _sums(pairs, pairs.won, counts)
    found: Floats = np.divide(right, number, out=np.full(len(counts), np.nan), where=number > 0)
    return found


def pooled_influence(risks: Floats, truth: Truth, member: Floats) -> tuple[Floats, Floats, Floats]:
    r"""`pooled`, what every patient does to it, and the least variance to assume.

    With :math:`W/P` pairs won of all, patient *i* moves it by
    :math:`\sum_j [(w_{ij}+w_{ji}) - C(p_{ij}+p_{ji})]/P` (Hájek projection); the variance is the sum of their squares.

    Args:
        risks: ``(patient,)``.
        truth: of the same patients.
        member: ``(draw, patient)`` 0/1.

    Returns:
        ``(draw,)``; ``(draw, patient)``; and ``(draw,)`` the variance that half a misranked pair would have.
    """
    own = np.zeros((2, *member.shape), dtype=np.float32)
    for pairs in pairs_within(truth, risks):
        inside = member[:, pairs.place].astype(np.float32)
        case = inside[:, pairs.cases]
        for at, table in enumerate((pairs.later, pairs.won)):
            mine = inside * (case @ table)
            mine[:, pairs.cases] += case * (inside @ table.T)
            own[at][:, pairs.place] = mine
    number, right = own.sum(axis=2, dtype=np.float64) / 2
    value = np.divide(right, number, out=np.full(len(member), np.nan), where=number > 0)
    some = np.maximum(number, 1)
    influence = (own[1] - value[:, None].astype(np.float32) * own[0]) / some[:, None].astype(np.float32)
    share = (np.maximum(value, 1 - value) * some + 0.5) / (some + 1)
    return value, influence, share * (1 - share) / some
