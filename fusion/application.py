"""A trained run applied to a cohort: scores by fold, their spread, what matched, who is unlike the training set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from numpy.typing import NDArray

from fusion.arms.classical import features
from fusion.contract import EndpointSpec, FittedModality, FusionError, Progress
from fusion.evaluation.outcome import outcome_of
from fusion.novelty import Novelty
from fusion.run_files import replace_file
from fusion.state import load_state, save_json
from fusion.trained import load_members, score

if TYPE_CHECKING:
    from fusion.cohort_setup import Setup
    from fusion.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Application:
    """What a run says of a cohort's patients.

    Attributes:
        table: the content of predictions.csv.
        threshold: mean of the folds' thresholds, for labelled cohorts.
        matches: modality → features matched, missing and extra, where features are matched by name.
        arm: which was applied.
    """

    table: pd.DataFrame
    threshold: float
    matches: dict[str, Any]
    arm: str


def apply(
    folder: RunFolder, config: Any, setup: Setup, *, arm: str, min_match: float, progress: Progress
) -> Application:
    """Score every patient of `setup` by the run's fold models.

    Args:
        folder: the run.
        config: the run's configuration, reading the new cohort.
        setup: the new cohort.
        arm: ``fusion`` or ``only_<modality>``.
        min_match: share of a modality's trained features below which it is refused.
        progress: of the folds.

    Raises:
        FusionError: no such arm; a modality of the arm is missing; too few features match.
    """
    patients = list(setup.cohort.patient_ids)
    if not patients:
        raise FusionError("cohort: no patient to predict is left; see the reconciliation for where they were dropped.")
    folds = folder.folds()["folds"]
    make_data = instantiate(config.datamodule)
    outcome = outcome_of(_endpoint(folder))
    scores: list[NDArray[np.float64]] = []
    distances = pd.DataFrame(np.nan, index=patients, columns=[_name(fold) for fold in folds])
    matches: dict[str, Any] = {}
    thresholds = []
    for done, fold in enumerate(folds):
        progress("Scoring by fold models", done, len(folds))
        name, models = _name(fold), folder.models(_name(fold))
        seen = set(fold["train"])
        unseen = [patient for patient in patients if patient not in seen]
        members = list(
            load_members(models, name, arm=arm, config=config, endpoint=_endpoint(folder), modalities=setup.modalities)
        )
        if not matches:
            matches = _matches(members[0].fitted, min_match)
        thresholds.append(json.loads((models / arm / "arm.json").read_text())["calibration"]["threshold"])
        if unseen:
            mine = score(members, unseen, make_data)
            scores.append(np.full((len(patients), *mine.shape[1:]), np.nan))
            scores[-1][[patient not in seen for patient in patients]] = mine
            distances.loc[unseen, name] = _distance(models, setup, unseen)
    progress("Scoring by fold models", len(folds), len(folds))
    by_fold = np.stack(scores)
    trained_on = {patient for fold in folds for patient in fold["train"]}
    table = pd.DataFrame(
        {
            "patient_id": patients,
            **_files(setup, patients),
            **outcome.summary(by_fold),
            "fold_models": np.isfinite(by_fold.reshape(*by_fold.shape[:2], -1)[..., 0]).sum(axis=0),
            "modalities": _present(setup, patients, config),
            "distance": distances.mean(axis=1).to_numpy(),
            # Distances are relative to each fold's limit; unlike in most folds means unlike.
            "out_of_distribution": (distances.mean(axis=1) > 1.0).to_numpy(),
            "in_training": [patient in trained_on for patient in patients],
        }
    )
    return Application(
        table=table, threshold=float(np.mean(np.array(thresholds, dtype=np.float64))), matches=matches, arm=arm
    )


def summarise(result: Application, output: Path, folder: RunFolder, setup: Setup, *, evaluation: Any) -> None:
    """Write predictions.csv, matches.json, cohort.csv and, where labels exist, metrics.json; say where they are."""
    outcome = outcome_of(_endpoint(folder))
    output.mkdir(parents=True, exist_ok=True)
    simulated = setup.cohort.spec.simulated or folder.cohort_spec().simulated
    table = result.table.assign(simulated=True) if simulated else result.table
    replace_file(output / "cohort.csv", lambda path: setup.cohort.reconciliation.to_csv(path, index=False))
    save_json(output / "matches.json", result.matches)
    endpoint = setup.cohort.spec.endpoint
    labels = outcome.align(setup.cohort.labels, endpoint.classes).loc[list(result.table["patient_id"])]
    known = (labels >= 0).to_numpy()
    lines = [
        f"{'SIMULATED ' if simulated else ''}{len(table)} patients scored by {result.arm}: {output / 'predictions.csv'}"
    ]
    if len(set(labels[known])) > 1:
        rows = result.table[known].assign(
            arm=result.arm,
            repeat=0,
            fold=0,
            endpoint=endpoint.name,
            label=labels[known].to_numpy(),
            threshold=result.threshold,
        )
        metrics = outcome.evaluate(
            rows, draws=evaluation.draws, seed=evaluation.seed, reference=result.arm, simulated=simulated
        )
        save_json(output / "metrics.json", metrics)
        value = metrics["arms"][result.arm][outcome.chosen]
        label = outcome.label[0].upper() + outcome.label[1:]
        lines.append(
            f"{label} {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f}) on {int(known.sum())} labelled "
            f"patients: {output / 'metrics.json'}"
        )
    replace_file(output / "predictions.csv", lambda path: table.to_csv(path, index=False))
    print("\n".join(lines))  # noqa: T201 — the command's answer


def _name(fold: Mapping[str, Any]) -> str:
    return f"repeat{fold['repeat']}_fold{fold['index']}"


def _endpoint(folder: RunFolder) -> EndpointSpec:
    return folder.cohort_spec().endpoint


def _distance(models: Path, setup: Setup, patients: Sequence[str]) -> NDArray[np.float64]:
    """Distance to the fold's training patients as a multiple of its limit; NaN where the cohort lacks a modality."""
    novelty = Novelty.from_state(load_state(models, "novelty"))
    needed = {column.split(":", 1)[0] for column in novelty.columns}
    if not needed <= set(setup.modalities):
        return np.full(len(patients), np.nan)
    whole = {
        name: modality.restore(load_state(models / "modalities" / "whole", name))
        for name, modality in setup.modalities.items()
    }
    return novelty.distance(features(whole, patients)) / novelty.limit


def _matches(fitted: Mapping[str, FittedModality], min_match: float) -> dict[str, Any]:
    """What each modality found of the features it was trained on.

    Raises:
        FusionError: a modality found less than `min_match`.
    """
    found = {}
    for name, part in fitted.items():
        match = getattr(part, "match", None)
        if match is None:
            continue
        report = match()
        found[name] = report
        total = report["matched"] + report["missing"]
        if total and report["matched"] / total < min_match:
            raise FusionError(
                f"modality.{name}: only {report['matched']} of {total} trained features are in this cohort "
                f"(min_match={min_match}). Is it the same build, panel and annotation? Lower min_match to go on."
            )
    return found


def _files(setup: Setup, patients: Sequence[str]) -> dict[str, list[str]]:
    """The column `file`, where a patient is an image file."""
    for modality in setup.modalities.values():
        named = getattr(modality, "named_files", None)
        if named is not None:
            return {"file": named(patients)}
    return {}


def _present(setup: Setup, patients: Sequence[str], config: Any) -> list[str]:
    return [
        "+".join(name for name, modality in setup.modalities.items() if patient in modality.patients)
        for patient in patients
    ]
