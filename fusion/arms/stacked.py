"""Stacking: a regression on what the single-modality arms say of patients they did not train on (Wolpert 1992).

Late fusion weighs modalities alike; here inner folds weigh them. A modality that a patient lacks adds nothing, and a
lack that means something is a column of its own (`fusion.plain.columns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.arms.base import ArmScores, FoldData, calibrate, table
from fusion.arms.start import groups_of
from fusion.contract.modality import has
from fusion.evaluation.outcome import Outcome
from fusion.plain.base import fit_base, save_base
from fusion.plain.families import family_of
from fusion.run.state import save_json

Floats = NDArray[np.float64]

STACKED = "stacked"


def stacked(singles: Mapping[str, ArmScores], data: FoldData, folder: Path | None = None) -> ArmScores:
    """Fit the regression on inner out-of-fold scores, score the test patients by the members' mean.

    Args:
        singles: modality → its arm's scores.
        data: the fold, for who has what.
        folder: where it is kept for `predict`; None keeps nothing.
    """
    train, test = list(data.fold.train), list(data.fold.test)
    unseen, seen = {}, {}
    for name, arm in singles.items():
        assert arm.members is not None, "single-modality arms are ensembles"
        unseen[name] = arm.members.out_of_fold(train).to_numpy()
        seen[name] = mean_score(arm.members.test, data.outcome)
    base = fit_base(
        "linear",
        single_logits(unseen, _has(data, singles, train), train, data.outcome),
        data.whole_truth(train),
        classes=len(data.endpoint.classes),
        groups=groups_of(data, train),
        seed=data.seed,
        family=family_of(data.endpoint),
    )
    calibration = calibrate(table(base.held_out, train), data)
    if folder is not None:
        save_base(folder, base.model)
        save_json(folder / "arm.json", {"modalities": list(singles), "calibration": calibration.state()})
    logits = base.model.logits(single_logits(seen, _has(data, singles, test), test, data.outcome))
    scores = table(calibration.calibrator(logits), test)
    return ArmScores(arm=STACKED, inner=calibration.inner, test=scores, threshold=calibration.threshold)


def single_logits(
    scores: Mapping[str, Floats], has: Mapping[str, NDArray[np.bool_]], patient_ids: Sequence[str], outcome: Outcome
) -> pd.DataFrame:
    """``(patient, column)`` logits of the single arms, one a modality or one a modality and class; NaN where lacking.

    Args:
        scores: modality → ``(patient,)`` or ``(patient, class)``.
        has: modality → ``(patient,)``.
        patient_ids: whose rows they are.
        outcome: of the endpoint.
    """
    columns: dict[str, Floats] = {}
    for name, part in scores.items():
        logits = outcome.logits(outcome.within(part, 1e-6)).reshape(len(patient_ids), -1)
        for place, column in enumerate(logits.T):
            columns[f"{name}:{place}"] = np.where(has[name], column, np.nan)
    return pd.DataFrame(columns, index=list(patient_ids))


def mean_score(by_member: Floats, outcome: Outcome) -> Floats:
    """``(member, patient[, class])`` calibrated scores → that of their mean logit."""
    return outcome.inverse(np.mean([outcome.logits(outcome.within(part, 1e-6)) for part in by_member], axis=0))


def _has(data: FoldData, singles: Mapping[str, ArmScores], patients: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    return {name: np.array([has(data.whole[name], one) for one in patients]) for name in singles}
