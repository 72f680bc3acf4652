"""What a decision costs and brings at a declared operating point, measured out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.decision_curve import net_benefit_draws
from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.judgement import finite
from fusion.evaluation.metrics import at_threshold
from fusion.evaluation.operating.cuts import RULES
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]
SHARES = ("sensitivity", "specificity", "precision", "negative_value", "called")
"""What is told of every point; ``negative_value`` is the share of those not called who are negative."""


def operating(
    predictions: pd.DataFrame, inner: pd.DataFrame, points: Sequence[tuple[str, float]], *, draws: int, seed: int
) -> dict[str, Any]:
    """The part ``operating`` of metrics.json; empty where nothing was asked for or no inner scores were kept.

    In each outer fold a cut-off is chosen on the scores of its training patients, each by inner models that did not see
    that patient, and applied to its test patients. Values are of the complete out-of-fold vector, mean over repeats.

    Args:
        predictions: out of fold, of a binary endpoint.
        inner: of inner_predictions.parquet.
        points: of `operating_points`.
        draws: of the bootstrap.
        seed: of it.

    Returns:
        ``rows``: of each point and arm `SHARES` with 95 % intervals, the lowest and highest cut-off of its folds, and
        of points by net benefit ``net_benefit`` and its gain over calling everybody, ``over_all`` (calling nobody is
        worth 0).
    """
    if not points or inner.empty:
        return {}
    patients = sorted(str(one) for one in predictions["patient_id"].unique())
    plan = resample(units_of(predictions, patients).of, draws, seed=seed)
    arms = [str(arm) for arm in predictions["arm"].unique() if arm in set(inner["arm"])]
    rows = [
        _row(rule, target, arm, predictions[predictions["arm"] == arm], inner[inner["arm"] == arm], patients, plan)
        for rule, target in points
        for arm in arms
    ]
    return {"rows": rows}


def _row(
    rule: str, target: float, arm: str, outer: pd.DataFrame, inner: pd.DataFrame, patients: list[str], plan: Resampling
) -> dict[str, Any]:
    where = ["repeat", "fold"]
    cuts = {
        place: RULES[rule](part["label"].to_numpy(np.float64), part["score"].to_numpy(np.float64), target)
        for place, part in inner.groupby(where)
    }
    cut = pd.Series([cuts[place] for place in zip(*(outer[one] for one in where), strict=True)], index=outer.index)
    parts: dict[str, list[Floats]] = {}
    for _, part in outer.assign(cut=cut).groupby("repeat"):
        for name, values in _measured(part.set_index("patient_id").loc[patients], rule, target, plan.counts).items():
            parts.setdefault(name, []).append(values)
    mean = {name: np.mean(values, axis=0) for name, values in parts.items()}
    row: dict[str, Any] = {
        "rule": rule,
        "target": target,
        "arm": arm,
        "low": float(cut.min()),
        "high": float(cut.max()),
    }
    row |= {name: finite(asdict(plan.value(mean[name]))) for name in (*SHARES, "net_benefit") if name in mean}
    return row | ({"over_all": finite(asdict(plan.gain(mean["over_all"])))} if "over_all" in mean else {})


def _measured(rows: pd.DataFrame, rule: str, target: float, counts: Floats) -> dict[str, Floats]:
    """Of one repeat, each ``(draw,)``; NaN where a draw leaves nobody to count."""
    labels, scores, cut = (rows[one].to_numpy(np.float64) for one in ("label", "score", "cut"))
    called = (scores >= cut).astype(np.float64)
    found = at_threshold(labels, scores, cut, counts)
    number = counts.sum(axis=1)
    yes, spared = counts @ called, counts @ (1 - called)
    made = {
        "sensitivity": found["recall"],
        "specificity": found["specificity"],
        "precision": _share(counts @ (called * labels), yes),
        "negative_value": _share(counts @ ((1 - called) * (1 - labels)), spared),
        "called": yes / number,
    }
    if rule == "net_benefit":
        at = np.array([target])
        made["net_benefit"] = net_benefit_draws(labels, called, at, counts)[:, 0]
        made["over_all"] = made["net_benefit"] - net_benefit_draws(labels, np.ones_like(called), at, counts)[:, 0]
    return made


def _share(part: Floats, whole: Floats) -> Floats:
    share: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return share
