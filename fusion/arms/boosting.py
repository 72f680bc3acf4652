"""Gradient boosting on all features, pooled ones of images among them: a plain model that sees interactions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fusion.arms.base import ArmScores, FoldData
from fusion.arms.start import base_arm, plain_models, unseen_of
from fusion.plain.base import save_base
from fusion.run.state import save_json

BOOSTING = "classical_boosting"


class BoostingArm:
    """XGBoost (`fusion.plain.boosted`), its number of trees chosen by cross-fitting; calibrated as an ensemble is."""

    name = BOOSTING

    def units(self, inner_folds: int) -> int:
        """Steps of work it reports for a fold."""
        return 1

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """One model an inner fold for what is calibrated, one of all training patients for who is tested."""
        start = plain_models(data, list(data.whole), "boosted")
        scores, state = base_arm(start, unseen_of(data.fold), data, name=self.name)
        if folder is not None:
            save_base(folder, start.whole)
            save_json(folder / "arm.json", state)
        step()
        return scores
