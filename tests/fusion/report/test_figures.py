"""What figures show by colour."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.evaluation.curves import THRESHOLDS
from fusion.report.class_figures import one_against_rest
from fusion.report.figures import decision, gains, line_of, roc_curve, selection, training
from fusion.report.kinds import KINDS
from fusion.report.survival.figures import auc
from fusion.report.theme import arm_colours, style

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


def test_the_numbers_below_gains_stand_apart() -> None:
    """Gains from −0.10 to 0.10 in steps of 0.025 ran into one another."""
    rows = [
        {"arm": "classical_boosting", "metric": "auroc", "gain": 0.0325, "low": -0.029, "high": 0.0945},
        {"arm": "floor_site", "metric": "auroc", "gain": -0.022, "low": -0.0914, "high": 0.047},
    ]
    with style():
        figure = gains(rows, reference="fusion", deciding=["late"])
        figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels() if label.get_text()]
    assert len(boxes) > 3
    assert all(right.x0 - left.x1 > 5 for left, right in itertools.pairwise(boxes))


def test_no_word_of_the_gains_is_cut_whatever_the_metric_is_called() -> None:
    arms = ["only_copy_number_segments", "classical_competing", "late"]
    rows = [{"arm": arm, "gain": 0.1, "low": -0.2, "high": 0.3} for arm in arms]
    for label in {label for kind in KINDS.values() for label in kind.labels.values()}:
        with style():
            figure = gains(
                [{**row, "metric": "m"} for row in rows], reference="fusion", deciding=arms, metric="m", label=label
            )
            figure.draw_without_rendering()
        (axes,) = figure.axes
        words = [axes.xaxis.label, *axes.get_yticklabels(), *axes.get_xticklabels(), *axes.texts]
        boxes = [word.get_window_extent() for word in words]
        assert min(box.x0 for box in boxes) >= 0 and max(box.x1 for box in boxes) <= figure.bbox.x1, label


def test_no_two_arms_of_a_figure_have_the_same_line() -> None:
    singles = [f"only_{number}" for number in range(8)]
    arms = [*singles, "late", "classical", "classical_boosting", "base", "floor_clinical", "floor_treatment", "fusion"]
    colours = arm_colours(arms)
    lines = {(line["color"], line["linestyle"]) for line in (line_of(arm, colours) for arm in arms)}
    assert len(lines) == len(arms)


def test_arms_over_horizons_have_lines_of_their_own() -> None:
    arms = ["fusion", "base", "floor_site", "classical", "late"]
    part = {"auc": {"value": 0.6, "low": 0.5, "high": 0.7}}
    horizons = [{"at": at, "arms": dict.fromkeys(arms, part)} for at in (12, 36)]
    figure = auc({"verdict": {"reference": "fusion"}, "horizons": horizons, "arms": dict.fromkeys(arms)})
    assert figure is not None
    named = [line for line in figure.axes[0].lines if not str(line.get_label()).startswith("_")]
    drawn = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in named}  # type: ignore[attr-defined]
    assert len(drawn) == len(named) == len(arms)


def test_few_classes_are_named_below_their_curves_and_many_beside_them() -> None:
    for classes, wide in ((["0", "I", "II"], 4.4), ([str(number) for number in range(7)], 5.6), (["a" * 21, "b"], 5.6)):
        scores = {f"score_{name}": [0.1, 0.6, 0.3, 0.9] for name in classes}
        table = pd.DataFrame({"arm": "fusion", "repeat": 0, "label": [0, 1, 1, 0], **scores})
        figure = one_against_rest(table, classes, arm="fusion")
        assert figure.get_figwidth() == wide
        assert figure.axes[0].get_legend() is not None


def test_a_roc_curve_by_hand() -> None:
    """Tied scores are called together; a rate of the grid that rounding puts below a step's is that step's."""
    rows = pd.DataFrame({"score": [0.9, 0.8, 0.8, 0.8, 0.4, 0.1, 0.1], "label": [1, 1, 0, 0, 1, 0, 1]})
    grid = np.array([0.0, 0.5, 2 / 3 - 1e-15, 2 / 3 + 1e-15, 0.99, 1.0])
    assert roc_curve(rows, grid).tolist() == [0.25, 0.25, 0.75, 0.75, 0.75, 1.0]


def test_a_decision_curve_by_hand() -> None:
    """Half respond. Fusion finds them in one repeat and calls nobody in the other; late fusion calls everybody."""
    labels = [1, 1, 0, 0]
    scores = {("fusion", 0): [0.9, 0.9, 0.02, 0.02], ("fusion", 1): [0.02] * 4, ("late", 0): [0.9] * 4}
    table = pd.concat(
        pd.DataFrame({"arm": arm, "repeat": repeat, "patient_id": list("abcd"), "label": labels, "score": values})
        for (arm, repeat), values in scores.items()
    )
    band = {"x": [0.1, 0.8], "low": [0.1, 0.2], "high": [0.3, 0.4]}
    for given in (None, band):
        (axes,) = decision(table, band=given).axes
        lines = {str(line.get_label()): np.asarray(line.get_ydata(), dtype=float) for line in axes.lines}
        assert set(lines) == {"treat nobody", "treat everybody", "Fusion", "Late fusion"}
        assert lines["treat nobody"].tolist() == [0, 0]
        np.testing.assert_allclose(lines["Fusion"], 0.25)
        odds = THRESHOLDS / (1 - THRESHOLDS)
        for name in ("treat everybody", "Late fusion"):
            np.testing.assert_allclose(lines[name], 0.5 - 0.5 * odds, atol=1e-12)
        assert len(axes.collections) == (given is not None)
        if given is not None:
            corners = axes.collections[0].get_paths()[0].vertices
            assert {(0.1, 0.1), (0.1, 0.3), (0.8, 0.2), (0.8, 0.4)} <= {tuple(one) for one in np.asarray(corners)}


def test_selected_features_by_hand_and_where_nothing_was_selected() -> None:
    stability = {"value": 0.5, "low": -0.25, "high": 0.75}
    many = {
        "modality": "variants", "sizes": (2, 4), "candidates": 12, "stability": stability,
        "features": [{"feature": f"gene {number}", "share": 1 - number / 8} for number in range(4)],
    }  # fmt: skip
    none = {**many, "modality": "rna", "sizes": (0, 0), "candidates": 0, "features": []}
    none["stability"] = dict.fromkeys(("value", "low", "high"), float("nan"))
    figure = selection([many, none], limit=3)
    assert figure is not None and selection([]) is None
    first, second = figure.axes
    assert [bar.get_width() for bar in first.patches] == [1, 0.875, 0.75]
    assert [one.get_text() for one in first.get_yticklabels()] == ["gene 0", "gene 1", "gene 2"]
    # The first at the top; by chance three of twelve. Of nothing there is room for one bar.
    assert first.get_ylim() == pytest.approx((2.6, -0.6)) and second.get_ylim() == pytest.approx((0.6, -0.6))
    assert [list(axes.lines[0].get_xdata()) for axes in (first, second)] == [[0.25, 0.25], [0, 0]]
    assert first.get_title() == "variants: stability 0.50 (−0.25 to 0.75)"
    assert second.get_title() == "rna: stability undefined"
    unknown = {"value": -0.004, "low": float("nan"), "high": float("nan")}
    two = selection([many | {"stability": unknown}])
    assert two is not None and two.axes[0].get_title() == "variants: stability 0.00"
    assert first.get_xlim() == (0, 1) and figure.get_size_inches().tolist() == pytest.approx([7.2, 1.8 + 0.22 * 3])


def test_losses_by_epoch_are_medians_between_quartiles() -> None:
    rows = pd.DataFrame(
        {
            "arm": ["late"] * 2 + ["fusion"] * 10, "epoch": [0, 1] + [0, 1] * 5,
            "train_loss": [9.0, 8.0, 1.0, 0.5, 2.0, 0.5, 3.0, 0.5, 4.0, 0.5, 5.0, 0.5],
        }
    )  # fmt: skip
    figure = training(rows)
    assert figure is not None
    first, second = figure.axes
    assert first.get_title() == "Fusion" and first.get_ylabel() == "Loss"
    (line,) = first.lines
    assert (list(line.get_xdata()), list(line.get_ydata()), line.get_label()) == ([0, 1], [3, 0.5], "training")
    band = np.asarray(first.collections[0].get_paths()[0].vertices)
    assert {(0, 2), (0, 4), (1, 0.5)} == {tuple(one) for one in band.tolist()}
    assert list(second.lines[0].get_ydata()) == [9, 8]
    assert training(rows.iloc[:0]) is None and training(rows.drop(columns="epoch")) is None
    assert training(rows[["arm", "epoch"]]) is None
    assert line.get_marker() == "None"
    once = training(rows[rows["epoch"] == 0])
    assert once is not None and [one.lines[0].get_marker() for one in once.axes] == ["o", "o"], "a point, not nothing"
    assert [one.get_xticks().tolist() for one in once.axes] == [[0], [0]]
    alone = training(rows[rows["arm"] == "late"])
    assert alone is not None and alone.get_size_inches().tolist() == pytest.approx([3.2, 2.5])
