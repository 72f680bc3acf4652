"""Figures of the report of one of several classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fusion.evaluation.calibration import reliability
from fusion.evaluation.classes import SCORE
from fusion.report.figures import roc_curve
from fusion.report.theme import INK

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (4, 1, 1, 1)))


def confusion(table: Mapping[str, Any], classes: Sequence[str]) -> Figure:
    """Share of each true class (row) that is called each class (column); counts in the cells."""
    counts = np.asarray(table["matrix"])
    share = np.divide(counts, counts.sum(axis=1, keepdims=True), where=counts.sum(axis=1, keepdims=True) > 0,
                      out=np.zeros_like(counts))  # fmt: skip
    side = 2.4 + 0.42 * len(classes)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    for row, column in np.argwhere(counts > 0):
        value = counts[row, column]
        axes.text(
            column, row, f"{value:.0f}" if value == round(value) else f"{value:.1f}",
            ha="center", va="center", fontsize=7.5, color="#fefefe" if share[row, column] > 0.55 else "#1b2431",
        )  # fmt: skip
    axes.set_xticks(range(len(classes)), list(classes), rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(classes)), list(classes), fontsize=8)
    axes.tick_params(length=0)
    axes.set(xlabel="Called", ylabel="True", title="Confusion, out of fold")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def one_against_rest(predictions: pd.DataFrame, classes: Sequence[str], *, arm: str) -> Figure:
    """ROC curve of each class against the rest; with repeats, the mean curve (vertical averaging, Fawcett 2006)."""
    inside = len(classes) <= 6 and max(map(len, classes)) <= 20  # there is room below the curves
    figure = Figure(figsize=(4.4 if inside else 5.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(color=INK, alpha=0.1, linewidth=0.6)
    grid = np.linspace(0, 1, 201)
    rows = predictions[predictions["arm"] == arm]
    for place, name in enumerate(classes):
        one = rows.assign(label=(rows["label"] == place).astype(int), score=rows[f"{SCORE}{name}"])
        if not 0 < one["label"].sum() < len(one):
            continue
        curves = [roc_curve(part, grid) for _, part in one.groupby("repeat")]
        axes.plot(
            np.concatenate([[0.0], grid]),
            np.concatenate([[0.0], np.mean(curves, axis=0)]),
            color=_COLOURS[place % len(_COLOURS)],
            linestyle=_DASHES[place // len(_COLOURS) % len(_DASHES)],
            linewidth=1.4,
            label=name,
            drawstyle="steps-post",
        )
    axes.set(xlabel="1 − specificity", ylabel="Sensitivity", title="Each class against the rest, out of fold")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    where: dict[str, Any] = {"loc": "lower right"} if inside else {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    axes.legend(fontsize=8, **where)
    return figure


def confidence(predictions: pd.DataFrame, classes: Sequence[str], *, arm: str) -> Figure:
    """How often the called class is right, against its probability (Guo et al. 2017), with Wilson intervals."""
    rows = predictions[predictions["arm"] == arm]
    called = rows[[f"{SCORE}{name}" for name in classes]].to_numpy().argmax(axis=1)
    right = (called == rows["label"].to_numpy()).astype(float)
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(color=INK, alpha=0.1, linewidth=0.6)
    axes.plot([0, 1], [0, 1], color=INK, alpha=0.4, linewidth=0.8, linestyle=(0, (2, 3)))
    if 0 < right.sum() < len(right):
        curve = reliability(right, rows["score"], repeats=int(rows["repeat"].nunique()))
        axes.vlines(curve.predicted, curve.low, curve.high, color=_COLOURS[0], linewidth=1.2, alpha=0.6)
        axes.plot(curve.predicted, curve.observed, marker="o", markersize=4, color=_COLOURS[0], linewidth=1.6)
    axes.set(xlabel="Probability of the called class", ylabel="Share of calls that are right", title="Calibration")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.02, 1.02))
    return figure
