"""Figures of runs side by side: gains over the first run, and each patient's score in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from fusion.report.theme import INK

_COLOURS = ("#d58a00", "#0072b2", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
_MARKERS = ("s", "o", "^", "D", "v", "P")


def gains(rows: Sequence[Mapping[str, Any]], *, first: str, label: str) -> Figure:
    """Every run's gain over the first with its 95 % interval; thin lines hold for all runs together.

    Args:
        rows: of one metric, as `fusion.evaluation.runs.paired` gives them.
        first: name of the first run.
        label: of the metric.
    """
    colours = {"better": "#009e73", "worse": "#d55e00", "not shown": "#7f8792"}
    figure = Figure(figsize=(7.2, 0.95 + 0.36 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=0.9)
    for place, row in enumerate(rows):
        colour = colours[row["verdict"]]
        if row["value"] is None:
            continue
        if row["corrected_low"] is not None:
            axes.plot([row["corrected_low"], row["corrected_high"]], [place, place], color=colour, linewidth=0.9)
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2.4, solid_capstyle="butt")
        axes.plot(row["value"], place, "o", markersize=7, color=colour)
    axes.set_yticks(range(len(rows)), [f"{row['run']} over {first}" for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.6)
    axes.set_xlabel(f"Gain in {label} over run {first} (to the right of 0: better)")
    return figure


def scores(
    first: pd.DataFrame, other: pd.DataFrame, *, names: tuple[str, str], classes: tuple[str, ...], label: str
) -> Figure:
    """Every patient's mean score in two runs; colour and mark by label, full where the call flips.

    Args:
        first: of `fusion.evaluation.runs.calls.calls`.
        other: likewise.
        names: of the two runs.
        classes: names of the labels; none where labels are no classes.
        label: of the score.
    """
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=INK, alpha=0.4, linewidth=0.8, linestyle=(0, (2, 3)), transform=axes.transAxes)
    flips = (first["call"] != other["call"]).to_numpy()
    for place, name in enumerate(classes or ("",)):
        mine = (first["label"] == place).to_numpy() if classes else first["label"].notna().to_numpy()
        colour, marker = _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)]
        for flipped, face in ((False, "none"), (True, colour)):
            here = mine & (flips == flipped)
            if here.any():
                axes.scatter(
                    first["score"][here], other["score"][here], s=20, marker=marker, facecolors=face,
                    edgecolors=colour, linewidths=0.9, label=name + (", call flips" if flipped else ""),
                )  # fmt: skip
    low = min(first["score"].min(), other["score"].min())
    high = max(first["score"].max(), other["score"].max())
    edge = 0.03 * max(high - low, 1e-6)
    axes.set(xlim=(low - edge, high + edge), ylim=(low - edge, high + edge))
    axes.set(xlabel=f"{label}, run {names[0]}", ylabel=f"{label}, run {names[1]}")
    if classes:
        figure.legend(loc="outside upper left", ncols=2, fontsize=8)  # marks may lie anywhere in the axes
    return figure
