"""What figures show by colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.report.figures import gains, roc_curve

BETTER, WORSE, UNCLEAR = "#009e73", "#d55e00", "#7f8792"


@pytest.mark.parametrize(
    ("row", "colour", "intervals"),
    [
        ({"low": 0.01, "high": 0.2}, BETTER, 1),
        ({"low": 0.0, "high": 0.2}, UNCLEAR, 1),
        ({"low": -0.2, "high": -0.01}, WORSE, 1),
        ({"low": -0.2, "high": 0.0}, UNCLEAR, 1),
        ({"low": -0.2, "high": -0.01, "corrected_low": -0.3, "corrected_high": 0.02}, UNCLEAR, 2),
        ({"low": -0.2, "high": -0.05, "corrected_low": -0.3, "corrected_high": -0.01}, WORSE, 2),
        ({"low": None, "high": None}, UNCLEAR, 0),
    ],
)
def test_a_gain_has_the_colour_of_what_its_intervals_say(row: dict[str, Any], colour: str, intervals: int) -> None:
    """Better by its own interval, worse by the one for all deciding arms together, else grey; undefined ones grey."""
    (axes,) = gains(
        [{"arm": "late", "metric": "auroc", "gain": 0.05, **row}], reference="fusion", deciding=["late"]
    ).axes
    (point,) = [line for line in axes.lines if line.get_marker() == "o"]
    drawn = [line for line in axes.lines[1:] if line.get_marker() != "o"]
    assert len(drawn) == intervals
    assert {line.get_color() for line in [point, *drawn]} == {colour}
    assert point.get_markerfacecolor() == colour


def test_a_roc_curve_by_hand() -> None:
    """Tied scores are called together; a rate of the grid that rounding puts below a step's is that step's."""
    rows = pd.DataFrame({"score": [0.9, 0.8, 0.8, 0.8, 0.4, 0.1, 0.1], "label": [1, 1, 0, 0, 1, 0, 1]})
    grid = np.array([0.0, 0.5, 2 / 3 - 1e-15, 2 / 3 + 1e-15, 0.99, 1.0])
    assert roc_curve(rows, grid).tolist() == [0.25, 0.25, 0.75, 0.75, 0.75, 1.0]
