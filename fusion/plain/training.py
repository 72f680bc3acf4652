"""Whom a plain model is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import Truth

Floats = NDArray[np.float64]
Split = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows that are fitted on, rows that are held out."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Training patients, and how they are split where a model must not have seen a label.

    Attributes:
        rows: ``(patient, column)`` named ``modality:feature``, NaN where missing.
        truth: their outcomes; every class occurs in every split.
        weights: ``(patient,)`` in the loss.
        splits: for cross-fitting; every patient is held out once.
    """

    rows: pd.DataFrame
    truth: Truth
    weights: Floats
    splits: Sequence[Split]

    @property
    def labels(self) -> NDArray[np.int64]:
        """``(patient,)`` positions in the classes, grades, or whether the event happened."""
        return self.truth.label
