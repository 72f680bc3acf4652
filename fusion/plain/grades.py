"""Ridge regression of grades with proportional odds: `fusion.plain.linear` of ordered classes; and trees of grades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.outcomes.cumulative import fit_ordinal, losses
from fusion.plain.penalties import Tried
from fusion.plain.training import Split

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ProportionalOdds:
    """Cumulative logistic regression (`fusion.plain.penalties.Regression`); logits are latent, without cut-points.

    Attributes:
        labels: ``(patient,)`` grades.
        grades: how many there are.
        splits: for cross-fitting.
    """

    labels: NDArray[np.int64]
    grades: int
    splits: Sequence[Split]

    def tried(self, design: Floats, strengths: Sequence[float]) -> dict[float, Tried]:
        """Each fit starts from that of the next stronger penalty; held-out patients are told by its cut-points."""
        logits = {strength: np.zeros(len(self.labels)) for strength in strengths}
        loss = {strength: np.zeros(len(self.labels)) for strength in strengths}
        for seen, out in self.splits:
            start = None
            for strength in strengths:
                start = fit_ordinal(design[seen], self.labels[seen], self.grades, strength=strength, start=start)
                latent = design[out] @ start[0]
                logits[strength][out] = latent
                loss[strength][out] = losses(latent, start[1], self.labels[out])
        return {one: Tried(logits=logits[one], loss=loss[one]) for one in strengths}

    def fit(self, design: Floats, strength: float) -> tuple[Floats, Floats]:
        """Latent logits have no origin: the intercept is 0."""
        beta, _ = fit_ordinal(design, self.labels, self.grades, strength=strength)
        return beta[None], np.zeros(1)

    def net(self, design: Floats) -> None:
        """There is none of grades."""


def as_numbers(labels: NDArray[np.int64]) -> Floats:
    """Grades as numbers on the scale of latent logits: mean 0, the standard deviation of a logistic variable."""
    spread = labels.std()
    return np.asarray((labels - labels.mean()) / max(spread, 1e-9) * np.pi / np.sqrt(3), dtype=np.float64)
