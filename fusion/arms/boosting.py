"""Plain models as arms: on all features, pooled ones of images among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fusion.arms.base import ArmScores, FoldData
from fusion.arms.start import base_arm, plain_models, unseen_of
from fusion.plain.base import save_base
from fusion.run.state import save_json

BOOSTING = "classical_boosting"

PLAIN = {
    BOOSTING: "boosted",
    "classical_cox": "linear",
    "classical_cox_elastic": "elastic",
    "classical_ordinal": "linear",
}
"""Arm → its kind of plain model: boosting sees interactions; ridge regressions of times (Cox) and of grades are linear,
and regressions of classes are `fusion.arms.classical`."""


class PlainArm:
    """A plain model, its penalty or number of trees chosen by cross-fitting; calibrated as an ensemble is.

    Args:
        name: of the arm, a key of `PLAIN`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def units(self, inner_folds: int) -> int:
        """Steps of work it reports for a fold."""
        return 1

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """One model an inner fold for what is calibrated, one of all training patients for who is tested."""
        start = plain_models(data, list(data.whole), PLAIN[self.name])
        scores, state = base_arm(start, unseen_of(data.fold), data, name=self.name)
        if folder is not None:
            save_base(folder, start.whole)
            save_json(folder / "arm.json", state)
        step()
        return scores
