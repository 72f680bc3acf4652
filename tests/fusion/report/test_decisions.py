"""Decision curves of grades and times as a figure, and their questions in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusion.report.parts.decisions import asked, curves, tables

X = [0.05, 0.1, 0.2, 0.3, 0.5, 0.8]


def part(*at: str) -> dict[str, Any]:
    """Of each question a curve of two arms, one with a band."""
    mine = {"value": [0.3, 0.25, 0.2, 0.1, 0.0, 0.0], "low": [0.2] * 6, "high": [0.4] * 6}
    rows = [
        {"at": one, "share": {"value": 0.4}, "x": X, "all": [0.35, 0.3, 0.2, 0.1, -0.2, -1.0],
         "arms": {"fusion": mine, "late": {"value": [0.2] * 6}}}
        for one in at
    ]  # fmt: skip
    return {"reference": "fusion", "rows": rows}


def test_questions_in_words() -> None:
    assert asked({"patients": 3}, "II") == "II or higher"
    assert asked({"events": 3, "unit": "months"}, "12") == "event by 12 months"
    assert asked({"events": 3, "unit": None}, "12") == "event by 12"


def test_a_panel_a_question_with_the_band_of_the_arm_that_is_judged() -> None:
    figure = curves({"decision": part("I", "II", "III", "IV")})
    assert figure is not None
    panels = [one for one in figure.axes if one.get_visible()]
    assert [one.get_title("left") or one.get_title() for one in panels] == [
        f"{at} or higher" for at in ("I", "II", "III", "IV")
    ]
    lines = {str(line.get_label()): line for line in panels[0].get_lines()}
    assert lines["Fusion"].get_ydata() == pytest.approx([0.3, 0.25, 0.2, 0.1, 0.0, 0.0])
    assert lines["everybody"].get_ydata() == pytest.approx([0.35, 0.3, 0.2, 0.1, -0.2, -1.0])
    (band,) = panels[0].collections
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == (0.2, 0.4)
    assert curves({}) is None


def test_numbers_at_some_thresholds() -> None:
    found = tables({"decision": part("II"), "operating": {"rows": [], "untold": ["III", ""]}})
    assert [row["threshold"] for row in found["decision_rows"]] == [0.1, 0.2, 0.3, 0.5]
    assert [row["mine"]["value"] for row in found["decision_rows"]] == [0.25, 0.2, 0.1, 0.0]
    assert [row["all"] for row in found["decision_rows"]] == [0.3, 0.2, 0.1, -0.2]
    assert found["untold"] == ["III or higher"]
    without = part("II")
    without["reference"] = "only_a"  # a run without the fused arm
    assert [row["mine"] for row in tables({"decision": without})["decision_rows"]] == [None] * 4
    assert tables({})["decision_rows"] == []
