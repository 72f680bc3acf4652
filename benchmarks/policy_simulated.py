"""Two arms, six covariates and a benefit that differs between patients, with the truth known of everyone.

This generator was committed before any learner saw a cohort of it. Covariates are independent standard normal, arms are
dealt 1:1, and the log-odds of response are

    −0.4 + 0.8 · (x₁ + x₃ − x₄ + x₅) / 2 + A · deviation · (2 x₁ − 2 x₂ + x₃) / 3

with A = 1 under ``new`` and 0 under ``old``. Both directions have length 1: the benefit's standard deviation is
`DEVIATION` log-odds, and on average there is none, so that neither arm is the better one for everybody. In the null
cohort the deviation is 0 and nobody is helped by a choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

ARMS = ("old", "new")
DEVIATION = 0.5
LEVEL = -0.4
PROGNOSIS = 0.8 * np.array([1, 0, 1, -1, 1, 0]) / 2
BENEFIT = np.array([2, -2, 1, 0, 0, 0]) / 3


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One cohort.

    Attributes:
        covariates: index patient_id, columns ``x1`` to ``x6``.
        arm: index patient_id, one of `ARMS`.
        label: index patient_id, 1 responded.
        truth: index patient_id, a column an arm: the probability to respond under it.
    """

    covariates: pd.DataFrame
    arm: pd.Series[str]
    label: pd.Series[int]
    truth: pd.DataFrame


def simulate(patients: int, *, seed: int, deviation: float = DEVIATION) -> Simulated:
    """Draw a cohort; the same seed draws the same covariates and arms at any deviation."""
    rng = np.random.default_rng([seed, 19])
    index = pd.Index([f"P{one:05}" for one in range(patients)], name="patient_id")
    x = rng.normal(size=(patients, 6))
    given = rng.integers(0, 2, patients)
    logits = LEVEL + (x @ PROGNOSIS)[:, None] + np.array([0.0, deviation]) * (x @ BENEFIT)[:, None]
    share: NDArray[np.float64] = expit(logits)
    label = (rng.random(patients) < share[np.arange(patients), given]).astype(np.int64)
    return Simulated(
        covariates=pd.DataFrame(x, index=index, columns=[f"x{one}" for one in range(1, 7)]),
        arm=pd.Series(np.array(ARMS)[given], index=index),
        label=pd.Series(label, index=index),
        truth=pd.DataFrame(share, index=index, columns=list(ARMS)),
    )
