"""What drives response in the simulated MRI cohort. All of it is invented; none of it is a finding.

The story: a lesion enhances at its *rim* (R) or as a *solid* whole, and the tumour is oestrogen receptor negative (N)
or positive. Rim and negative together answer to the treatment, solid and positive a little; the mixed pairs do not. So
R, which only the volumes show, and N, which only the table knows, interact with a crossover. Besides, main effects:

    logit P(y = 1) = a + k · CELL[R, N] + STAGE[stage] - 0.02 · (age - 58) + 0.5 · e

e is how strongly the lesion enhances, standardised; k is the `interaction` setting (0 removes CELL: the negative
control); a is solved so that the mean P is PREVALENCE. Responses are drawn from P: the noise no model can learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_modules.sources.simulated.design import STAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREVALENCE = 0.38
CELL = {(True, True): 2.4, (False, False): -0.4, (True, False): -2.8, (False, True): -2.8}
NEGATIVE = 0.45
"""Share of receptor-negative patients: more than in life, so that a small cohort shows the interaction."""
ENHANCEMENT = 0.5


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Per patient: the true probability and the drawn response."""

    probability: NDArray[np.float64]
    response: NDArray[np.int64]


def draw_outcome(
    rng: np.random.Generator,
    *,
    rim: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    enhancement: NDArray[np.float64],
    stage: NDArray[np.str_],
    age: NDArray[np.float64],
    interaction: float,
) -> Outcome:
    """The equation above, then responses by systematic sampling within each cell (Madow, Ann Math Stat 1949).

    Every patient responds with exactly their probability, and the number of responders in a cell is its expectation up
    to rounding, so that a small cohort shows the design at any seed instead of the luck of one draw.
    """
    cells = np.array([CELL[bool(r), bool(n)] for r, n in zip(rim, negative, strict=True)])
    standard = (enhancement - enhancement.mean()) / enhancement.std()
    logit = interaction * cells + np.array([STAGE[s] for s in stage]) - 0.02 * (age - 58) + ENHANCEMENT * standard
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _sigmoid(logit + middle).mean() < PREVALENCE else (low, middle)
    probability = _sigmoid(logit + low)
    response = np.zeros(len(probability), dtype=np.int64)
    for cell in np.unique(cells):
        members = np.flatnonzero(cells == cell)
        members = members[np.argsort(probability[members], kind="stable")]
        steps = np.floor(np.concatenate([[0.0], np.cumsum(probability[members])]) + rng.random())
        response[members] = np.diff(steps).astype(np.int64)
    return Outcome(probability=probability, response=response)


def balanced(rng: np.random.Generator, groups: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """True for `share` of either group, so that the two are independent."""
    chosen = np.zeros(len(groups), dtype=bool)
    for group in (groups, ~groups):
        members = rng.permutation(np.flatnonzero(group))
        chosen[members[: int(len(members) * share + rng.random())]] = True
    return chosen


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
