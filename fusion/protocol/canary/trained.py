"""Permuted labels through the real arms: finished runs of ``fusion.train canary=permuted`` on the same data, judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from fusion.contract import FusionError
from fusion.evaluation.comparison import arm_label
from fusion.evaluation.metrics import auroc
from fusion.evaluation.outcome import outcome_of
from fusion.protocol.canary.judged import Check
from fusion.run.canaries import DATA

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome
    from fusion.run.folder import RunFolder

NAME = "labels permuted, real arms"
FLOOR = "floor"
"""How arms begin that are no candidates for anything."""


def through_arms(runs: Sequence[RunFolder], data: str) -> Check:
    """Whether any arm of these runs predicts labels that were dealt out anew.

    AUROC within folds, mean over folds and runs, of the first repeat; across folds nothing would look like less than
    0.5, for a fold with more positives to test has fewer to train on and scores lower. Its variance is Mann and
    Whitney's, (m + n + 1)/12mn a fold. The arm that is furthest above 0.5 decides, its p-value times the arms.

    Args:
        runs: finished.
        data: digest of what canaries look at.

    Raises:
        FusionError: labels of a run were not permuted, or as those of another, or a run is of other data.
    """
    _refuse(runs, data)
    found: dict[str, list[tuple[float, float]]] = {}
    for run in runs:
        outcome, predictions = outcome_of(run.cohort_spec().endpoint), run.predictions()
        first = predictions[(predictions["repeat"] == 0) & (predictions["label"] >= 0)]
        for arm, rows in first.groupby("arm", sort=False):
            if not str(arm).startswith(FLOOR):
                found.setdefault(str(arm), []).append(within_folds(rows, outcome))
    means = {arm: float(np.mean([value for value, _ in each])) for arm, each in found.items()}
    chances = {
        arm: float(norm.sf((means[arm] - 0.5) / np.sqrt(sum(variance for _, variance in each) / len(each) ** 2)))
        for arm, each in found.items()
    }
    worst = min(chances, key=chances.__getitem__)
    figures: dict[str, Any] = {"auroc": means, "runs": len(runs), "arms": len(means), "highest": worst}
    said = (
        f"AUROC within folds at most {max(means.values()):.3f} of {len(means)} arms that "
        f"{'were' if len(means) > 1 else 'was'} trained {_times(len(runs))} on labels dealt out anew; furthest from "
        f"chance: {arm_label(worst)}, {means[worst]:.3f}. 0.5 is nothing found."
    )
    return Check(name=NAME, decides=True, said=said, p=min(1.0, len(means) * chances[worst]), figures=figures)


def within_folds(rows: pd.DataFrame, outcome: Outcome) -> tuple[float, float]:
    """Mean AUROC of one arm within folds and its variance by chance; folds without both groups tell nothing.

    Raises:
        FusionError: no fold has both.
    """
    values, variances = [], []
    groups, _ = outcome.two_groups(rows["label"])
    for _, part in rows.assign(positive=groups.to_numpy()).groupby("fold"):
        labels = part["positive"].to_numpy(np.float64)
        positive, negative = float(labels.sum()), float(len(labels) - labels.sum())
        if positive and negative:
            # Within a fold only order counts, of times that of log-risks.
            unknown = np.full(len(part), -1)
            scores = part["score"].to_numpy(np.float64) if "score" in part else outcome.number(part, unknown)
            values.append(float(auroc(labels, scores, np.ones((1, len(part))))[0]))
            variances.append((positive + negative + 1) / (12 * positive * negative))
    if not values:
        raise FusionError("permuted: no fold has test patients of both groups. Train with fewer folds.")
    return float(np.mean(values)), float(np.sum(variances)) / len(values) ** 2


def _refuse(runs: Sequence[RunFolder], data: str) -> None:
    seeds: dict[int, RunFolder] = {}
    for run in runs:
        if run.config().get("canary") != "permuted":
            raise FusionError(
                f"permuted={run.path}: its labels were not permuted. Train with canary=permuted, otherwise as the run "
                "that is to be trusted."
            )
        if run.record().get(DATA) != data:
            raise FusionError(
                f"permuted={run.path}: it is of other data than these: another cohort, endpoint or file, or a file "
                "that has changed since."
            )
        seed = int(run.record()["seed"])
        if seed in seeds:
            raise FusionError(
                f"permuted={run.path}: labels are dealt out by the seed, and {seeds[seed].path} has {seed} too. Train "
                "each run with another seed."
            )
        seeds[seed] = run


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
