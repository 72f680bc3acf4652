"""What the fused score uses: how far it falls where one modality is altered, as a figure, a table and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from fusion.report.theme import INK

WAYS = {"removed": "o", "mean": "s", "permuted": "D"}
"""Way of altering a modality → its mark."""


def audit(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """For the template: the metric, rows by modality, and what they say; None for runs without an audit."""
    found = metrics.get("audit")
    if not found:
        return None
    rows = [{"modality": name, "ways": ways} for name, ways in found["modalities"].items()]
    used = [row["modality"] for row in rows if any(_above(way["fall"]) for way in row["ways"].values())]
    idle = [row["modality"] for row in rows if row["modality"] not in used]
    return {"metric": found["metric"], "rows": rows, "ways": list(WAYS), "said": _said(used, idle)}


def falls(metrics: Mapping[str, Any], *, label: str) -> Figure | None:
    """Falls of the metric by modality and way with 95 % intervals; to the right of 0 the modality is used."""
    found = metrics.get("audit")
    if not found:
        return None
    modalities = found["modalities"]
    figure = Figure(figsize=(7.2, 1.0 + 0.55 * len(modalities)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=0.9)
    for place, ways in enumerate(modalities.values()):
        for step, (way, mark) in enumerate(WAYS.items()):
            fall, height = ways[way]["fall"], place + 0.24 * (step - 1)
            colour = "#0072b2" if _above(fall) else "#7f8792"
            if fall["low"] is not None:
                axes.plot([fall["low"], fall["high"]], [height, height], color=colour, linewidth=1.8)
            axes.plot(fall["value"], height, mark, markersize=5, color=colour, label=way if place == 0 else None)
    axes.set_yticks(range(len(modalities)), list(modalities))
    axes.set_ylim(len(modalities) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.6)
    axes.set_xlabel(f"Fall of {label} (to the right of 0: the fused score uses the modality)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _above(fall: Mapping[str, Any]) -> bool:
    """Whether the interval lies above 0."""
    return fall["low"] is not None and fall["low"] > 0


def _said(used: list[str], idle: list[str]) -> str:
    if not idle:
        return "The fused score uses every modality."
    nothing = f"nothing here shows that it uses {_listed(idle, 'or')}."
    if not used:
        return nothing[0].upper() + nothing[1:]
    return f"The fused score uses {_listed(used, 'and')}; {nothing}"


def _listed(names: list[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
