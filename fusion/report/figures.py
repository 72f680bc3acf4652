"""The figures of a training report; each takes tables of the run folder and gives a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fusion.evaluation.calibration import reliability
from fusion.evaluation.comparison import arm_label, arm_phrase
from fusion.evaluation.curves import THRESHOLDS
from fusion.evaluation.decision_curve import net_benefit, treat_all
from fusion.report.sections import number
from fusion.report.theme import GREY, INK, arm_colours

Floats = NDArray[np.float64]
Corner = Literal["lower right", "upper left", "upper right"]

HIDDEN = frozenset({"classical_lr", "classical_elastic", "classical_forest", "classical_cox", "classical_cox_elastic"})
"""Arms that curves leave out where the one chosen between them is drawn."""


_GREYS: tuple[Any, ...] = ("-", (0, (7, 2)), (0, (1, 2.5)), (0, (7, 2, 1, 2)))
"""Lines of grey arms that have none of their own, e.g. the plain model and the floors."""


_LOSSES = {"train_loss": "training", "val_loss": "validation"}


def drawn_arms(arms: Sequence[str]) -> list[str]:
    """Arms that curves show, fusion last so that it lies on top."""
    shown = [arm for arm in arms if arm not in HIDDEN or "classical" not in arms]
    return sorted(shown, key=lambda arm: arm == "fusion")


def gains(
    comparisons: Sequence[Mapping[str, Any]],
    *,
    reference: str,
    deciding: Sequence[str],
    metric: str = "auroc",
    label: str = "AUROC",
) -> Figure:
    """Paired gains of the reference arm in a metric with 95 % intervals; deciding arms filled, others hollow.

    Thin lines are the deciding arms' intervals that hold together.
    """
    rows = [row for row in comparisons if row["metric"] == metric and row["gain"] is not None]
    rows = sorted(rows, key=lambda row: (row["arm"] not in deciding, -row["gain"]))
    figure = Figure(figsize=(7.2, 0.9 + 0.36 * max(1, len(rows))), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=0.9)
    for place, row in enumerate(rows):
        low, high = row["low"], row["high"]
        # Worse is what the interval for all deciding arms together says; runs of older versions have none.
        most = row.get("corrected_high", high)
        colour = "#009e73" if low is not None and low > 0 else "#d55e00" if most is not None and most < 0 else "#7f8792"
        if row.get("corrected_low") is not None:
            axes.plot([row["corrected_low"], row["corrected_high"]], [place, place], color=colour, linewidth=0.9)
        if low is not None:
            axes.plot([low, high], [place, place], color=colour, linewidth=2.4, solid_capstyle="butt")
        filled = row["arm"] in deciding
        axes.plot(row["gain"], place, "o", markersize=7, color=colour, markerfacecolor=colour if filled else "white")
        text = f"{row['gain']:+.3f}" + (f"  ({low:+.3f} to {high:+.3f})" if low is not None else "")
        axes.annotate(
            text.replace("-", "−"), (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5,
            annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(
        range(len(rows)),
        ["over " + arm_phrase(row["arm"]) for row in rows],
    )
    axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)  # a run of one arm compares nothing
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=INK, alpha=0.12, linewidth=0.6)
    axes.locator_params(axis="x", nbins=5)  # beside the names of arms and the numbers there is room for no more
    axes.set_xlabel(f"Gain in {label} of {arm_label(reference).lower()} (to the right of 0: better)")
    return figure


def roc(predictions: pd.DataFrame, *, title: str = "ROC, out of fold") -> Figure:
    """ROC curves of every arm; with repeats, the mean curve (vertical averaging, Fawcett 2006)."""
    arms = drawn_arms(list(predictions["arm"].unique()))
    colours = arm_colours(arms)
    figure, axes = _square()
    axes.plot([0, 1], [0, 1], color=INK, alpha=0.4, linewidth=0.8, linestyle=(0, (2, 3)))
    grid = np.linspace(0, 1, 201)
    for arm in arms:
        curves = [roc_curve(part, grid) for _, part in predictions[predictions["arm"] == arm].groupby("repeat")]
        heights = np.concatenate([[0.0], np.mean(curves, axis=0)])
        axes.plot(
            np.concatenate([[0.0], grid]),
            heights,
            label=arm_label(arm),
            drawstyle="steps-post",
            **line_of(arm, colours),
        )
    axes.set(xlabel="1 − specificity", ylabel="Sensitivity", title=title, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    _legend(axes, "lower right")
    return figure


def calibration(
    predictions: pd.DataFrame, *, reference: str, band: Mapping[str, Sequence[float]] | None = None
) -> Figure:
    """Observed against predicted response in bins and as logistic curve with its band, and where the scores lie.

    Args:
        predictions: out of fold, or labelled ones.
        reference: the arm that is judged.
        band: of metrics.json, the reference's calibration curve; None leaves it out.
    """
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=[5, 1], sharex=True)
    axes.plot([0, 1], [0, 1], color=INK, alpha=0.4, linewidth=0.8, linestyle=(0, (2, 3)))
    colours = arm_colours(list(predictions["arm"].unique()))
    for arm in [name for name in ("classical", reference) if name in colours]:
        rows = predictions[predictions["arm"] == arm]
        curve = reliability(rows["label"], rows["score"], repeats=int(rows["repeat"].nunique()))
        line = line_of(arm, colours)
        if arm == reference and band is not None:
            axes.fill_between(band["x"], band["low"], band["high"], color=colours[arm], alpha=0.18, linewidth=0)
            axes.plot(band["x"], band["value"], **line)
            line["linestyle"] = "none"
        elif arm == reference:
            axes.vlines(curve.predicted, curve.low, curve.high, color=colours[arm], linewidth=1.2, alpha=0.6)
        axes.plot(curve.predicted, curve.observed, marker="o", markersize=4, label=arm_label(arm), **line)
    rows = predictions[predictions["arm"] == reference]
    edges = np.linspace(0, 1, 31)
    for label, colour in ((1, colours[reference]), (0, "#7f8792")):
        sign = 1 if label else -1
        share, _ = np.histogram(rows.loc[rows["label"] == label, "score"], bins=edges)
        below.bar(edges[:-1], sign * share / max(1, share.sum()), width=np.diff(edges), align="edge", color=colour)
    below.set(yticks=[], xlabel="Predicted probability")
    below.spines["left"].set_visible(False)
    for height, text in ((0.75, "positive"), (0.25, "negative")):
        below.annotate(text, (-0.02, height), xycoords="axes fraction", fontsize=8, ha="right", va="center")
    axes.set(ylabel="Observed share", title="Calibration", ylim=(-0.02, 1.02), xlim=(-0.01, 1.01))
    _legend(axes, "upper left")
    return figure


def decision(
    predictions: pd.DataFrame, *, reference: str = "fusion", band: Mapping[str, Sequence[float]] | None = None
) -> Figure:
    """Net benefit over threshold probabilities (Vickers & Elkin 2006), mean over repeats; `band` is the reference's."""
    arms = drawn_arms(list(predictions["arm"].unique()))
    colours = arm_colours(arms)
    thresholds = THRESHOLDS
    figure, axes = _square()
    labels = predictions.drop_duplicates("patient_id")["label"].to_numpy(np.float64)
    everyone = treat_all(labels, thresholds)
    axes.axhline(0, color=INK, linewidth=0.9, label="treat nobody")
    axes.plot(thresholds, everyone, color=INK, linewidth=0.9, linestyle=(0, (5, 2)), label="treat everybody")
    for arm in arms:
        parts = predictions[predictions["arm"] == arm].groupby("repeat")
        curves = [
            net_benefit(part["label"].to_numpy(np.float64), part["score"].to_numpy(np.float64), thresholds)
            for _, part in parts
        ]
        if arm == reference and band is not None:
            axes.fill_between(band["x"], band["low"], band["high"], color=colours[arm], alpha=0.18, linewidth=0)
        axes.plot(thresholds, np.mean(curves, axis=0), label=arm_label(arm), **line_of(arm, colours))
    top = float(labels.mean())
    axes.set(
        xlabel="Threshold probability",
        ylabel="Net benefit",
        title="Decision curve",
        ylim=(-0.25 * top, 1.08 * top),
        xlim=(0.05, 0.8),
    )
    _legend(axes, "upper right")
    return figure


