"""What a prediction report says of times and classes: counts by hand, figures that show who had the event."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusion.evaluation.survival.evaluate import evaluate_survival
from fusion.report.elsewhere.figures import risks, shares
from fusion.report.elsewhere.kinds import KINDS
from tests.helpers.survival import survival_predictions

TIMES = pd.DataFrame(
    {
        "patient_id": ["a", "b", "c"], "score": [0.5, -1.0, 0.0], "low": [0.1, -1.2, -0.4], "high": [0.7, -0.8, 0.2],
        "survival@12": [0.5, 0.9, 0.7], "low@12": [0.4, 0.8, 0.4], "high@12": [0.6, 1.0, 0.8],
    }
)  # fmt: skip
FACTS = {"arm": "fusion", "unit": "months", "classes": ["censored", "event"]}


def test_survival_at_a_horizon_over_patients() -> None:
    content = KINDS["survival"].content(FACTS, TIMES, None)
    (row,) = content["horizons"]
    assert (row["name"], row["median"], row["quartiles"]) == ("12", 0.7, pytest.approx([0.6, 0.8]))
    assert row["width"] == pytest.approx(0.2)  # of 0.2, 0.2 and 0.4
    assert content["unit"] == "months"
    assert (content["observed"], content["risk_groups"]) == ([], None)


def test_with_labels_predicted_stands_beside_observed() -> None:
    rows = survival_predictions(60, arms=("fusion",), folds=1)
    metrics = evaluate_survival(rows, draws=20, unit="months")
    content = KINDS["survival"].content(FACTS, TIMES, metrics)
    assert [row["name"] for row in content["observed"]] == ["12", "24", "36"]
    first = content["observed"][0]
    assert first["events"] == int(((rows["time"] <= 12) & (rows["label"] == 1)).sum())
    assert first["predicted"] == pytest.approx(1 - rows["survival@12"].mean())
    assert first["observed"]["value"] == metrics["horizons"][0]["arms"]["fusion"]["observed"]["value"]
    del metrics["verdict"]  # as of one arm alone
    figures = KINDS["survival"].figures(FACTS, TIMES, metrics, None)
    assert figures["kaplan_meier"].axes[0].get_title() == "Thirds of predicted risk"
    assert figures["calibration"] is not None


def test_patients_stand_in_order_of_risk_with_their_ranges() -> None:
    labels = pd.Series({"a": 1, "b": 0})
    figure = risks(TIMES, labels, horizons=["12"], unit="months")
    first, second = figure.axes
    assert second.get_title() == "Free of the event at 12 months"
    drawn = {part.get_label(): part.get_offsets().tolist() for part in first.collections if part.get_label()[0] != "_"}
    assert drawn == {"not known": [[2.0, 0.0]], "no event seen": [[1.0, -1.0]], "event": [[3.0, 0.5]]}
    ranges = [segment.tolist() for part in second.collections[::2] for segment in part.get_segments()]
    assert sorted(ranges) == [[[1, 0.8], [1, 1.0]], [[2, 0.4], [2, 0.8]], [[3, 0.4], [3, 0.6]]]


GRADES = pd.DataFrame(
    {
        "patient_id": ["a", "b", "c"], "class": ["I", "III", "I"], "score": [0.6, 0.5, 0.8],
        "score_I": [0.6, 0.2, 0.8], "score_II": [0.3, 0.3, 0.1], "score_III": [0.1, 0.5, 0.1],
    }
)  # fmt: skip


def test_classes_are_counted_and_their_probabilities_stacked() -> None:
    rows = KINDS["ordinal"].content({"classes": ["I", "II", "III"]}, GRADES, None)["called"]
    assert [(row["name"], row["called"], row["sure"]) for row in rows] == [
        ("I", 2, pytest.approx(0.7)), ("II", 0, None), ("III", 1, 0.5),
    ]  # fmt: skip
    assert [row["mean"] for row in rows] == pytest.approx([1.6 / 3, 0.7 / 3, 0.7 / 3])
    figure = shares(GRADES, {name: f"score_{name}" for name in ("I", "II", "III")})
    bars = figure.axes[0].containers
    # Expected grades 0.5, 1.3 and 0.3: c, a, b.
    assert [bar.get_height() for bar in bars[0]] == pytest.approx([0.8, 0.6, 0.2])
    assert [bar.get_y() for bar in bars[2]] == pytest.approx([0.9, 0.9, 0.5])
    assert np.unique([bar.get_label() for bar in bars]).tolist() == ["I", "II", "III"]
