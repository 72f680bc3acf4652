"""Cox regression with an elastic net: the path of `fusion.plain.sparse`, judged by held-out patients' likelihood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.outcomes.partial import RiskSets
from fusion.plain.columns import Columns
from fusion.plain.hazards import in_parts
from fusion.plain.linear import Linear
from fusion.plain.penalties import strongest
from fusion.plain.sparse import Problem, fit_at, tried_nets
from fusion.plain.training import Training

Floats = NDArray[np.float64]


def fit_elastic(training: Training) -> tuple[Linear, Floats]:
    """Choose the penalty by held-out patients, the strongest that cannot be told from the best, and fit on all.

    Returns:
        The model, whose logits are log-risks, and those of each patient by the model that did not see their outcome.
    """
    rows, truth, splits = training.rows, training.truth, training.splits
    columns = Columns.fit(rows)
    apart, event = RiskSets.of(in_parts(truth, splits)), truth.label == 1
    # Risks have no origin.
    problem = Problem(design=columns(rows), likelihood=RiskSets.of(truth), origin=False)
    tried = tried_nets(
        problem, splits, lambda places: RiskSets.of(truth[places]), lambda risks: apart.losses(risks)[event]
    )
    # As C is: the strongest penalty is the least.
    chosen = strongest({1 / penalty: found.loss for penalty, found in tried.items()})
    net = fit_at(problem, tried, min(tried, key=lambda penalty: abs(1 / penalty - chosen)))
    model = Linear(columns=columns, coefficients=net.coefficients, intercept=net.intercept, strength=chosen, power=0.0)
    return model, net.tried.logits
