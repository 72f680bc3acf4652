"""New patients on another scale than training, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data_modules.columns import Column
from data_modules.learned.elsewhere import elsewhere
from data_modules.learned.preprocess import TablePreprocessor

NAN = np.nan


def test_columns_far_off_or_hardly_differing() -> None:
    columns = {
        "same": [-1.0, 0.0, 1.0, 0.5, -0.5], "far": [5.1, 5.2, 4.0, 5.3, NAN], "near": [4.9, 9.0, 9.0, 4.9, 4.9],
        "below": [-6.0, -7.0, -8.0, -6.0, -5.5], "narrow": [0.10, 0.11, 0.12, 0.13, 0.14],
        "alike": [0.1] * 5, "few": [0.10, 0.11, NAN, NAN, 0.12], "none": [NAN] * 5,
    }  # fmt: skip
    found = elsewhere(np.array(list(columns.values())).T)
    assert [name for name, far in zip(columns, found, strict=True) if far] == ["far", "below", "narrow"]


def test_units_of_a_table() -> None:
    columns = [
        Column(name="ldh", time="baseline", kind="number", label="LDH"),
        Column(name="share", time="baseline", kind="number", label="Share"),
        Column(name="sex", time="baseline", label="Sex"),
    ]
    train = pd.DataFrame({"ldh": np.linspace(180.0, 360, 9), "share": np.linspace(10.0, 90, 9), "sex": ["F"] * 9})
    learned = TablePreprocessor.fit(train, columns)
    assert learned.elsewhere(train) == []
    assert learned.elsewhere(train.assign(ldh=train["ldh"] / 60, share=train["share"] / 100)) == ["ldh", "share"]
    assert learned.elsewhere(train.iloc[:0]) == []
