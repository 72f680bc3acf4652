"""Figures of a sweep: every job as a line through what it set, and how much each key mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fusion.report.sweeps.searched import Values, number_of
from fusion.report.theme import INK

_SCALE = LinearSegmentedColormap.from_list("scores", ["#d5dbe3", "#56b4e9", "#0072b2"])
_WINNER = "#d55e00"


def parallel(values: Values, scores: Mapping[str, float], *, winner: str, label: str) -> Figure:
    """Parallel coordinates (Inselberg 1985): an axis a key, the last one the figure that ranks; a line a job.

    Args:
        values: job → key → what it set.
        scores: job → the figure that ranks, of the jobs that have one.
        winner: drawn over the others.
        label: of the figure.
    """
    jobs = sorted((job for job in values if job in scores), key=lambda job: (job == winner, scores[job]))
    keys = list(values[jobs[0]])
    figure = Figure(
        figsize=(min(12.0, 1.6 + 1.6 * (len(keys) + 1)), max(3.0, 0.9 + 0.19 * _most(values, keys))),
        layout="constrained",
    )
    axes = figure.subplots()
    ranks = np.array([scores[job] for job in jobs])
    heights = np.empty((len(jobs), len(keys) + 1))
    for place, key in enumerate(keys):
        heights[:, place] = _axis(axes, place, [values[job][key] for job in jobs])
    low, span = ranks.min(), max(float(np.ptp(ranks)), 1e-12)
    heights[:, -1] = (ranks - low) / span
    _ticks(axes, len(keys), {0.0: f"{low:.3f}", **({1.0: f"{ranks.max():.3f}"} if ranks.max() > low else {})})
    for job, line in zip(jobs, heights, strict=True):
        won = job == winner
        colour = _WINNER if won else _SCALE(float(line[-1]))
        axes.plot(line, color=colour, linewidth=2.2 if won else 1.0, alpha=1.0 if won else 0.8)
    axes.set_xticks(range(len(keys) + 1), [*map(_short, keys), f"Inner {label}"], fontsize=9)
    axes.set_yticks([])
    axes.set_xlim(-0.3, len(keys) + 0.45)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    return figure


def mattered(shares: Mapping[str, float]) -> Figure:
    """Of each key, the share of the variance over jobs that it explains by itself."""
    figure = Figure(figsize=(7.2, 0.8 + 0.34 * len(shares)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(shares)), list(shares.values()), color="#0072b2", height=0.6)
    for place, share in enumerate(shares.values()):
        axes.annotate(f"{share:.2f}", (share, place), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(shares)), [_short(key) for key in shares])
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(0, 1.08)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Share of the variance over jobs")
    return figure


def _axis(axes: Axes, place: int, texts: Sequence[str]) -> NDArray[np.float64]:
    """Draw one axis; the heights, 0 to 1, at which jobs cross it."""
    numbers = [number_of(text) for text in texts]
    known = np.array([one for one in numbers if one is not None])
    if len(known) == len(texts):
        log = known.min() > 0 and known.max() / known.min() >= 100
        scaled = np.log(known) if log else known
        heights = (scaled - scaled.min()) / max(float(np.ptp(scaled)), 1e-12)
        _ticks(
            axes,
            place,
            {0.0: f"{known.min():.3g}", **({1.0: f"{known.max():.3g}"} if known.max() > known.min() else {})},
        )
        return np.asarray(heights, dtype=np.float64)
    names = sorted(set(texts))
    at = {name: index / max(1, len(names) - 1) for index, name in enumerate(names)}
    _ticks(axes, place, {height: _short(name or "–") for name, height in at.items()})
    return np.array([at[text] for text in texts])


def _most(values: Values, keys: Sequence[str]) -> int:
    """How many names the fullest axis has; each takes a line."""
    apart = [{one[key] for one in values.values()} for key in keys]
    return max((len(names) for names in apart if any(number_of(name) is None for name in names)), default=0)


def _ticks(axes: Axes, place: int, texts: Mapping[float, str]) -> None:
    axes.plot([place, place], [0, 1], color=INK, linewidth=0.8, zorder=0)
    for height, text in texts.items():
        axes.annotate(
            text, (place, height), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}, zorder=5,
        )  # fmt: skip


def _short(text: str) -> str:
    text = text.lstrip("+")
    return text if len(text) <= 28 else "…" + text[-27:]
