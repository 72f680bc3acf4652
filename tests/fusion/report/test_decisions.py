"""Decision curves of grades and times as a figure, and their questions in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fusion.report.page import environment
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


def point(arm: str, rule: str, low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    share = {"value": 0.5, "low": low, "high": high}
    parts = dict.fromkeys(("sensitivity", "specificity", "precision", "negative_value", "called"), share)
    return {"arm": arm, "rule": rule, "target": 0.9, "low": 0.3, "high": 0.4, **parts, **more}


def test_operating_points_stand_under_what_was_asked_and_say_where_an_interval_has_no_width() -> None:
    rows = [point("fusion", "sensitivity", 0.1, 0.9), point("late", "sensitivity", 0.2, 0.9)]
    other = point("fusion", "specificity", 0.1, 0.9)
    found = tables({"operating": {"rows": [*rows, other]}})
    assert (found["operating_groups"], found["operating_certain"]) == ([rows, [other]], False)
    assert not tables({"operating": {"rows": [point("fusion", "sensitivity", None, None)]}})["operating_certain"]
    assert tables({"operating": {"rows": [*rows, point("late", "specificity", 1.0, 1.0)]}})["operating_certain"]
    several = [point("fusion", "sensitivity", 0.1, 0.9, at=at) for at in ("I", "II")]
    assert tables({"operating": {"rows": several}})["operating_groups"] == [[several[0]], [several[1]]]
    assert tables({})["operating_groups"] == []
    verdict = {"reference": "fusion"}
    made = environment().get_template("operating.html.j2")

    def page(rows: list[dict[str, Any]]) -> str:
        content: dict[str, Any] = {"operating": {"rows": rows}}
        return made.render(
            metrics=content, verdict=verdict, drawn="patients", interval=lambda one: one["value"],
            endpoint=SimpleNamespace(classes=("no", "yes")), **tables(content),
        )  # fmt: skip

    plain = page([*rows, other])
    assert plain.index("sensitivity of 0.9") < plain.index("Late fusion") < plain.index("specificity of 0.9")
    assert plain.count('class="lead"') == 2 and "et benefit" not in plain and "no width" not in plain
    benefit = {"net_benefit": {"value": 0.1, "low": 0, "high": 1}, "over_all": {"value": 0.1, "low": None}}
    whole = page([*rows, point("fusion", "net_benefit", 1.0, 1.0, **benefit)])
    assert "most net benefit at 0.9" in whole and "Net benefit counts in true positives" in whole
    assert "the interval has no width, and is too narrow" in whole
    assert "II or higher: sensitivity of 0.9" in page(several)


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
