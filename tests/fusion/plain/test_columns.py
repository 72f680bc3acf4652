"""Standardised columns without gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusion.plain.columns import FEWEST, Columns


@pytest.fixture
def rows() -> pd.DataFrame:
    """Ten patients; half lack modality b, one lacks a value of a."""
    return pd.DataFrame(
        {
            "a:x": [np.nan, 2.0, 2, 2, 2, 4, 4, 4, 4, 4],
            "a:same": 1e6,
            "b:y": [0.0, 1, 2, 3, 4] + 5 * [np.nan],
            "b:z": [1.0, 1, 1, 1, 6] + 5 * [np.nan],
        }
    )


def test_columns_have_mean_0_and_deviation_1_over_known_values(rows: pd.DataFrame) -> None:
    columns = Columns.fit(rows)
    assert columns.names == ("a:x", "b:y", "b:z"), "what does not vary says nothing"
    made = columns(rows)
    assert made[0, 0] == 0 and made[1, 0] == pytest.approx((2 - 28 / 9) / np.std([2] * 4 + [4] * 5))
    known = rows["b:y"].notna().to_numpy()
    assert made[known, 1].mean() == pytest.approx(0) and made[known, 1].std() == pytest.approx(1)
    assert np.all(made[~known, 1:3] == 0)


def test_columns_that_are_missing_together_are_one_lack(rows: pd.DataFrame) -> None:
    columns = Columns.fit(rows)
    assert FEWEST == 5
    assert columns.lacks == ("b:y",), "the one patient without a:x is too few"
    assert columns(rows)[:, 3].tolist() == [-1.0] * 5 + [1.0] * 5
    assert columns.sources == ("a:x", "b:y", "b:z", "b:y")


def test_a_new_patient_lies_no_further_out_than_training_patients(rows: pd.DataFrame) -> None:
    columns = Columns.fit(rows)
    strange = pd.DataFrame({"a:x": [1e14, -1e14], "b:y": [np.inf, 2.0], "b:z": [6.0, 1.0]})
    made = columns(strange)
    edge = columns(pd.DataFrame({"a:x": [4.0, 2.0], "b:y": [np.nan, 2.0], "b:z": [6.0, 1.0]}))
    assert made[:, 0].tolist() == edge[:, 0].tolist()
    assert made[0, 1] == 0, "infinite is unknown"


def test_a_cohort_without_a_column_has_it_missing(rows: pd.DataFrame) -> None:
    columns = Columns.fit(rows)
    assert np.array_equal(columns(rows[["a:x"]]), columns(rows.assign(**{"b:y": np.nan, "b:z": np.nan})))


def test_it_is_restored_to_the_last_bit(rows: pd.DataFrame) -> None:
    columns = Columns.fit(rows)
    assert np.array_equal(Columns.restore(*columns.state())(rows), columns(rows))
