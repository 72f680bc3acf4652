"""Scores of new patients drawn: log-risk and survival with their ranges over fold models, and shares of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from fusion.report.theme import INK

_EVENT, _NONE, _UNKNOWN = "#d55e00", "#0072b2", "#7f8792"
WIDE = 3
"""Panels beside one another."""


def risks(table: pd.DataFrame, labels: pd.Series[int], *, horizons: Sequence[str], unit: str) -> Figure:
    """Every patient in order of log-risk: that, and the probability to be free of the event at each horizon.

    Args:
        table: predictions.csv.
        labels: index patient_id; 1 event, 0 censored, of labelled patients alone.
        horizons: as its columns write them.
        unit: of the horizons; empty where there is none.
    """
    rows = table.sort_values("score", kind="stable").reset_index(drop=True)
    label = rows["patient_id"].map(labels).fillna(-1).to_numpy()
    panels = {"score": ("Log-risk", "low", "high")}
    for one in horizons:
        panels[f"survival@{one}"] = (f"Free of the event at {one}{unit and ' ' + unit}", f"low@{one}", f"high@{one}")
    wide = min(len(panels), WIDE)
    high = -(-len(panels) // wide)
    figure = Figure(figsize=(2.6 * wide + 0.6, 2.7 * high), layout="constrained")
    drawn = np.atleast_1d(figure.subplots(high, wide, squeeze=False)).ravel()
    place = np.arange(1, len(rows) + 1)
    size = float(np.clip(1600 / len(rows), 3, 18))
    kinds = ((-1, _UNKNOWN, "not known", "o"), (0, _NONE, "no event seen", "s"), (1, _EVENT, "event", "o"))
    for axes, (column, (title, low, top)) in zip(drawn, panels.items(), strict=False):
        for value, colour, name, marker in kinds:
            mine = label == value
            if mine.any():
                axes.vlines(place[mine], rows[low][mine], rows[top][mine], color=colour, alpha=0.35, linewidth=1.0)
                axes.scatter(place[mine], rows[column][mine], s=size, marker=marker, color=colour, label=name)
        axes.set(title=title, xlabel="Patients, by risk")
        if column != "score":
            axes.set_ylim(-0.02, 1.02)
        axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.6)
    drawn[0].legend(loc="upper left", fontsize=8)
    for axes in drawn[len(panels) :]:
        axes.set_visible(False)
    return figure


def shares(table: pd.DataFrame, columns: Mapping[str, str]) -> Figure:
    """Every patient a bar of the probabilities of all classes, in order of the mean position in them.

    Args:
        table: predictions.csv.
        columns: class → its column, from the least grade on.
    """
    values = table[list(columns.values())].to_numpy(np.float64)
    order = np.argsort(values @ np.arange(values.shape[1]), kind="stable")
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    axes = figure.subplots()
    below = np.zeros(len(values))
    for at, name in enumerate(columns):
        share = values[order, at]
        colour = colormaps["viridis"](0.1 + 0.8 * at / max(1, len(columns) - 1))
        axes.bar(np.arange(1, len(values) + 1), share, bottom=below, width=1.0, color=colour, label=name)
        below += share
    axes.set(
        xlabel="Patients, in order of what they are told",
        ylabel="Probability",
        ylim=(0, 1),
        xlim=(0.5, len(values) + 0.5),
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return figure
