"""What a figure of matplotlib holds, as JSON has it: places, colours, widths and words, without drawing it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure


def described(figure: Figure) -> dict[str, Any]:
    """Size in inches, and of each of its axes limits, words, and everything that was drawn on it."""
    return {"size": _rounded(figure.get_size_inches()), "axes": [_axes(one) for one in figure.axes]}


def _axes(axes: Axes) -> dict[str, Any]:
    legend = axes.get_legend()
    made: dict[str, Any] = {
        "title": axes.get_title(),
        "x": [axes.get_xlabel(), *_rounded(axes.get_xlim())],
        "y": [axes.get_ylabel(), *_rounded(axes.get_ylim())],
        "ticks": [[one.get_text() for one in axis.get_ticklabels()] for axis in (axes.xaxis, axes.yaxis)],
        "places": [_rounded(axis.get_ticklocs()) for axis in (axes.xaxis, axes.yaxis)],
        "grid": [[one.get_visible() for one in axis.get_gridlines()[:1]] for axis in (axes.xaxis, axes.yaxis)],
        "legend": None if legend is None else [one.get_text() for one in legend.get_texts()],
        "visible": axes.get_visible(),
        "lines": [
            [
                str(one.get_label()), _rounded(one.get_xdata()), _rounded(one.get_ydata()), to_hex(one.get_color()),
                one.get_linewidth(), str(one.get_linestyle()), str(one.get_marker()), one.get_markersize(),
                one.get_alpha(), one.get_drawstyle(),
            ]
            for one in axes.lines
        ],
        "bars": [
            [_rounded(one.get_bbox().bounds), to_hex(one.get_facecolor()), one.get_alpha()]
            for one in axes.patches
            if hasattr(one, "get_bbox")
        ],
        "areas": [
            [
                str(one.get_label()), [_rounded(path.vertices) for path in one.get_paths()],
                _rounded(one.get_offsets()),
                [to_hex(colour, keep_alpha=True) for colour in (*one.get_facecolor(), *one.get_edgecolor())],
                _rounded(one.get_linewidth()), _rounded(getattr(one, "get_sizes", list)()),
            ]
            for one in axes.collections
        ],
        "texts": [[one.get_text(), _rounded(one.xy if hasattr(one, "xy") else one.get_position()), one.get_fontsize()]
                  for one in axes.texts],
    }  # fmt: skip
    return made


def _rounded(values: Any) -> Any:
    return np.round(np.asarray(values, dtype=np.float64), 6).tolist()
