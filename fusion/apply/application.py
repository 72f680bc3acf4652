"""A trained run applied to a cohort: scores by fold, their spread, what matched, who is unlike the training set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from numpy.typing import NDArray

from fusion.apply.arms import FoldArms, kept_arms
from fusion.apply.compared import Compared, compared
from fusion.apply.matching import Matching, match_all
from fusion.apply.notes import beside_notes, notes_of
from fusion.apply.reading import FoldReading
from fusion.apply.secondary import AppliedSecondary, SecondaryScores, labels_beside, trained_alone
from fusion.apply.states import kept_states
from fusion.arms.base import FUSION
from fusion.contract import CohortSpec, Progress
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.protocol.novelty import Novelty
from fusion.run.state import load_state

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup
    from fusion.run.folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Application:
    """What a run says of a cohort's patients.

    Attributes:
        table: the content of predictions.csv.
        threshold: mean of the folds' thresholds, for labelled cohorts.
        matches: modality → features matched, missing and extra, where features are matched by name.
        arm: which was applied.
        notes: what a reader of the scores must know, each a sentence.
        compared: the other arms that the run kept, where labels allow to compare them: their scores and threshold.
        secondary: what the arm says of endpoints that were trained beside the primary one, where it was kept of them.
    """

    table: pd.DataFrame
    threshold: float
    matches: dict[str, Matching]
    arm: str
    notes: tuple[str, ...]
    compared: Mapping[str, Compared] = field(default_factory=dict)
    secondary: tuple[AppliedSecondary, ...] = ()


def apply(
    folder: RunFolder,
    config: Any,
    setup: Setup,
    *,
    arm: str,
    patients: Sequence[str],
    min_match: float,
    progress: Progress,
) -> Application:
    """Score patients of `setup` by the run's fold models.

    Args:
        folder: the run.
        config: the run's configuration, reading the new cohort.
        setup: the new cohort.
        arm: any that the run kept; fusion is compared with all others, of each endpoint, where enough patients are
            labelled.
        patients: whom to score.
        min_match: see `fusion.apply.matching.match_all`.
        progress: of the folds.

    Raises:
        FusionError: too few features match.
    """
    folds = folder.folds()["folds"]
    models = {_name(fold): folder.models(_name(fold)) for fold in folds}
    matches = match_all(kept_states(models.values(), setup), min_match=min_match)
    make_data = instantiate(config.datamodule)
    spec = folder.cohort_spec()
    alone = trained_alone(folder)
    wanted, wanted_beside = _wanted(spec, list(models.values()), setup, arm=arm, patients=patients)
    primary = _PrimaryScores(wanted, patients, outcome_of(spec.endpoint))
    beside = SecondaryScores(spec.secondary, patients, alone, arm=arm)
    distances = pd.DataFrame(np.nan, index=list(patients), columns=list(models))
    for done, fold in enumerate(folds):
        progress("Scoring by fold models", done, len(folds))
        name = _name(fold)
        trained = set(fold["train"])
        unseen = [patient for patient in patients if patient not in trained]
        reading = FoldReading(
            models[name],
            config=config,
            endpoint=spec.endpoint,
            modalities=setup.modalities,
            patients=unseen,
            make_data=make_data,
            secondary=spec.secondary,
            readings=setup.readings,
        )
        arms = FoldArms(reading)
        primary.add(arms, unseen)
        if unseen:
            beside.add(arms.beside(wanted_beside), unseen)
            distances.loc[unseen, name] = _distance(models[name], arms.table(FUSION), setup)
    progress("Scoring by fold models", len(folds), len(folds))
    trained_on = {patient for fold in folds for patient in fold["train"]}
    secondary = beside.applied()
    return Application(
        table=_table(setup, primary.summary(arm), primary.scores[arm], distances, trained=trained_on),
        threshold=primary.threshold(arm),
        matches=matches,
        arm=arm,
        notes=(
            *notes_of(folder, setup, matches, patients=patients, trained=trained_on),
            *beside_notes(spec, arm, secondary, alone=sum(one in alone for one in patients)),
        ),
        compared={one: primary.compared(one) for one in wanted[1:]},
        secondary=secondary,
    )


def _wanted(
    spec: CohortSpec, models: Sequence[Path], setup: Setup, *, arm: str, patients: Sequence[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Arms that are asked for, `arm` first, and those of each secondary endpoint: every one where labels suffice."""
    outcome = outcome_of(spec.endpoint)
    kept = partial(kept_arms, models, list(setup.modalities))
    wanted = [arm]
    if arm == FUSION and outcome.enough(labels_of(setup, outcome, patients)):
        wanted += [one for one in kept() if one != arm]
    beside = {}
    for place, other in enumerate(spec.secondary):
        known = labels_beside(other, setup, patients)
        every = arm == FUSION and known is not None and outcome_of(other).enough(known)
        # Arms of one kind of endpoint are not kept of another.
        beside[other.name] = [name for name in kept(beside=(place, other.name)) if every or name == arm]
    return wanted, beside


