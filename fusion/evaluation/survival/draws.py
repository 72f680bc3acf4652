"""Every metric of every arm for all bootstrap draws of one repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.survival.fold import FoldDraws, Followed
from fusion.evaluation.survival.frame import Predicted, Repeat

Floats = NDArray[np.float64]

METRICS: Mapping[str, str] = {
    "c_harrell": "Harrell's C",
    "c_uno": "Uno's C",
    "auc_t": "Time-dependent AUC",
    "ibs": "Integrated Brier score",
    "ibs_skill": "Integrated Brier skill",
}
"""Key in metrics.json → what reports call it. AUC is the mean over the declared horizons."""

_CELLS = 2_000_000
"""Of a (draw, patient) block: what bounds memory."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One arm in one repeat.

    Attributes:
        metrics: name → ``(draw,)``.
        auc: ``(draw, horizon)``.
        brier: likewise.
        c_harrell: ``(fold,)`` of the sample itself, NaN where a fold has no comparable pair.
        c_uno: likewise.
    """

    metrics: dict[str, Floats]
    auc: Floats
    brier: Floats
    c_harrell: Floats
    c_uno: Floats


def measure(data: Predicted, repeat: Repeat, counts: Floats, *, tau: float) -> tuple[dict[str, Measured], Floats]:
    """Arm → what was measured; and ``(draw,)`` in how many folds a draw has no comparable pair.

    Concordances and AUCs are means over the folds that a draw leaves a comparable pair; Brier scores are over all
    patients, for probabilities of different models mean the same.

    Args:
        data: all predictions.
        repeat: one of them.
        counts: ``(draw, patient)``.
        tau: of Uno's C.
    """
    parts = [_block(data, repeat, block, tau) for block in _blocks(counts)]
    arms = {}
    for arm in repeat.risks:
        each = {name: np.concatenate([part[arm][name] for part, _ in parts]) for name in parts[0][0][arm]}
        auc, brier, floor = each["auc"], each["brier"], each["floor"]
        ibs, ibs_floor = _over_time(brier, data.horizons), _over_time(floor, data.horizons)
        metrics = {
            "c_harrell": _mean(each["c_harrell"]),
            "c_uno": _mean(each["c_uno"]),
            "auc_t": auc.mean(axis=1) if auc.shape[1] else np.full(len(counts), np.nan),
            "ibs": ibs,
            "ibs_skill": 1 - np.divide(ibs, ibs_floor, out=np.full(len(ibs), np.nan), where=ibs_floor > 0),
        }
        arms[arm] = Measured(
            metrics=metrics, auc=auc, brier=brier, c_harrell=each["c_harrell"][0], c_uno=each["c_uno"][0]
        )
    return arms, np.concatenate([lacking for _, lacking in parts])


def _block(data: Predicted, repeat: Repeat, counts: Floats, tau: float) -> tuple[dict[str, dict[str, Floats]], Floats]:
    folds = np.unique(repeat.folds)
    shape = (len(counts), len(data.horizons))
    lacking = np.zeros(len(counts))
    floor = np.zeros(shape)
    concordance: dict[str, list[tuple[Floats, Floats]]] = {arm: [] for arm in repeat.risks}
    aucs: dict[str, list[Floats]] = {arm: [] for arm in repeat.risks}
    brier = {arm: np.zeros(shape) for arm in repeat.risks}
    for fold in folds:
        inside = repeat.folds == fold
        shared = fold_draws(data, inside, counts, tau=tau)
        lacking += shared.pairs == 0
        for place, horizon in enumerate(data.horizons):
            floor[:, place] += shared.brier_floor(horizon)
        for arm, risks in repeat.risks.items():
            concordance[arm].append(shared.concordance(risks[inside]))
            aucs[arm].append(_stacked([shared.auc(risks[inside], horizon) for horizon in data.horizons], shape))
            for place, horizon in enumerate(data.horizons):
                brier[arm][:, place] += shared.brier_sum(repeat.survival[arm][inside, place], horizon)
    total = counts.sum(axis=1)[:, None]
    made = {
        arm: {
            "c_harrell": np.stack([harrell for harrell, _ in concordance[arm]], axis=1),
            "c_uno": np.stack([uno for _, uno in concordance[arm]], axis=1),
            "auc": _mean(np.stack(aucs[arm], axis=2)),
            "brier": brier[arm] / total,
            "floor": floor / total,
        }
        for arm in repeat.risks
    }
    return made, lacking


def fold_draws(data: Predicted, inside: NDArray[np.bool_], counts: Floats, *, tau: float) -> FoldDraws:
    """A test fold with its training part: the patients tested in other folds; with one fold the fold itself."""
    training = ~inside if not inside.all() else inside

    def part(rows: NDArray[np.bool_]) -> Followed:
        entry = None if data.entry is None else data.entry[rows]
        return Followed(times=data.times[rows], events=data.events[rows], counts=counts[:, rows], entry=entry)

    return FoldDraws(test=part(inside), training=part(training), tau=tau)


def _stacked(columns: list[Floats], shape: tuple[int, int]) -> Floats:
    return np.stack(columns, axis=1) if columns else np.zeros(shape)


def _over_time(values: Floats, horizons: Floats) -> Floats:
    """Mean over the time from the first horizon to the last, by trapezoids; with one horizon that one's value."""
    if not len(horizons):
        return np.full(len(values), np.nan)
    if len(horizons) == 1:
        return values[:, 0]
    return np.asarray(np.trapezoid(values, horizons, axis=1) / (horizons[-1] - horizons[0]), dtype=np.float64)


def _mean(values: Floats) -> Floats:
    """Over the last axis' known values; NaN where there is none."""
    known = np.isfinite(values)
    number = known.sum(axis=-1)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.asarray(np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0), dtype=np.float64)


def _blocks(counts: Floats) -> Iterator[Floats]:
    rows = max(1, _CELLS // max(1, counts.shape[1]))
    for start in range(0, len(counts), rows):
        yield counts[start : start + rows]
