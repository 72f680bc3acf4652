r"""Cox regression with an elastic net: few columns, alike ones together (Zou and Hastie, J. R. Stat. Soc. B 67, 2005).

.. math:: -\ell(X\beta) / n + \lambda (a \lVert\beta\rVert_1 + (1 - a) \lVert\beta\rVert_2^2 / 2)

along a path of :math:`\lambda` (Simon et al., J. Stat. Softw. 39(5), 2011), each fit begun at the one before; chosen by
the partial likelihood of held-out patients as ridge penalties are. All modalities' columns are drawn alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import Truth
from fusion.evaluation.outcomes.partial import RiskSets
from fusion.plain.columns import Columns
from fusion.plain.hazards import in_parts
from fusion.plain.linear import Linear, Split, strongest

Floats = NDArray[np.float64]

MIXED = 0.5
"""*a*: half of the penalty is L1."""

STEPS, LEAST = 12, 0.02
"""Penalties of the path, and the last as a share of the first, which leaves no column in."""


def fit_elastic(rows: pd.DataFrame, truth: Truth, splits: Sequence[Split]) -> tuple[Linear, Floats]:
    """Choose the penalty by held-out patients, the strongest that cannot be told from the best, and fit on all.

    Args:
        rows: ``(patient, column)`` named ``modality:feature``, NaN where missing; training patients.
        truth: of the same patients.
        splits: for cross-fitting; every patient is held out once.

    Returns:
        The model, whose logits are log-risks, and those of each patient by the model that did not see their outcome.
    """
    columns = Columns.fit(rows)
    design = columns(rows)
    penalties = path(design, RiskSets.of(truth))
    held_out = {penalty: np.zeros(len(truth)) for penalty in penalties}
    for seen, out in splits:
        sets, beta = RiskSets.of(truth[seen]), np.zeros(design.shape[1])
        for penalty in penalties:
            beta = elastic_cox(design[seen], sets, penalty, start=beta)
            held_out[penalty][out] = design[out] @ beta
    apart, event = RiskSets.of(in_parts(truth, splits)), truth.label == 1
    # As C is: the strongest penalty is the least.
    losses = {1 / penalty: apart.losses(risks)[event] for penalty, risks in held_out.items()}
    chosen = strongest(losses)
    sets, beta = RiskSets.of(truth), np.zeros(design.shape[1])
    for penalty in penalties:
        beta = elastic_cox(design, sets, penalty, start=beta)
        if 1 / penalty == chosen:
            break
    model = Linear(columns=columns, coefficients=beta[None], intercept=np.zeros(1), strength=chosen, power=0.0)
    return model, held_out[penalty]


def path(design: Floats, sets: RiskSets) -> list[float]:
    """Penalties, the strongest first: the least that leaves no column in, and on from there."""
    nothing = design.T @ sets.gradient(np.zeros(sets.patients)) / sets.patients
    first = max(float(np.abs(nothing).max(initial=0.0)), 1e-6) / MIXED
    return [float(first * LEAST ** (step / (STEPS - 1))) for step in range(STEPS)]


def elastic_cox(
    design: Floats,
    sets: RiskSets,
    penalty: float,
    *,
    mixed: float = MIXED,
    start: Floats | None = None,
    tolerance: float = 1e-5,
    steps: int = 500,
) -> Floats:
    r"""``(column,)`` coefficients, by accelerated proximal gradients (Beck and Teboulle, SIAM J. Imaging Sci. 2, 2009).

    Momentum is dropped where it leads uphill (O'Donoghue and Candès, Found. Comput. Math. 15, 2015).

    Args:
        design: ``(patient, column)`` standardised.
        sets: of the same patients.
        penalty: :math:`\lambda`.
        mixed: *a*.
        start: where to begin.
        tolerance: a step that moves no coefficient further, times the step's inverse, is the last.
        steps: at most.
    """
    beta = np.zeros(design.shape[1]) if start is None else start
    number, ridge, lasso = sets.patients, penalty * (1 - mixed), penalty * mixed

    def smooth(at: Floats) -> float:
        return float(sets.losses(design @ at).sum()) / number + ridge * float(at @ at) / 2

    point, pace, size = beta, 1.0, 1.0
    for _ in range(steps):
        slope, here = design.T @ sets.gradient(design @ point) / number + ridge * point, smooth(point)
        while True:
            moved = point - size * slope
            new = np.sign(moved) * np.maximum(np.abs(moved) - size * lasso, 0.0)
            step = new - point
            if size < 1e-12 or smooth(new) <= here + slope @ step + step @ step / (2 * size) + 1e-15:
                break
            size /= 2
        if np.abs(step).max(initial=0.0) / size <= tolerance * max(1.0, lasso):
            return np.asarray(new, dtype=np.float64)
        if step @ (new - beta) < 0:
            pace, point = 1.0, new
        else:
            faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
            point, pace = new + (pace - 1) / faster * (new - beta), faster
        beta, size = new, size * 1.3
    return np.asarray(beta, dtype=np.float64)
