"""What a network arm says of secondary endpoints: their heads' logits, calibrated as the primary one's are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.arms.base import ArmScores, FoldData, Members, Table, calibrate_ensemble, table
from fusion.arms.start import unseen_of

Floats = NDArray[np.float64]
Both = tuple[Floats, Floats]
"""Logits of `fold.train` and of `fold.test`."""


def secondary_scores(
    arm: str, data: FoldData, name: str, train: Floats, test: Floats
) -> tuple[ArmScores, dict[str, Any]]:
    """Calibrated scores of one secondary endpoint, and what the run folder keeps of their calibration.

    Args:
        arm: its name.
        data: the fold, of all endpoints.
        name: of the endpoint.
        train: ``(member, patient)`` or ``(member, patient, class)`` logits, in the order of `data.fold.train`.
        test: the same of `data.fold.test`.
    """
    seen = data.beside(name)
    rows = [data.fold.train.index(patient) for patient in seen.fold.train]
    logits = Members(train=train[:, rows], unseen=unseen_of(seen.fold), test=test)
    calibration = calibrate_ensemble(logits, seen)
    assert calibration.single is not None
    scores = ArmScores(
        arm=arm,
        inner=calibration.inner,
        test=table(calibration.calibrator(test.mean(axis=0)), seen.fold.test),
        threshold=calibration.threshold,
        members=logits.map(calibration.single),
    )
    return scores, {"calibration": calibration.state()}


def mean_of(networks: Sequence[Both]) -> Both:
    """Of a member's networks."""
    train, test = (np.stack(part).mean(axis=0) for part in zip(*networks, strict=True))
    return train, test


def others_of(data: FoldData) -> dict[str, Any]:
    """What a network depends on beside the primary endpoint; nothing where that is the only one."""
    if not data.secondary:
        return {}
    return {"secondary": [asdict(one.endpoint) for one in data.secondary.values()], "alone": list(data.alone)}


def without_offset(offsets: Table, patients: tuple[str, ...]) -> Table:
    """The plain model's logits with 0 for patients who have no label of its endpoint, whose loss there is none."""
    index = pd.Index([*offsets.index, *patients], name=offsets.index.name)
    return offsets.reindex(index, fill_value=0.0)
