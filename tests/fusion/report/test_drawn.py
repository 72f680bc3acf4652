"""Figures that no recorded page has, each as it was when it was last looked at; what it shows is tested by hand too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from fusion.report.elsewhere.figures import risks, shares
from fusion.report.first.overlap import MOST, overlap
from fusion.report.parts.missing import curve, said
from fusion.report.survival.competing import incidence
from fusion.report.sweeps.figures import mattered, parallel
from fusion.report.theme import style
from tests.helpers.figures import described
from tests.helpers.recorded import assert_recorded

EXAMPLES = Path(__file__).parent / "examples"


def interval(value: float | None, half: float | None = 0.1) -> dict[str, float | None]:
    known = value is not None and half is not None
    return {"value": value, "low": value - half if known else None, "high": value + half if known else None}  # type: ignore[operator]


MISSING = {
    "missing": {
        "curve": [
            {"share": 0.0, "value": interval(0.9), "calibration": interval(0.01)},
            {"share": 0.5, "value": interval(0.7, None), "calibration": interval(None)},
            {"share": 1.0, "value": interval(0.5), "calibration": interval(-0.2)},
        ],
        "subsets": [
            {"kept": ["slides"], "value": interval(0.6)}, {"kept": ["rna"], "value": interval(0.8)},
            {"kept": ["mri"], "value": interval(None)}, {"kept": ["rna", "slides"], "value": interval(0.95)},
        ],
    }
}  # fmt: skip


def test_the_missing_modality_curve_by_hand() -> None:
    assert said(MISSING, label="AUROC") == (
        "AUROC 0.900 with all that patients have, 0.700 where half of it is missing, 0.800 with rna alone."
    )
    none_alone = {"missing": MISSING["missing"] | {"subsets": MISSING["missing"]["subsets"][2:]}}
    assert said(none_alone, label="AUROC").endswith("half of it is missing.")
    assert said({}, label="AUROC") == "" and curve({}, label="AUROC") is None
    figure = curve(MISSING, label="AUROC")
    assert figure is not None
    left, right = figure.axes
    (line,) = left.lines
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0, 50, 100], [0.9, 0.7, 0.5])  # type: ignore[union-attr]
    level, line = right.lines
    assert list(level.get_ydata()) == [0, 0] and line.get_xdata().tolist() == [0, 100]  # type: ignore[union-attr]
    band = left.collections[0].get_paths()[0].vertices
    assert {(0.0, 0.8), (0.0, 1.0), (100.0, 0.4), (100.0, 0.6)} == {(x, round(y, 6)) for x, y in band.tolist()}  # type: ignore[union-attr]


def test_a_dozen_combinations_are_drawn_and_the_others_told() -> None:
    names = [f"source {number:02}" for number in range(MOST + 2)]
    held = {name: [f"{name}/{patient}" for patient in range(20 - at)] for at, name in enumerate(names)}
    bars, dots = overlap(held).axes
    assert [bar.get_height() for bar in bars.patches] == list(range(20, 8, -1))
    assert dots.get_xlabel() == "15 patients have 2 other combinations"


def test_figures_are_as_they_were() -> None:
    table = pd.DataFrame({"patient_id": list("abcd"), "score": [0.5, -1.0, 0.0, 0.25]})
    for column, shift in (("low", -0.25), ("high", 0.5)):
        table[column] = table["score"] + shift
    horizons = ("12", "24", "36")
    for number, one in enumerate(horizons):
        for column, shift in (("survival", 0.0), ("low", -0.1), ("high", 0.05)):
            table[f"{column}@{one}"] = 0.9 - 0.1 * number - 0.1 * table["score"] + shift
    grades = pd.DataFrame({"I": [0.6, 0.2, 0.8], "II": [0.3, 0.3, 0.1], "III": [0.1, 0.5, 0.1]})
    values = {"0": {"rate": "0.001", "fuser": "a"}, "1": {"rate": "0.1", "fuser": "b"}, "2": {"rate": "1", "fuser": ""}}
    step = {"x": [0, 1, 2], "value": [0, 0.25, 0.5], "low": [0, 0.125, 0.25], "high": [0, 0.5, 0.75]}
    competing = {
        "causes": [
            {"name": name, "curve": step} for name in ("death", "other", "a third", "a fourth", "a fifth", "a sixth")
        ],
        "groups": [{"name": name, "curve": step} for name in ("lowest third", "middle third", "highest third")],
    }
    held = {"clinical": ["a", "b", "c"], "rna": ["b", "c", "d"], "slides": ["c"]}
    with style():
        made: dict[str, Any] = {
            "missing": curve(MISSING, label="AUROC"),
            "risks": risks(table, pd.Series({"a": 1, "b": 0}), horizons=horizons, unit="months"),
            "shares": shares(grades, {name: name for name in grades}),
            "parallel": parallel(values, {"0": 0.5, "1": 0.7, "2": 0.6}, winner="1", label="AUROC"),
            "mattered": mattered({"rate": 0.75, "a_key_with_a_name_that_is_much_too_long": 0.25}),
            "overlap": overlap(held),
            "incidence": incidence({"competing": competing, "unit": "months"}),
        }
        assert_recorded({name: described(one) for name, one in made.items()}, EXAMPLES / "drawn.json")
    assert incidence({}) is None