def training(curves: pd.DataFrame) -> Figure | None:
    """Loss by epoch: median over folds and members, and their quartiles; None where nothing was trained by epochs."""
    losses = [column for column in curves.columns if "loss" in column]
    if curves.empty or "epoch" not in curves or not losses:
        return None
    arms = sorted(curves["arm"].unique(), key=lambda arm: arm != "fusion")
    figure = Figure(figsize=(max(3.2, min(9.2, 2.3 * len(arms) + 0.6)), 2.5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(arms), sharey=True))
    for place, arm in zip(axes, arms, strict=True):
        rows = curves[curves["arm"] == arm]
        for column, colour in zip(losses, ("#7f8792", "#0072b2", "#e69f00", "#009e73"), strict=False):
            middle = rows.groupby("epoch")[column].quantile([0.25, 0.5, 0.75]).unstack()  # noqa: PD010
            place.fill_between(middle.index, middle[0.25], middle[0.75], color=colour, alpha=0.2, linewidth=0)
            place.plot(
                middle.index,
                middle[0.5],
                color=colour,
                linewidth=1.4,
                marker="o" if len(middle) == 1 else None,
                label=_LOSSES.get(column, column.replace("_", " ")),
            )
        place.set(xlabel="Epoch", title=arm_label(arm))
        place.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        if rows["epoch"].min() == rows["epoch"].max():
            place.set_xticks([int(rows["epoch"].min())])
        place.grid(color=INK, alpha=0.1, linewidth=0.6)
    axes[0].set_ylabel("Loss")
    axes[0].legend(fontsize=8)
    return figure


