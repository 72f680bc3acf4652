"""The figures of a prediction report."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fusion.report.theme import INK

_POSITIVE, _NEGATIVE, _UNKNOWN = "#0072b2", "#d58a00", "#7f8792"
ONE_BY_ONE = 400
"""Patients up to whom each gets a line of their own."""


def scores(table: pd.DataFrame, labels: pd.Series[int], *, classes: tuple[str, str]) -> Figure:
    """Every patient by rank of score with the range over fold models; colour and side mark by label where known.

    Args:
        table: predictions.csv.
        labels: index patient_id; 0/1 for labelled patients alone.
        classes: names of the negative and the positive class.
    """
    rows = table.sort_values("score", kind="stable").reset_index(drop=True)
    label = rows["patient_id"].map(labels).fillna(-1).to_numpy()
    place, middle = np.arange(1, len(rows) + 1), rows["score"].to_numpy()
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    axes = figure.subplots()
    kinds = ((-1, _UNKNOWN, "no label", "o"), (0, _NEGATIVE, classes[0], "s"), (1, _POSITIVE, classes[1], "o"))
    for value, colour, name, marker in kinds:
        mine = label == value
        if not mine.any():
            continue
        width = 1.4 if len(rows) <= ONE_BY_ONE else 0.6
        axes.vlines(
            place[mine], rows["low"][mine], rows["high"][mine], color=colour, alpha=0.35, linewidth=width, zorder=1
        )
        unlike = rows["out_of_distribution"].to_numpy(dtype=bool)
        size = float(np.clip(2400 / len(rows), 5, 26))
        for hollow, rest in ((False, ""), (True, ", unlike the training set")):
            here = mine & (unlike == hollow)
            if here.any():
                axes.scatter(
                    place[here], middle[here], s=size, marker=marker, color="white" if hollow else colour,
                    edgecolors=colour, linewidths=1.0, label=name + rest, zorder=2,
                )  # fmt: skip
    axes.set(xlabel="Patients, by score", ylabel=f"Probability of {classes[1]}", ylim=(-0.02, 1.02))
    axes.grid(axis="y", color=INK, alpha=0.12, linewidth=0.6)
    axes.legend(loc="upper left", fontsize=8)
    return figure
