"""What drives response in the simulated cohort. All of it is invented; none of it is a finding.

The story: a tumour responds by one of two routes. *Hot and unable to repair*: lymphocytes among the tumour cells (T)
and deficient repair of DNA (D) make platinum with immunotherapy work. *Cold and able to repair*: without either, the
tumour grows slowly and answers to the endocrine-like part of the treatment. With only one of the two neither route is
open. So T and D interact with a crossover: each alone says little, their sum a little more, both together say much.

    logit P(y = 1) = a + k · CELL[T, D] + clinical,      clinical = STAGE[stage] - 0.02 · (age - 58)

k is the `interaction` setting (0 removes T and D: the negative control); a is solved so that the mean P is PREVALENCE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREVALENCE = 0.32
CELL = {(True, True): 2.6, (False, False): -0.8, (True, False): -3.0, (False, True): -3.0}
STAGE = {"Stage I": 0.6, "Stage II": 0.0, "Stage III": -0.6}
SITES = ("S1", "S2", "S3", "S4", "S5")
SITE_SHARES = (0.28, 0.24, 0.20, 0.16, 0.12)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Per patient: the true probability, the drawn response, and the clinical part of the logit."""

    probability: NDArray[np.float64]
    response: NDArray[np.int64]
    clinical: NDArray[np.float64]


def lymphocyte_rich(rng: np.random.Generator, deficient: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """T for half of the patients, and for half of either kind of repair, so that T and D are independent."""
    rich = np.zeros(len(deficient), dtype=bool)
    for group in (deficient, ~deficient):
        members = rng.permutation(np.flatnonzero(group))
        rich[members[: int(len(members) / 2 + rng.random())]] = True
    return rich


def draw_outcome(
    rng: np.random.Generator,
    *,
    rich: NDArray[np.bool_],
    deficient: NDArray[np.bool_],
    stage: NDArray[np.str_],
    age: NDArray[np.float64],
    interaction: float,
) -> Outcome:
    """The equation above, then responses by systematic sampling.

    Within each of the four cells patients are ordered by probability and drawn at even steps of its running sum (Madow,
    Ann Math Stat 1949): each patient responds with exactly their probability, and the number of responders in a cell is
    its expectation, up to rounding. So a cohort of 240 shows the design at any seed instead of the luck of one draw.
    """
    clinical = np.array([STAGE[s] for s in stage]) - 0.02 * (age - 58)
    cells = np.array([CELL[bool(t), bool(d)] for t, d in zip(rich, deficient, strict=True)])
    logit = interaction * cells + clinical
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _sigmoid(logit + middle).mean() < PREVALENCE else (low, middle)
    probability = _sigmoid(logit + low)
    response = np.zeros(len(probability), dtype=np.int64)
    for t in (False, True):
        for d in (False, True):
            members = np.flatnonzero((rich == t) & (deficient == d))
            members = members[np.argsort(probability[members], kind="stable")]
            steps = np.floor(np.concatenate([[0.0], np.cumsum(probability[members])]) + rng.random())
            response[members] = np.diff(steps).astype(np.int64)
    return Outcome(probability=probability, response=response, clinical=clinical)


def auroc(label: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney), ties at their mean rank; NaN with one class."""
    from scipy.stats import rankdata

    positive = int(label.sum())
    negative = len(label) - positive
    if not positive or not negative:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[label == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
