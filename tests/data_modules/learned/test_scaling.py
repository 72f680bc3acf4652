"""Columns that are constant but for rounding send no new patient away."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_modules.columns import Column
from data_modules.learned.preprocess import TablePreprocessor
from data_modules.learned.reduction import ReductionSettings, fit_reduction

LABELS = np.array([0, 1] * 10, dtype=np.int64)


def test_a_column_of_a_table() -> None:
    column = Column(name="x", time="baseline", kind="number", label="x")
    values = np.full(20, 0.1)
    values[:10] = 0.1 + 1e-15
    assert values.std() > 0
    learned = TablePreprocessor.fit(pd.DataFrame({"x": values}), [column])
    assert np.abs(learned.transform(pd.DataFrame({"x": [0.4]}))).max() < 1


def test_a_wide_table_and_its_components() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=20), rng.normal(size=20)
    table = pd.DataFrame({"a": first, "b": second, "c": first + second, "d": 0.1 + 1e-15 * (first > 0)})
    learned = fit_reduction(table, LABELS, ReductionSettings(clip=None, screen=None, components=3))
    assert learned.columns == ("a", "b", "c"), "d is constant but for rounding"
    assert learned.loadings is not None and len(learned.loadings) == 2, "c is the sum of the others"
    new = pd.DataFrame({"a": [1.0], "b": [1.0], "c": [-5.0], "d": [9.0]})
    assert np.abs(learned.transform(new)).max() < 100
