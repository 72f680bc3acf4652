r"""Ridge Cox regression over all modalities' columns: `fusion.plain.linear` of times until an event.

The penalty, and one by the width of each modality, is chosen by the partial likelihood of held-out patients, who are
compared within the part that was held out together, for each part has a model of its own. Verweij and van
Houwelingen's cross-validated likelihood (Stat. Med. 12:2305–2314, 1993) differs in that those who were fitted on are
among those at risk; without them the loss is a sum over events, whose standard error is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fusion.contract import Truth
from fusion.evaluation.outcomes.partial import RiskSets
from fusion.plain.linear import Linear, fit_averaged
from fusion.plain.logistic import SQUARE
from fusion.plain.penalties import Tried
from fusion.plain.training import Split, Training

Floats = NDArray[np.float64]


def fit_cox(training: Training) -> tuple[Linear, Floats]:
    """Choose penalties by held-out patients, fit on all, average over sets of modalities; see `fusion.plain.linear`.

    Losses are paired by event.

    Returns:
        The model, whose logits are log-risks, and those of each patient by the model that did not see their outcome.
    """
    return fit_averaged(training.rows, Cox(truth=training.truth, splits=training.splits))


@dataclass(frozen=True, kw_only=True)
class Cox:
    """Cox regression (`fusion.plain.penalties.Regression`).

    Attributes:
        truth: of the patients.
        splits: for cross-fitting.
    """

    truth: Truth
    splits: Sequence[Split]

    def tried(self, design: Floats, strengths: Sequence[float]) -> dict[float, Tried]:
        """Each fit starts from that of the next stronger penalty."""
        found = {strength: np.zeros(len(self.truth)) for strength in strengths}
        for (seen, held_out), sets in zip(self.splits, self._seen, strict=True):
            beta = None
            for strength in strengths:
                beta = ridge_cox(design[seen], sets, strength, beta)
                found[strength][held_out] = design[held_out] @ beta
        event = self.truth.label == 1
        return {one: Tried(logits=risks, loss=self._apart.losses(risks)[event]) for one, risks in found.items()}

    def fit(self, design: Floats, strength: float) -> tuple[Floats, Floats]:
        """Risks have no origin: the intercept is 0."""
        return ridge_cox(design, RiskSets.of(self.truth), strength)[None], np.zeros(1)

    def net(self, design: Floats) -> None:
        """Not averaged in: an arm of its own (`fusion.plain.elastic`)."""

    @cached_property
    def _seen(self) -> list[RiskSets]:
        return [RiskSets.of(self.truth[seen]) for seen, _ in self.splits]

    @cached_property
    def _apart(self) -> RiskSets:
        return RiskSets.of(in_parts(self.truth, self.splits))


def in_parts(truth: Truth, splits: Sequence[Split]) -> Truth:
    """The same with whom each split holds out as a part."""
    part = np.zeros(len(truth), dtype=np.int64)
    for number, (_, held_out) in enumerate(splits):
        part[held_out] = number
    return replace(truth, part=part)


def ridge_cox(design: Floats, sets: RiskSets, strength: float, start: Floats | None = None) -> Floats:
    r"""``(column,)`` coefficients of least :math:`-\ell(X\beta) + \lVert\beta\rVert^2 / (2 C)`.

    Args:
        design: ``(patient, column)`` standardised.
        sets: of the same patients.
        strength: C, the variance of the prior on a coefficient.
        start: where to begin.
    """
    beta = np.zeros(design.shape[1]) if start is None else start

    def loss(beta: Floats) -> tuple[float, Floats]:
        risks = design @ beta
        value = float(sets.losses(risks).sum()) + float(beta @ beta) / (2 * strength)
        return value, design.T @ sets.gradient(risks) + beta / strength

    if design.shape[1] > SQUARE:
        found = minimize(loss, beta, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-4, "ftol": 1e-9})
        return np.asarray(found.x, dtype=np.float64)
    value, gradient = loss(beta)
    for _ in range(100):
        curvature = sets.hessian(design @ beta, design) + np.eye(len(beta)) / strength
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-6:
            tried, slope = loss(beta - size * step)
            if tried <= value + 1e-12:
                break
            size /= 2
        else:
            return beta
        beta, gain = beta - size * step, value - tried
        value, gradient = tried, slope
        if gain < 1e-10 * (1 + abs(value)):
            break
    return beta
