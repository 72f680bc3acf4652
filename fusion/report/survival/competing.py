"""The figure of competing events: what happens to patients, and the event in each third of risk; from metrics.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fusion.report.theme import INK

_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9")
_THIRDS = ("#0072b2", "#e69f00", "#d55e00")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (4, 1, 1, 1)))


def incidence(content: Mapping[str, Any]) -> Figure | None:
    """Cumulative incidence of every cause, and of the event in thirds of risk; None where nothing competes."""
    found = content.get("competing")
    if not found:
        return None
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for place, one in enumerate(found["causes"]):
        _step(left, one["curve"], _COLOURS[place % len(_COLOURS)], place, one["name"])
    for place, one in enumerate(found["groups"]):
        _step(right, one["curve"], _THIRDS[place % len(_THIRDS)], place, f"{one['name'].capitalize()} of risk")
    when = f"Time ({content['unit']})" if content.get("unit") else "Time"
    left.set(title="What happens first", ylabel="Cumulative incidence", xlabel=when)
    right.set(title=f"{found['causes'][0]['name']}, by risk", xlabel=when)
    for axes in (left, right):
        axes.set_ylim(-0.02, 1.02)
        axes.grid(color=INK, alpha=0.1, linewidth=0.6)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)  # a curve may pass every corner
    return figure


def _step(axes: Axes, curve: Mapping[str, Any], colour: str, place: int, label: str) -> None:
    x, value, low, high = (np.array(curve[name], dtype=float) for name in ("x", "value", "low", "high"))
    axes.fill_between(x, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        x, value, drawstyle="steps-post", color=colour, linestyle=_DASHES[place % len(_DASHES)], linewidth=1.8,
        label=label,
    )  # fmt: skip
