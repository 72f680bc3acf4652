"""The largest features of a cohort, and the strip of dots of each: across by attribution, stacked, coloured by rank."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from fusion.report import attribution_cohort


def test_dots_by_hand() -> None:
    part = pd.DataFrame({"attribution": [0.0, 0.0, 0.0, 0.0, 1.0, -4.0], "value": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    dots = attribution_cohort._dots(part, 2.0)
    assert [dot["x"] for dot in dots] == [100, 100, 100, 100, 148, 4]  # no further out than the strip is wide
    assert [dot["y"] for dot in dots] == [12, 13.6, 10.4, 15.2, 12, 12]  # the first in the middle, then by turns
    assert len({dot["fill"] for dot in dots}) == 6
    crowd = attribution_cohort._dots(pd.DataFrame({"attribution": [0.0] * 40, "value": [1.0] * 40}), 2.0)
    assert {min(dot["y"] for dot in crowd), max(dot["y"] for dot in crowd)} == {2, 22}
    assert len({dot["fill"] for dot in crowd}) == 1, "of one value there is no rank"


def test_dots_of_a_colour_are_one_path() -> None:
    dots = [{"x": 100, "y": 12.0, "fill": "#a"}, {"x": 48.5, "y": 13.6, "fill": "#b"}]
    again = [*dots, {"x": 4.0, "y": 2.0, "fill": "#a"}, dots[0]]
    assert attribution_cohort._paths(again) == {"#a": "M100 12h0M4 2h0", "#b": "M48.5 13.6h0"}


def test_the_largest_features_are_found_a_patient_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: TP53 has (1 + 3) / 2, age 2 / 2 ; the tile, the whole and the small one are not shown."""
    monkeypatch.setattr(attribution_cohort, "SHOWN", 2)
    columns = ["modality", "feature", "label", "gene", "value", "attribution"]
    one = [
        ["clinical", "age", "age", None, 50.0, 2.0],
        ["variants", "TP53", "TP53 burden", "TP53", 1.0, -1.0],
        ["variants", "(modality)", "variants", None, None, 9.0],
        ["slides", "tile:0:0,0", "tile", None, None, 9.0],
    ]
    two = [["variants", "TP53", "TP53 burden", "TP53", 2.0, 3.0], ["copies", "TP53", "TP53 gain", "TP53", 0.0, 0.5]]
    tables = [pd.DataFrame(rows, columns=columns) for rows in (one, two)]
    sizes = attribution_cohort.Sizes()
    for table in tables:
        sizes.add(table)

    def chosen(names: Sequence[str], asked: Sequence[str]) -> pd.DataFrame:
        whole = pd.concat(tables, ignore_index=True)
        return whole.loc[whole["feature"].isin(names), list(asked)]

    found = attribution_cohort.features(sizes, chosen)
    told = [(row["modality"], row["label"], row["gene"], row["size"], row["patients"], row["width"]) for row in found]
    assert told == [("variants", "TP53 burden", "TP53", 2.0, 2, 1.0), ("clinical", "age", "", 1.0, 1, 0.5)]
    assert found[0]["slope"] == "", "of two patients there is no direction"
    assert attribution_cohort.features(attribution_cohort.Sizes(), chosen) == []


@pytest.mark.parametrize(
    ("values", "attribution", "told"),
    [
        ([1, 2, 3], [0.1, 0.2, 0.3], ""),
        ([1, 2, 3, None], [0.1, 0.2, 0.3, 0.4], ""),
        ([1, 2, 3, 4], [0.1, 0.3, 0.2, 9.0], "more speaks for"),  # Spearman's 0.8
        ([1, 2, 3, 4], [9.0, 0.2, 0.3, 0.1], "more speaks against"),
        ([1, 2, 3, 4], [3.0, 1.0, 2.0, 4.0], "depends on the rest"),  # 0.4
        ([1, 2, 3, 4], [2.0, 4.0, 3.0, 1.0], "depends on the rest"),  # -0.4
        ([1, 1, 1, 1], [3.0, 1.0, 2.0, 4.0], ""),
        ([1, 2, 3, 4], [1.0, 1.0, 1.0, 1.0], ""),
        ([0, 1, 0, 1], [1.0, 2.0, 1.0, 2.0], "more speaks for"),
    ],
)
def test_which_way_a_feature_speaks(values: list[float], attribution: list[float], told: str) -> None:
    assert attribution_cohort._slope(pd.Series(values), pd.Series(attribution)) == told


def test_of_a_patient_the_tile_that_speaks_most_is_shown_a_side() -> None:
    gallery = [
        {"patient": patient, "value": value}
        for patient, value in [("a", 1.0), ("a", 2.0), ("b", 3.0), ("a", -1.0), ("c", -5.0), ("b", 0.0)]
    ]
    assert [(one["patient"], one["value"]) for one in attribution_cohort.extremes(gallery)] == [
        ("b", 3.0), ("a", 2.0), ("c", -5.0), ("a", -1.0),
    ]  # fmt: skip
    many = [{"patient": f"{number}", "value": float(number + 1)} for number in range(attribution_cohort.GALLERY + 1)]
    assert len(attribution_cohort.extremes(many)) == attribution_cohort.GALLERY


@pytest.mark.parametrize(
    ("lows", "said"),
    [
        ([0.1, 0.2], "Deleting what counts lowers the score faster than chance."),
        ([0.1, 0.0], "Deleting what counts lowers the score faster than chance for 1 of 2 kinds of input."),
        ([0.0, -0.1], "That deleting what counts lowers the score faster than chance is not shown."),
    ],
)
def test_the_first_sentence_says_what_deletion_shows(lows: list[float], said: str) -> None:
    checks = {"deletion": {str(at): {"value": 0.3, "low": low} for at, low in enumerate(lows)}}
    told = attribution_cohort.headline([{"name": "mri", "share": 1.0}], [], checks, subject="response")
    assert told == f"What predictions of response rest on, by size of contribution: mri 100 %. {said}"