def selection(parts: Sequence[Mapping[str, Any]], *, limit: int = 15) -> Figure | None:
    """How often each feature was selected, the most often first, a panel a modality; None where nothing was selected.

    Args:
        parts: of `fusion.report.sections.selected`.
        limit: features a panel.
    """
    if not parts:
        return None
    rows = [min(limit, len(part["features"])) for part in parts]
    figure = Figure(figsize=(7.2, sum(0.9 + 0.22 * count for count in rows)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(parts), 1, height_ratios=[count + 4 for count in rows]))
    for axes, part in zip(panels, parts, strict=True):
        shown = part["features"][:limit]
        places = np.arange(len(shown))
        axes.barh(places, [row["share"] for row in shown], height=0.68, color="#0072b2")
        axes.set_yticks(places, [row["feature"] for row in shown], fontsize=8)
        axes.set(xlim=(0, 1.0), ylim=(max(len(shown), 1) - 0.4, -0.6))
        chance = np.mean(part["sizes"]) / max(part["candidates"], 1)
        axes.axvline(chance, color=INK, linewidth=0.9, linestyle=(0, (2, 3)))
        axes.set_title(_stability_title(part))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=INK, alpha=0.1, linewidth=0.6)
    panels[-1].set_xlabel("Share of outer training sets that selected it (dotted: by chance)")
    return figure


def _stability_title(part: Mapping[str, Any]) -> str:
    found = part["stability"]
    if not np.isfinite(found["value"]):
        return f"{part['modality']}: stability undefined"
    wide = found["high"] > found["low"]
    span = f" ({number(found['low'], 2)} to {number(found['high'], 2)})" if wide else ""
    return f"{part['modality']}: stability {number(found['value'], 2)}{span}"


def _square() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(color=INK, alpha=0.1, linewidth=0.6)
    return figure, axes


def line_of(arm: str, colours: Mapping[str, str]) -> dict[str, Any]:
    """Fusion stands out; arms made of others, and grey ones beside each other, are dashed each in its way."""
    dashes: dict[str, Any] = {
        "late": (0, (5, 1.5)),
        "classical": (0, (1.5, 1.5)),
        "classical_lr": (0, (1.5, 1.5)),
        "classical_elastic": (0, (3, 1, 1, 1, 1, 1)),
        "classical_forest": (0, (4, 1, 1, 1)),
    }
    others = [one for one in colours if colours[one] == GREY and one not in dashes]
    if arm in others:
        dashes[arm] = _GREYS[others.index(arm) % len(_GREYS)]
    if list(colours.values()).index(colours[arm]) < list(colours).index(arm) and arm.startswith("only_"):
        dashes[arm] = (0, (4, 2))  # more single modalities than colours
    return {"color": colours[arm], "linewidth": 2.4 if arm == "fusion" else 1.3, "linestyle": dashes.get(arm, "-")}


def _legend(axes: Axes, place: Corner) -> None:
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc=place, fontsize=8)


def roc_curve(rows: pd.DataFrame, grid: Floats) -> Floats:
    """Sensitivity at each false-positive rate of `grid`; tied scores are called together."""
    positives = rows.groupby("score")["label"].agg(["sum", "size"]).sort_index(ascending=False).cumsum()
    true_positive = np.concatenate([[0.0], positives["sum"] / positives["sum"].iloc[-1]])
    false = positives["size"] - positives["sum"]
    false_positive = np.concatenate([[0.0], false / false.iloc[-1]])
    last = np.searchsorted(false_positive, grid + 1e-12, side="right") - 1
    return np.asarray(true_positive[last], dtype=np.float64)
