"""Invented times until an event, with ties and censoring, for tests of survival."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusion.contract import EndpointSpec, Truth

MONTHS = EndpointSpec(name="os", kind="survival", classes=("censored", "event"), unit="months", horizons=(6.0, 12.0))


def invented(patients: int = 80, *, seed: int = 0, columns: int = 4, effect: float = 1.0) -> tuple[pd.DataFrame, Truth]:
    """Rows of numbers, the first of which shortens life; times in whole months, so that many tie; a third censored."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(patients, columns))
    until = rng.exponential(12 * np.exp(-effect * values[:, 0]))
    last = rng.uniform(2, 40, size=patients)
    time = np.maximum(np.ceil(np.minimum(until, last)), 1.0)
    names = [f"clinical:c{number}" for number in range(columns)]
    rows = pd.DataFrame(values, columns=names, index=[f"P{number:03d}" for number in range(patients)])
    return rows, Truth(label=(until <= last).astype(np.int64), time=time)
