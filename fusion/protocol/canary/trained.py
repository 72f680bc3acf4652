"""Permuted labels through the real arms: finished runs of ``fusion.train canary=permuted`` on the same data, judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fusion.contract import FusionError
from fusion.evaluation.comparison import arm_label
from fusion.evaluation.outcome import outcome_of
from fusion.protocol.canary.judged import Check, by_chance, within
from fusion.run.canaries import DATA

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome
    from fusion.run.folder import RunFolder

NAME = "labels permuted, real arms"
FLOOR = "floor"
"""How arms begin that are no candidates for anything."""


def through_arms(runs: Sequence[RunFolder], data: str) -> Check:
    """Whether any arm of these runs predicts labels that were dealt out anew.

    AUROC within folds and, where folds spread sites, within the sites in them (see `within`), mean over runs, of the
    first repeat. The arm that is furthest above 0.5 decides, its p-value times the arms.

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
                found.setdefault(str(arm), []).append(of_arm(rows, outcome, _sites(run)))
    means = {arm: float(np.mean([value for value, _ in each])) for arm, each in found.items()}
    if np.isnan(list(means.values())).any():
        raise FusionError("permuted: no fold, or site in it, has test patients of both groups. Train with fewer folds.")
    chances = {arm: by_chance(each) for arm, each in found.items()}
    worst = min(chances, key=chances.__getitem__)
    figures: dict[str, Any] = {"auroc": means, "runs": len(runs), "arms": len(means), "highest": worst}
    said = (
        f"AUROC within folds and sites at most {max(means.values()):.3f} of {len(means)} arms that "
        f"{'were' if len(means) > 1 else 'was'} trained {_times(len(runs))} on labels dealt out anew; furthest from "
        f"chance: {arm_label(worst)}, {means[worst]:.3f}. 0.5 is nothing found."
    )
    return Check(name=NAME, decides=True, said=said, p=min(1.0, len(means) * chances[worst]), figures=figures)


def of_arm(rows: pd.DataFrame, outcome: Outcome, sites: Mapping[str, str]) -> tuple[float, float]:
    """`within` of one arm's rows of predictions; `sites` of patients where folds spread them, else nothing."""
    groups, _ = outcome.two_groups(rows["label"])
    # Within a fold only order counts, of times that of log-risks.
    unknown = np.full(len(rows), -1)
    scores = rows["score"].to_numpy(np.float64) if "score" in rows else outcome.number(rows, unknown)
    strata = [f"{fold} {sites.get(one, '')}" for fold, one in zip(rows["fold"], rows["patient_id"], strict=True)]
    return within(np.array(groups, dtype=np.float64), scores, strata)


def _sites(run: RunFolder) -> dict[str, str]:
    """Patient → site, where the run's folds spread sites."""
    told = run.described()
    if (run.config().get("folds") or {}).get("site", "stratify") != "stratify" or "site" not in told:
        return {}
    return {str(one): str(site) for one, site in zip(told["patient_id"], told["site"], strict=True)}


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
