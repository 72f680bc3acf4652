"""Distances by hand, and patients with missing features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusion.contract import FusionError
from fusion.protocol.novelty import Novelty


def plain(limit: float = 2.0) -> Novelty:
    """Two standardised features with correlation 0.6."""
    return Novelty(
        columns=("clinical:age", "clinical:size"),
        center=np.array([50.0, 20.0]),
        scale=np.array([10.0, 5.0]),
        covariance=np.array([[1.0, 0.6], [0.6, 1.0]]),
        limit=limit,
    )


def test_distance_by_hand() -> None:
    table = pd.DataFrame({"clinical:age": [60.0, 50.0], "clinical:size": [20.0, 20.0], "other": [1.0, 1.0]})
    # z = (1, 0); the inverse of [[1, .6], [.6, 1]] is [[1, −.6], [−.6, 1]] / 0.64, so z'Σ⁻¹z / 2 = 1 / 0.64 / 2.
    assert plain().distance(table) == pytest.approx([np.sqrt(1 / 0.64 / 2), 0.0])


def test_a_missing_feature_is_left_out() -> None:
    table = pd.DataFrame({"clinical:age": [70.0, np.nan], "clinical:size": [np.nan, np.nan]})
    distance = plain().distance(table)
    assert distance[0] == pytest.approx(2.0)
    assert np.isnan(distance[1])


def test_fit_leaves_out_constant_columns_and_survives_state() -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame({"a": random.normal(3, 2, 200), "b": random.normal(0, 1, 200), "constant": 7.0})
    fitted = Novelty.fit(table, limit=2.5)
    assert fitted.columns == ("a", "b")
    assert fitted.distance(table).mean() == pytest.approx(1.0, abs=0.15)
    back = Novelty.from_state(fitted.state())
    assert np.array_equal(back.distance(table), fitted.distance(table))
    assert back.limit == 2.5


def test_columns_the_fold_knew_must_be_there() -> None:
    with pytest.raises(FusionError, match="clinical:size"):
        plain().distance(pd.DataFrame({"clinical:age": [1.0]}))
