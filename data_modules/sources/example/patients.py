"""The patients of an example: half of them respond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FEWEST, MOST = 12, 999
_RESPONSES = ("CR", "PR", "PR", "SD", "SD", "PD")


@dataclass(frozen=True, kw_only=True)
class Patients:
    """Patients in the order of their ids.

    Attributes:
        clinical: patient_id, age_years, tumor_grade, er_status, best_response, os_months, os_event.
        responds: ``(patient,)``.
        measured: how many have what a kind adds; the last ones have only the table: real cohorts are incomplete.
    """

    clinical: pd.DataFrame
    responds: NDArray[np.bool_]
    measured: int

    @property
    def ids(self) -> list[str]:
        """``P01`` and on."""
        return self.clinical["patient_id"].tolist()


def draw_patients(count: int, seed: int) -> Patients:
    """Patients of whom half respond; responders are a little younger and live longer, else baseline says nothing."""
    rng = np.random.default_rng([seed, 1])
    best = rng.permutation(np.resize(_RESPONSES, count))
    responds = np.isin(best, ["CR", "PR"])
    grade = rng.permutation(np.resize(["G1", "G2", "G2", "G3"], count)).astype(object)
    grade[rng.integers(count)] = np.nan
    death, last = rng.exponential(np.where(responds, 60.0, 25.0)), rng.uniform(12, 60, count)
    clinical = pd.DataFrame(
        {
            "patient_id": [f"P{number:0{len(str(count))}}" for number in range(1, count + 1)],
            "age_years": (rng.normal(58, 9, count) - 4 * responds).round().astype(int),
            "tumor_grade": grade,
            "er_status": rng.permutation(np.resize(["positive", "positive", "negative"], count)),
            "best_response": best,
            "os_months": np.minimum(death, last).clip(0.1).round(1),
            "os_event": (death <= last).astype(int),
        }
    )
    return Patients(clinical=clinical, responds=responds, measured=count - max(1, count // 12))