class _PrimaryScores:
    """Gathers what fold after fold says of the primary endpoint.

    Args:
        arms: which are asked.
        patients: whom to score, in this order.
        outcome: of the endpoint.

    Attributes:
        scores: arm → of each fold ``(patient,)`` or ``(patient, class)``, NaN where it trained on them.
    """

    def __init__(self, arms: Sequence[str], patients: Sequence[str], outcome: Outcome) -> None:
        self._patients = list(patients)
        self._outcome = outcome
        self.scores: dict[str, list[NDArray[np.float64]]] = {one: [] for one in arms}
        self._thresholds: dict[str, list[float]] = {one: [] for one in arms}

    def add(self, arms: FoldArms, unseen: Sequence[str]) -> None:
        """A fold, whose arms score the patients on whom it did not train."""
        rows = np.isin(self._patients, list(unseen))
        for one, found in self.scores.items():
            self._thresholds[one].append(arms.threshold(one))
            if unseen:
                mine = arms.score(one)
                found.append(np.full((len(rows), *mine.shape[1:]), np.nan))
                found[-1][rows] = mine

    def summary(self, arm: str) -> dict[str, Any]:
        """Columns of predictions.csv."""
        return self._outcome.summary(np.stack(self.scores[arm]))

    def threshold(self, arm: str) -> float:
        """Mean of the folds'."""
        return float(np.mean(self._thresholds[arm]))

    def compared(self, arm: str) -> Compared:
        """An arm that another is compared with."""
        return compared(self.summary(arm), self._thresholds[arm], self._outcome)


def labels_of(setup: Setup, outcome: Outcome, patients: Sequence[str]) -> pd.Series[int]:
    """The patients' labels as positions in the run's classes, −1 where unknown."""
    return outcome.align(setup.cohort.labels, setup.cohort.spec.endpoint.classes).loc[list(patients)]


def _table(
    setup: Setup,
    summary: Mapping[str, Any],
    scores: Sequence[NDArray[np.float64]],
    distances: pd.DataFrame,
    *,
    trained: set[str],
) -> pd.DataFrame:
    """predictions.csv; `scores`, of a fold: ``(patient,)`` or ``(patient, class)``, NaN where it trained on them."""
    patients = list(distances.index)
    first = np.stack(scores).reshape(len(scores), len(patients), -1)[..., 0]
    # Distances are relative to each fold's limit; unlike in most folds means unlike.
    distance = distances.mean(axis=1)
    having = {name: modality.patients - modality.failed.keys() for name, modality in setup.modalities.items()}
    return pd.DataFrame(
        {
            "patient_id": patients,
            **_files(setup, patients),
            **summary,
            "modalities": [
                "+".join(name for name, has_it in having.items() if patient in has_it) for patient in patients
            ],
            "out_of_distribution": (distance > 1.0).to_numpy(),
            "distance": distance.to_numpy(),
            "fold_models": np.isfinite(first).sum(axis=0),
            "in_training": [patient in trained for patient in patients],
        }
    )


def _files(setup: Setup, patients: Sequence[str]) -> dict[str, list[str]]:
    """The column `file`, where a patient is an image file."""
    for modality in setup.modalities.values():
        named = getattr(modality, "named_files", None)
        if named is not None:
            return {"file": named(patients)}
    return {}


def _name(fold: Mapping[str, Any]) -> str:
    return f"repeat{fold['repeat']}_fold{fold['index']}"


def _distance(models: Path, table: pd.DataFrame, setup: Setup) -> NDArray[np.float64]:
    """Distance to the fold's training patients over its limit for patients who have the same modalities."""
    novelty = Novelty.from_state(load_state(models, "novelty"))
    # Of modalities without any file nothing is known.
    lacking = [name for name in novelty.columns if name.split(":", 1)[0] in setup.absent]
    return novelty.relative(table.reindex(columns=[*table.columns, *lacking]))
