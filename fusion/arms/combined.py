"""Arms made of other arms' scores: late fusion, and the classical model that inner folds prefer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion.arms.base import ArmScores, FoldData, Members, calibrate_ensemble, table
from fusion.arms.choice import best, choice_rows, inner_quality
from fusion.arms.stacked import STACKED, stacked
from fusion.contract.modality import has as has_modality
from fusion.evaluation.outcome import Outcome
from fusion.run.state import save_json

Floats = NDArray[np.float64]


def combined(
    listed: Sequence[str],
    data: FoldData,
    scores: Mapping[str, ArmScores],
    modalities: Sequence[str],
    folder: Path | None,
) -> dict[str, ArmScores]:
    """The arms that are made of others: late fusion and stacking where listed, the chosen classical one where any is.

    Args:
        listed: in `arms`.
        data: the fold.
        scores: of the arms that were trained.
        modalities: of the cohort.
        folder: of the fold's arms; None keeps nothing.
    """

    def place(name: str) -> Path | None:
        return None if folder is None else folder / name

    made: dict[str, ArmScores] = {}
    singles = {name: scores[f"only_{name}"] for name in modalities if f"only_{name}" in scores}
    if "late" in listed:
        made["late"] = late_fusion(singles, data, place("late"))
    if STACKED in listed:
        made[STACKED] = stacked(singles, data, place(STACKED))
    candidates = [arm for name, arm in scores.items() if name.startswith("classical_")]
    if candidates:
        made["classical"] = chosen_classical(candidates, data, place("classical"))
    return made


def late_fusion(singles: Mapping[str, ArmScores], data: FoldData, folder: Path | None = None) -> ArmScores:
    """Mean of the probabilities of the single-modality arms, over the modalities a patient has.

    An ensemble as they are: its member *k* averages their members *k*, each calibrated for a single member; the mean
    of its members' logits is calibrated as theirs is.

    Args:
        singles: modality → its arm's scores.
        data: the fold, for who has what.
        folder: where the calibration is kept for `predict`; None keeps nothing.
    """

    def together(part: str, patients: Sequence[str]) -> Floats:
        has = np.array([[has_modality(data.whole[name], patient) for patient in patients] for name in singles])
        scores = np.stack([getattr(_members(arm), part) for arm in singles.values()])
        return np.stack([average(of_member, has, data.outcome) for of_member in np.moveaxis(scores, 1, 0)])

    logits = Members(
        train=together("train", data.fold.train),
        unseen=_members(next(iter(singles.values()))).unseen,
        test=together("test", data.fold.test),
    )
    calibration = calibrate_ensemble(logits, data)
    if folder is not None:
        save_json(folder / "arm.json", {"modalities": list(singles), "calibration": calibration.state()})
    return ArmScores(
        arm="late",
        inner=calibration.inner,
        test=table(calibration.calibrator(logits.test.mean(axis=0)), data.fold.test),
        threshold=calibration.threshold,
    )


def average(scores: Floats, has: NDArray[np.bool_], outcome: Outcome) -> Floats:
    """One member's late logits ``(patient[, class])``: of the mean score over the modalities that a patient has.

    Scores are calibrated probabilities, or log-risks in their standard deviations.

    Args:
        scores: ``(modality, patient[, class])``, each calibrated for a single member.
        has: ``(modality, patient)``; everybody one at least.
        outcome: of the endpoint.
    """
    weight = has.astype(np.float64).reshape(*has.shape, *[1] * (scores.ndim - 2))
    mean: Floats = (np.where(weight > 0, scores, 0.0)).sum(axis=0) / weight.sum(axis=0)
    return outcome.logits(outcome.within(mean, 1e-6))


def chosen_classical(candidates: Sequence[ArmScores], data: FoldData, folder: Path | None = None) -> ArmScores:
    """The classical arm that does better on inner folds in this fold, under the name ``classical``.

    Args:
        candidates: the classical arms' scores.
        data: the fold.
        folder: where the choice is kept for `predict`; None keeps nothing.
    """
    quality = {scores.arm: inner_quality(scores.inner, data) for scores in candidates}
    chosen = next(scores for scores in candidates if scores.arm == best(quality))
    if folder is not None:
        save_json(folder / "arm.json", {"chosen": chosen.arm})
    choices = choice_rows(quality, data)
    return ArmScores(arm="classical", inner=chosen.inner, test=chosen.test, threshold=chosen.threshold, choices=choices)


def _members(arm: ArmScores) -> Members:
    assert arm.members is not None, "single-modality arms are ensembles"
    return arm.members
