"""What a decision costs and brings at a declared operating point, measured out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.decision_curve import net_benefit_draws
from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.metrics import at_threshold, ratio
from fusion.evaluation.operating.cuts import RULES
from fusion.evaluation.operating.questions import Question
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]
SHARES = ("sensitivity", "specificity", "precision", "negative_value", "called")
"""What is told of every point; ``negative_value`` is the share of those not called who are negative."""


def operating(
    predictions: pd.DataFrame,
    inner: pd.DataFrame,
    points: Sequence[tuple[str, float]],
    *,
    draws: int,
    seed: int,
    questions: Sequence[Question] = (Question(),),
    elsewhere: bool = False,
) -> dict[str, Any]:
    """The part ``operating`` of metrics.json; empty where nothing was asked for or no inner scores were kept.

    In each outer fold a cut-off is chosen on the scores of its training patients, each by inner models that did not see
    that patient, and applied to its test patients. Values are of the complete out-of-fold vector, mean over repeats.
    Another cohort, scored by the mean of the fold models, gets the mean of the folds' cut-offs.

    Args:
        predictions: out of fold; of another cohort one row a patient and arm.
        inner: of inner_predictions.parquet.
        points: of `operating_points`.
        draws: of the bootstrap.
        seed: of it.
        questions: that are decided.
        elsewhere: `predictions` are of another cohort.

    Returns:
        ``rows``: of each question, point and arm `SHARES` with 95 % intervals, the lowest and highest cut-off of its
        folds, of another cohort the one applied, ``cut``, of points by net benefit ``net_benefit`` and its gain over
        calling everybody, ``over_all`` (calling nobody is worth 0), and, where there is more than one question, ``at``,
        which one. ``untold``: questions of which training patients of some fold, or all patients, do not have both
        answers (nobody is followed to a horizon, say).
    """
    if not points or inner.empty or not questions:
        return {}
    predictions, inner = (one[one["label"] >= 0] for one in (predictions, inner))
    patients = sorted(str(one) for one in predictions["patient_id"].unique())
    plan = resample(units_of(predictions, patients).of, draws, seed=seed)
    arms = [str(arm) for arm in predictions["arm"].unique() if arm in set(inner["arm"])]
    first = predictions[predictions["arm"] == arms[0]] if arms else predictions
    truth = first[first["repeat"] == first["repeat"].min()].set_index("patient_id").loc[patients]
    rows: list[dict[str, Any]] = []
    untold = []
    for question in questions:
        weights = question.weights(truth, plan.counts)
        chosen = {
            (rule, target, arm): _cuts(question, rule, target, inner[inner["arm"] == arm])
            for rule, target in points
            for arm in arms
        }
        both = 0 < weights[0] @ question.answers(truth) < weights[0].sum()
        if not both or any(one is None for one in chosen.values()):
            untold.append(question.at)
            continue
        rows += [
            _row(
                question, rule, target, arm, predictions[predictions["arm"] == arm], cuts, patients, plan, weights,
                elsewhere=elsewhere,
            )
            for (rule, target, arm), cuts in chosen.items()
            if cuts is not None
        ]  # fmt: skip
    return {"rows": rows, **({"untold": untold} if untold else {})}


def _cuts(question: Question, rule: str, target: float, inner: pd.DataFrame) -> dict[Any, float] | None:
    """Repeat and fold → its cut-off; None where training patients of a fold do not have both answers."""
    if not set(question.columns) <= set(inner):
        return None
    cuts = {}
    for place, part in inner.groupby(["repeat", "fold"]):
        answers = question.answers(part)
        weights = question.weights(part, np.ones((1, len(part))))[0]
        if not 0 < weights @ answers < weights.sum():
            return None
        cuts[place] = RULES[rule](answers, question.chances(part), target, weights)
    return cuts


def _row(
    question: Question, rule: str, target: float, arm: str, outer: pd.DataFrame, cuts: Mapping[Any, float],
    patients: list[str], plan: Resampling, weights: Floats, *, elsewhere: bool,
) -> dict[str, Any]:  # fmt: skip
    of_all = float(np.mean(list(cuts.values())))
    places = zip(outer["repeat"], outer["fold"], strict=True)
    cut = pd.Series([of_all if elsewhere else cuts[place] for place in places], index=outer.index)
    parts: dict[str, list[Floats]] = {}
    for _, part in outer.assign(cut=cut).groupby("repeat"):
        rows = part.set_index("patient_id").loc[patients]
        for name, values in _measured(question, rows, rule, target, plan.counts, weights).items():
            parts.setdefault(name, []).append(values)
    mean = {name: np.mean(values, axis=0) for name, values in parts.items()}
    row: dict[str, Any] = {
        **({"at": question.at} if question.at else {}),
        "rule": rule,
        "target": target,
        "arm": arm,
        "low": float(min(cuts.values())),
        "high": float(max(cuts.values())),
        **({"cut": of_all} if elsewhere else {}),
    }
    row |= {name: plan.value(mean[name]).record() for name in (*SHARES, "net_benefit") if name in mean}
    return row | ({"over_all": plan.gain(mean["over_all"]).record()} if "over_all" in mean else {})


def _measured(
    question: Question, rows: pd.DataFrame, rule: str, target: float, counts: Floats, weights: Floats
) -> dict[str, Floats]:
    """Of one repeat, each ``(draw,)``; NaN where a draw leaves nobody to count."""
    labels, scores, cut = question.answers(rows), question.chances(rows), rows["cut"].to_numpy(np.float64)
    called = (scores >= cut).astype(np.float64)
    found = at_threshold(labels, scores, cut, weights)
    # Who came under observation late stands for others also in how many are called.
    everyone = weights if "entry" in rows else counts
    made = {
        "sensitivity": found["recall"],
        "specificity": found["specificity"],
        "precision": ratio(weights @ (called * labels), weights @ called),
        "negative_value": ratio(weights @ ((1 - called) * (1 - labels)), weights @ (1 - called)),
        "called": everyone @ called / everyone.sum(axis=1),
    }
    if rule == "net_benefit":
        at = np.array([target])
        made["net_benefit"] = net_benefit_draws(labels, called, at, weights)[:, 0]
        made["over_all"] = made["net_benefit"] - net_benefit_draws(labels, np.ones_like(called), at, weights)[:, 0]
    return made
