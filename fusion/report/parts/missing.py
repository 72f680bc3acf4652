"""The missing-modality curve as a figure, and what it says in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from fusion.report.theme import INK


def said(metrics: Mapping[str, Any], *, label: str) -> str:
    """The metric with everything, with half of it missing, and by the one modality that does best alone."""
    part = metrics.get("missing")
    if not part:
        return ""
    by_share = {point["share"]: point["value"]["value"] for point in part["curve"]}
    alone = [one for one in part["subsets"] if len(one["kept"]) == 1 and one["value"]["value"] is not None]
    text = f"{label} {by_share[0.0]:.3f} with all that patients have, {by_share[0.5]:.3f} where half of it is missing"
    if alone:
        best = max(alone, key=lambda one: float(one["value"]["value"]))
        text += f", {best['value']['value']:.3f} with {best['kept'][0]} alone"
    return f"{text}."


def curve(metrics: Mapping[str, Any], *, label: str) -> Figure | None:
    """Metric and calibration gap over the share that is missing, with 95 % bands; None without the part."""
    part = metrics.get("missing")
    if not part:
        return None
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    for axes, key, name, level in zip(
        figure.subplots(1, 2),
        ("value", "calibration"),
        (label, str(part.get("calibration", "observed − expected")).capitalize()),
        (None, 0.0),
        strict=True,
    ):
        points = [(100 * point["share"], point[key]) for point in part["curve"] if point[key]["value"] is not None]
        x = [at for at, _ in points]
        if level is not None:
            axes.axhline(level, color=INK, linewidth=0.9)
        banded = [(at, one["low"], one["high"]) for at, one in points if one["low"] is not None]
        axes.fill_between(
            [at for at, _, _ in banded], [low for _, low, _ in banded], [high for _, _, high in banded],
            color="#0072b2", alpha=0.18, linewidth=0,
        )  # fmt: skip
        axes.plot(x, [one["value"] for _, one in points], "o-", color="#0072b2", markersize=4)
        axes.set_xlabel("Missing of every modality, %")
        axes.set_ylabel(name)
        axes.grid(color=INK, alpha=0.12, linewidth=0.6)
    return figure
