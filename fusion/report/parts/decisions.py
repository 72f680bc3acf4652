"""Operating points and decision curves of grades and of times: the figure, and what their questions are in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fusion.evaluation.comparison import arm_label
from fusion.report.figures import drawn_arms, line_of
from fusion.report.theme import INK, arm_colours

Content = Mapping[str, Any]

SHARES = ("sensitivity", "specificity", "precision", "negative_value")
"""Of an operating point, what is a share of patients."""
SHOWN = (0.1, 0.2, 0.3, 0.5)
"""Threshold probabilities whose numbers stand in a table."""


def asked(content: Content, at: str) -> str:
    """A question in words: a horizon of times, else a grade.

    Args:
        content: of metrics.json.
        at: what it calls the question.
    """
    if "events" not in content:
        return f"{at} or higher"
    unit = f" {content['unit']}" if content.get("unit") else ""
    return f"event by {at}{unit}"


def tables(content: Content) -> dict[str, Any]:
    """For the template: of each question net benefit at `SHOWN`; and questions that nothing is told of, in words."""
    untold = (content.get("operating") or {}).get("untold", ())
    return {
        "decision_rows": _net_benefits(content),
        "asked": lambda at: asked(content, at),
        "untold": [asked(content, at) for at in untold if at],
        **_operating((content.get("operating") or {}).get("rows", ())),
    }


def _operating(rows: Sequence[Content]) -> dict[str, Any]:
    """Rows of one question and aim together, and whether an interval of them has no width: all or none were right."""
    groups: dict[tuple[Any, ...], list[Content]] = {}
    for row in rows:
        groups.setdefault((row.get("at"), row["rule"], row["target"]), []).append(row)
    shares = [row[name] for row in rows for name in SHARES if row.get(name)]
    certain = any(one["low"] is not None and one["low"] == one["high"] for one in shares)
    return {"operating_groups": list(groups.values()), "operating_certain": certain}


def _net_benefits(content: Content) -> list[dict[str, Any]]:
    part = content.get("decision")
    rows = []
    for one in part["rows"] if part else ():
        mine = one["arms"].get(part["reference"]) if part else None
        for threshold in SHOWN:
            place = int(np.argmin(np.abs(np.array(one["x"]) - threshold)))
            row = {"asked": asked(content, one["at"]), "share": one["share"], "threshold": one["x"][place]}
            row["all"] = one["all"][place]
            row["mine"] = None if mine is None else {
                "value": mine["value"][place],
                "low": mine["low"][place] if "low" in mine else None,
                "high": mine["high"][place] if "low" in mine else None,
            }  # fmt: skip
            rows.append(row)
    return rows


def curves(content: Content) -> Figure | None:
    """Net benefit over threshold probabilities, a panel a question, the reference's with its band; None without any."""
    part = content.get("decision")
    if not part:
        return None
    rows = part["rows"]
    wide = min(len(rows), 3)
    deep = -(-len(rows) // wide)
    figure = Figure(figsize=(2.7 * wide + 0.5, 2.9 * deep + 0.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(deep, wide, squeeze=False)).ravel()
    for axes, row in zip(panels, rows, strict=False):
        shown, colours = drawn_arms(list(row["arms"])), arm_colours(list(row["arms"]))
        axes.axhline(0, color=INK, linewidth=0.9, label="nobody")
        axes.plot(row["x"], row["all"], color=INK, linewidth=0.9, linestyle=(0, (5, 2)), label="everybody")
        for arm in shown:
            mine, judged = row["arms"][arm], arm == part["reference"]
            if "low" in mine:
                axes.fill_between(row["x"], mine["low"], mine["high"], color=colours[arm], alpha=0.18, linewidth=0)
            axes.plot(
                row["x"], mine["value"], color=colours[arm], linewidth=2.2 if judged else 1.1,
                linestyle=line_of(arm, colours)["linestyle"], label=arm_label(arm),
            )  # fmt: skip
        top = max(row["share"]["value"], 0.02)
        axes.set(xlim=(row["x"][0], row["x"][-1]), ylim=(-0.25 * top, 1.08 * top), xlabel="Threshold probability")
        axes.set_title(asked(content, row["at"]).capitalize() if "events" in content else asked(content, row["at"]))
        axes.grid(color=INK, alpha=0.1, linewidth=0.6)
    for axes in panels[len(rows) :]:
        axes.set_visible(False)
    panels[0].set_ylabel("Net benefit")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    return figure
