"""Values of rules as a figure: what was given, the best arm of each stratum, and what each model prefers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from fusion.report.parts.policy import label
from fusion.report.theme import INK

_GAINS, _OTHER, _REFERENCE = "#0072b2", "#7f8792", INK


def values(metrics: Mapping[str, Any]) -> Figure | None:
    """Share who would respond under each rule, doubly robust, with 95 % intervals; None without the part.

    A line marks the share as given. Blue: the interval of the gain over the best arm of each stratum lies above 0.
    Narrow, with names above their intervals, so that it reads on a telephone.
    """
    part = metrics.get("policy")
    if not part or part["why"]:
        return None
    rows = [
        ("As given", part["given"], _REFERENCE),
        ("Best arm of each stratum", part["best"]["robust"], _REFERENCE),
        *((f"What {_phrase(name)} prefers", row["robust"], _colour(row)) for name, row in part["arms"].items()),
    ]
    rows = [row for row in rows if row[1]["value"] is not None]
    behind = {"facecolor": "#ffffff", "edgecolor": "none", "pad": 0.6}  # of words, before the dashed line
    figure = Figure(figsize=(4.7, 0.7 + 0.44 * len(rows)), layout="constrained")
    axes = figure.subplots()
    given = part["given"]["value"]
    if given is not None:
        axes.axvline(100 * given, color=INK, linewidth=0.9, linestyle=(0, (3, 3)))
    ends = [
        100 * one for _, entry, _ in rows for one in (entry["value"], entry["low"], entry["high"]) if one is not None
    ]
    left, right = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.04 * max(right - left, 1.0)
    for place, (name, entry, colour) in enumerate(rows):
        if entry["low"] is not None:
            axes.plot([100 * entry["low"], 100 * entry["high"]], [place, place], color=colour, linewidth=2.0)
        axes.plot(100 * entry["value"], place, "o", markersize=6, color=colour)
        axes.text(left - room, place - 0.3, name, va="bottom", ha="left", fontsize=8.5, bbox=behind)
        axes.text(right + room, place - 0.3, _told(entry), va="bottom", ha="right", fontsize=8.5, bbox=behind)
    axes.set_xlim(left - room, right + room)
    axes.set_ylim(len(rows) - 0.6, -0.95)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.6)
    axes.set_xlabel("Would respond, % of patients")
    return figure


def _phrase(name: str) -> str:
    """An arm in the middle of a line: ``fusion``, ``the plain model``, ``the T-learner``."""
    told = label(name)
    return told.lower() if name == "fusion" else f"the {told if told[:2].isupper() or told[1] == '-' else told.lower()}"


def _colour(row: Mapping[str, Any]) -> str:
    low = row["against_best"]["robust"]["low"]
    return _GAINS if low is not None and low > 0 else _OTHER


def _told(entry: Mapping[str, Any]) -> str:
    span = "" if entry["low"] is None else f" ({100 * entry['low']:.0f} to {100 * entry['high']:.0f})"
    return f"{100 * entry['value']:.0f}{span}"
