"""Figures of the report of a time to an event, each from metrics.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fusion.evaluation.comparison import arm_label
from fusion.report.figures import drawn_arms, line_of
from fusion.report.theme import INK, arm_colours

Content = Mapping[str, Any]

_GROUPS = ("#0072b2", "#e69f00", "#d55e00")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)))


def kaplan_meier(content: Content) -> Figure | None:
    """Curves of the risk groups with 95 % bands, and how many are at risk below; None where there are no groups."""
    found = content.get("risk_groups")
    if not found:
        return None
    groups, ticks = found["groups"], found["ticks"]
    figure = Figure(figsize=(7.2, 3.9 + 0.2 * len(groups)), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=[5, 0.45 + 0.3 * len(groups)], sharex=True)
    axes.grid(color=INK, alpha=0.1, linewidth=0.6)
    for place, group in enumerate(groups):
        curve, colour = group["curve"], _GROUPS[place % len(_GROUPS)]
        x = np.array(curve["x"], dtype=float)
        value, low, high = (np.array(curve[name], dtype=float) for name in ("value", "low", "high"))
        axes.fill_between(x, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, value, drawstyle="steps-post", color=colour, linestyle=_DASHES[place % 3], linewidth=1.8,
                  label=f"{group['name'].capitalize()} of risk")  # fmt: skip
        for tick, number in zip(ticks, group["at_risk"], strict=True):
            below.annotate(f"{number}", (tick, place), ha="center", va="center", fontsize=8, color=colour)
    axes.set(ylabel="Free of the event", ylim=(-0.02, 1.02), title=f"Out-of-fold risk groups of {_of(found['arm'])}")
    # Above the curves: a group that falls fast crosses every corner.
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
    below.set_yticks(range(len(groups)), [group["name"] for group in groups], fontsize=8)
    below.set(ylim=(len(groups) - 0.4, -0.6), xticks=ticks, xlabel=_time(content))
    below.set_title("At risk", fontsize=8.5)
    below.tick_params(length=0)
    for spine in below.spines.values():
        spine.set_visible(False)
    return figure


def calibration(content: Content) -> Figure | None:
    """Observed against predicted risk by each horizon, of the judged arm and the classical one; None without any."""
    reference = content["verdict"]["reference"]
    horizons = [one for one in content.get("horizons", ()) if one["arms"].get(reference, {}).get("groups")]
    if not horizons:
        return None
    wide = min(len(horizons), 3)
    rows = -(-len(horizons) // wide)
    figure = Figure(figsize=(2.7 * wide + 0.5, 2.9 * rows), layout="constrained")
    panels = np.atleast_1d(figure.subplots(rows, wide, squeeze=False)).ravel()
    colours = arm_colours(list(content["arms"]))
    for axes, horizon in zip(panels, horizons, strict=False):
        shown = [arm for arm in ("classical", reference) if horizon["arms"].get(arm, {}).get("groups")]
        points = [group for arm in shown for group in horizon["arms"][arm]["groups"] if group["observed"] is not None]
        top = 1.05 * max([0.1, *(max(point["predicted"], point["high"] or point["observed"]) for point in points)])
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.4, linewidth=0.8, linestyle=(0, (2, 3)))
        for arm in shown:
            known = [group for group in horizon["arms"][arm]["groups"] if group["observed"] is not None]
            x = [group["predicted"] for group in known]
            if arm == reference:
                low, high = ([group[end] for group in known] for end in ("low", "high"))
                whole = [place for place, one in enumerate(low) if one is not None and high[place] is not None]
                axes.vlines([x[place] for place in whole], [low[place] for place in whole],
                            [high[place] for place in whole], color=colours[arm], linewidth=1.2, alpha=0.6)  # fmt: skip
            axes.plot(x, [group["observed"] for group in known], marker="o", markersize=4, color=colours[arm],
                      linewidth=2.0 if arm == reference else 1.2, label=arm_label(arm),
                      linestyle="-" if arm == reference else (0, (1.5, 1.5)))  # fmt: skip
        axes.set(xlim=(0, min(top, 1.02)), ylim=(0, min(top, 1.02)), title=f"By {horizon['name']}{_unit(content)}")
        axes.grid(color=INK, alpha=0.1, linewidth=0.6)
        axes.set_xlabel("Predicted risk")
    for axes in panels[len(horizons) :]:
        axes.set_visible(False)
    panels[0].set_ylabel("Observed risk")
    panels[0].legend(loc="upper left", fontsize=8)
    return figure


def auc(content: Content) -> Figure | None:
    """Time-dependent AUC of every arm over the horizons, intervals of the judged one; None without horizons."""
    horizons: Sequence[Any] = content.get("horizons", ())
    if not horizons:
        return None
    reference = content["verdict"]["reference"]
    arms = drawn_arms(list(content["arms"]))
    colours = arm_colours(arms)
    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0.5, color=INK, alpha=0.4, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.grid(color=INK, alpha=0.1, linewidth=0.6)
    x = np.array([one["at"] for one in horizons])
    for arm in arms:
        parts = [one["arms"][arm]["auc"] for one in horizons]
        value, low, high = (np.array([part[key] for part in parts], dtype=float) for key in ("value", "low", "high"))
        if arm == reference:
            axes.vlines(x, low, high, color=colours[arm], linewidth=1.2, alpha=0.6)
        axes.plot(x, value, marker="o", markersize=4, color=colours[arm], linewidth=2.4 if arm == reference else 1.2,
                  linestyle=line_of(arm, colours)["linestyle"],
                  label=arm_label(arm))  # fmt: skip
    axes.set(xlabel=_time(content), ylabel="AUC, within folds", title="Time-dependent AUC", xticks=x)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return figure


def _unit(content: Content) -> str:
    return f" {content['unit']}" if content.get("unit") else ""


def _time(content: Content) -> str:
    return f"Time ({content['unit']})" if content.get("unit") else "Time"


def _of(arm: str) -> str:
    return arm_label(arm).lower() if not arm.startswith("only_") else arm_label(arm)
