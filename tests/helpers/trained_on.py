"""Patients that plain models are fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fusion.contract import Truth
from fusion.plain.training import Split, Training


def training(
    rows: pd.DataFrame, labels: np.ndarray | Truth, splits: Sequence[Split], weights: np.ndarray | None = None
) -> Training:
    """All weighed alike, where no weights are given."""
    truth = labels if isinstance(labels, Truth) else Truth(label=labels)
    weights = np.ones(len(rows)) if weights is None else weights
    return Training(rows=rows, truth=truth, weights=weights, splits=splits)
