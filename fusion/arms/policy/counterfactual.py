"""Test patients of one outer fold under each candidate regimen, by models that never saw them.

A fitted model is asked again with the treatment modality as that of a training patient who was given the regimen; all
else is the patient's own. Candidates are what enough training patients of the same stratum were given. Patients who
were given something else have no counterpart in the comparison: they are left out and counted, as are those whose
regimen or stratum is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusion.arms.audit import Altered
from fusion.arms.base import BASE, FUSION, ArmScores, FoldData
from fusion.arms.classical import features
from fusion.arms.policy.learners import LEARNERS
from fusion.contract import FittedModality, FusionError, Therapy
from fusion.evaluation.policy.support import Support, fit_support

ARMS = (FUSION, BASE, *LEARNERS)
"""In the order in which they are shown."""


def support_of(therapy: Therapy, data: FoldData) -> Support:
    """Of the fold's training patients."""
    return fit_support(
        therapy.regimens, therapy.strata, data.labels, data.fold.train, least=therapy.min_patients
    )  # fmt: skip


def counterfactual(
    scores: Mapping[str, ArmScores], data: FoldData, therapy: Therapy, treatment: Sequence[str], *,
    labels: pd.Series[int],
) -> pd.DataFrame:  # fmt: skip
    """Rows of policy.parquet.

    Args:
        scores: the arms as they were fitted in this fold.
        data: the fold.
        therapy: of the cohort.
        treatment: modalities that the regimen's columns are read by, and nothing else of the patient.
        labels: index patient_id, of test patients too; joined after every arm has spoken.

    Returns:
        patient_id, arm, repeat, fold, stratum, given, regimen, score, propensity, best, label, a row a test patient,
        arm and candidate; with an empty arm, whom nothing is said of, and `why`.
    """
    support = support_of(therapy, data)
    whys = {patient: _why(patient, therapy, support) for patient in data.fold.test}
    inside = [patient for patient, why in whys.items() if not why]
    wanted = {patient: support.candidates(therapy.strata[patient]) for patient in inside}
    asked = sorted({name for names in wanted.values() for name in names})
    under = _asked_again(scores, data, therapy, treatment, asked) | _learned(data, therapy, treatment, asked)
    where = {"repeat": data.fold.repeat, "fold": data.fold.index}
    rows: list[dict[str, Any]] = [
        {"patient_id": patient, "arm": "", **where, "why": why} for patient, why in whys.items() if why
    ]
    for arm in [name for name in ARMS if name in under]:
        for patient in inside:
            stratum = therapy.strata[patient]
            best = support.best(stratum)
            rows += [
                {
                    "patient_id": patient,
                    "arm": arm,
                    **where,
                    "stratum": stratum,
                    "given": therapy.regimens[patient],
                    "regimen": name,
                    "score": float(under[arm][name][patient]),
                    "propensity": support.propensity(stratum, name),
                    "best": name == best,
                    "label": int(labels[patient]),
                    "why": "",
                }
                for name in wanted[patient]
            ]
    return pd.DataFrame(rows)


def _why(patient: str, therapy: Therapy, support: Support) -> str:
    """Why nothing is said of the patient; empty where something is."""
    given: str | None = therapy.regimens[patient]
    stratum: str | None = therapy.strata[patient]
    if not isinstance(given, str):
        return "the regimen is not known"
    if not isinstance(stratum, str):
        return "the stratum is not known"
    candidates = support.candidates(stratum)
    if not candidates:
        return f"fewer than two regimens with {therapy.min_patients} training patients in the stratum"
    if given not in candidates:
        return f"given a regimen with fewer than {therapy.min_patients} training patients in the stratum"
    return ""


def _asked_again(
    scores: Mapping[str, ArmScores], data: FoldData, therapy: Therapy, treatment: Sequence[str], asked: Sequence[str]
) -> dict[str, dict[str, pd.Series[float]]]:
    """Arm → regimen → scores of all test patients, by the models as they are."""
    made: dict[str, dict[str, pd.Series[float]]] = {}
    test = list(data.fold.test)
    for arm in (FUSION, BASE):
        again = scores[arm].again if arm in scores else None
        if again is None or not treatment:
            continue
        made[arm] = {}
        for name in asked:
            like = dict.fromkeys(test, donor(name, therapy, data.fold.train))

            def change(of: str, fitted: FittedModality, like: Mapping[str, str] = like) -> FittedModality:
                return Altered(fitted, like) if of in treatment else fitted

            made[arm][name] = again(change)  # type: ignore[assignment]
    return made


def donor(regimen: str, therapy: Therapy, train: Sequence[str]) -> str:
    """A training patient who was given the regimen: all who were have the same treatment columns.

    Raises:
        FusionError: nobody was.
    """
    given = therapy.regimens.reindex(sorted(train))
    found = given.index[(given == regimen).fillna(False)]
    if not len(found):
        raise FusionError(f"cohort.therapy: no training patient was given {regimen}.")
    return str(found[0])


def _learned(
    data: FoldData, therapy: Therapy, treatment: Sequence[str], asked: Sequence[str]
) -> dict[str, dict[str, pd.Series[float]]]:
    """The plain learners, fitted on training patients whose regimen is known and a candidate anywhere."""
    others = {name: part for name, part in data.whole.items() if name not in treatment}
    given = therapy.regimens.reindex(list(data.fold.train))
    given = given[given.isin(list(asked))]
    if not others or given.empty:
        return {}
    train, test = list(given.index), list(data.fold.test)
    rows, new = features(others, train), features(others, test)
    known = np.asarray(data.labels.loc[train], dtype=np.int64)
    made: dict[str, dict[str, pd.Series[float]]] = {}
    for arm, learner in LEARNERS.items():
        model = learner(rows, known, list(given), seed=data.seed)
        made[arm] = {name: pd.Series(model(new, name), index=test) for name in asked}
    return made
