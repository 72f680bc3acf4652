"""Figures of a sweep: where lines cross axes, and the bars."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fusion.report.sweeps.figures import mattered, parallel
from fusion.report.theme import style

VALUES = {
    "0": {"rate": "0.001", "fuser": "concat"},
    "1": {"rate": "0.01", "fuser": "gated"},
    "2": {"rate": "0.1", "fuser": "additive"},
    "3": {"rate": "0.05", "fuser": "gated"},
}


def test_lines_run_from_what_was_set_to_what_came_out() -> None:
    with style():
        figure = parallel(VALUES, {"0": 0.5, "1": 0.7, "2": 0.6}, winner="1", label="AUROC")
    (axes,) = figure.axes
    lines = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 3]
    # Job 3 has no figure; rates a hundred apart are on a logarithmic axis; fusers by name; the winner last.
    assert np.array(lines) == pytest.approx(np.array([[0, 0.5, 0], [1, 0, 0.5], [0.5, 1, 1]]))
    assert [one.get_text() for one in axes.get_xticklabels()] == ["rate", "fuser", "Inner AUROC"]
    texts = {one.get_text() for one in axes.texts}
    assert {"0.001", "0.1", "additive", "concat", "gated", "0.500", "0.700"} == texts


def test_a_bar_a_key() -> None:
    with style():
        figure = mattered({"rate": 0.75, "a_key_with_a_name_that_is_much_too_long": 0.25})
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [0.75, 0.25]
    assert [one.get_text() for one in axes.get_yticklabels()] == ["rate", "…_name_that_is_much_too_long"]


def test_what_was_the_same_in_all_jobs_and_numbers_that_are_near() -> None:
    same = {job: {"rate": "0.5", "fuser": "gated", "width": width} for job, width in (("0", "1"), ("1", "99"))}
    with style():
        figure = parallel(same, {"0": 0.5, "1": 0.7}, winner="1", label="AUROC")
    (axes,) = figure.axes
    lines = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 4]
    assert np.array(lines) == pytest.approx(np.array([[0, 0, 0, 0], [0, 0, 1, 1]]))
    near = {job: {"width": width} for job, width in (("0", "1"), ("1", "50"), ("2", "99"))}
    with style():
        figure = parallel(near, {"0": 0.5, "1": 0.7, "2": 0.6}, winner="1", label="AUROC")
    lines = [line.get_ydata()[0] for line in figure.axes[0].lines if list(line.get_xdata()) == [0, 1]]
    assert sorted(lines) == pytest.approx([0, 0.5, 1]), "less than a hundredfold apart: no logarithms"


def test_an_axis_on_which_all_jobs_lie_on_one_point_has_one_tick() -> None:
    values = {job: {"rate": "0.5", "fuser": fuser} for job, fuser in (("0", "gated"), ("1", "late"))}
    with style():
        figure = parallel(values, {"0": 0.5, "1": 0.5}, winner="1", label="AUROC")
    assert [one.get_text() for one in figure.axes[0].texts] == ["0.5", "gated", "late", "0.500"]


def test_names_on_an_axis_have_a_line_each() -> None:
    values = {str(job): {"fuser": f"name{job}", "rate": str(job)} for job in range(30)}
    with style():
        figure = parallel(values, {str(job): job / 30 for job in range(30)}, winner="1", label="AUROC")
        figure.draw_without_rendering()
        (axes,) = figure.axes
        named = [one for one in axes.texts if one.get_text().startswith("name")]
        boxes = sorted((one.get_window_extent() for one in named), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 + 3 for below, above in pairwise(boxes))
