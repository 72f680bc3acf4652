"""Other arms' scores of the same patients, against which the arm that speaks is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion.evaluation.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Another arm's mean scores over the folds.

    Attributes:
        columns: name → ``(patient,)``, in the order of the table: score, and one a class where there are several.
        threshold: mean of the folds' thresholds.
    """

    columns: Mapping[str, Any]
    threshold: float


def compared(summary: Mapping[str, Any], thresholds: Sequence[float], outcome: Outcome) -> Compared:
    """Of what an outcome's `summary` says of an arm, the columns that are scored."""
    return Compared(
        columns={name: found for name, found in summary.items() if name in outcome.names},
        threshold=float(np.mean(thresholds)),
    )
