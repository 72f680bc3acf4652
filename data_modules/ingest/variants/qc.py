"""Quality of the samples of a store: what is looked at before anything is believed, one row a sample, and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRANSITIONS = ("AG", "GA", "CT", "TC")
_BLOCK = 100_000
_SITE_REASONS_SHOWN = 8


def sample_table(
    variants: pd.DataFrame,
    dosage: NDArray[np.int8],
    samples: Sequence[str],
    *,
    depth: NDArray[np.int64],
    reasons: Mapping[str, NDArray[np.int64]],
    normals: Mapping[str, str],
) -> pd.DataFrame:
    """One row a sample.

    Args:
        variants: ref and alt, rows as in `dosage`.
        dosage: (variant, sample).
        samples: names of its columns.
        depth: (2, sample): sum of the read depths, and over how many sites.
        reasons: reason → (sample,) genotypes that it dropped.
        normals: samples that were left out as the normals of pairs → their file.

    Returns:
        sample; kept (False for normals, ``reason`` says why); listed, called, het, hom: numbers of variants; call_rate
        = called / listed; het_hom; transitions, transversions (carried variants) and titv; insertions, deletions
        (carried); mean_depth, NaN without depths; and a column a reason with genotypes dropped. Ratios are NaN where
        the divisor is 0.
    """
    ref, alt = variants["ref"].to_numpy(dtype=object), variants["alt"].to_numpy(dtype=object)
    change = np.array([len(a) - len(r) for r, a in zip(ref, alt, strict=True)], dtype=np.int64)
    pair = np.array([r + a if len(r) == len(a) == 1 else "" for r, a in zip(ref, alt, strict=True)], dtype=object)
    kinds = {
        "transitions": np.isin(pair, _TRANSITIONS),
        "transversions": (pair != "") & ~np.isin(pair, _TRANSITIONS),
        "insertions": change > 0,
        "deletions": change < 0,
    }
    counts = {name: np.zeros(len(samples), dtype=np.int64) for name in ("listed", "called", "het", "hom", *kinds)}
    for begin in range(0, len(dosage), _BLOCK):
        block = dosage[begin : begin + _BLOCK]
        carried = block > 0
        counts["listed"] += (block > -2).sum(axis=0)
        counts["called"] += (block >= 0).sum(axis=0)
        counts["het"] += (block == 1).sum(axis=0)
        counts["hom"] += (block == 2).sum(axis=0)
        for name, kind in kinds.items():
            counts[name] += carried[kind[begin : begin + _BLOCK]].sum(axis=0)
    table = pd.DataFrame({"sample": list(samples), "kept": True, "reason": "", **counts})
    table["call_rate"] = _ratio(table["called"], table["listed"])
    table["het_hom"] = _ratio(table["het"], table["hom"])
    table["titv"] = _ratio(table["transitions"], table["transversions"])
    table["mean_depth"] = np.where(depth[1] > 0, depth[0] / np.maximum(depth[1], 1), np.nan)
    table = table.assign(**reasons)
    left_out = pd.DataFrame({"sample": list(normals), "kept": False, "reason": "normal of a pair"})
    return table if left_out.empty else pd.concat([table, left_out], ignore_index=True)


def _ratio(top: pd.Series[Any], bottom: pd.Series[Any]) -> pd.Series[Any]:
    return top / bottom.where(bottom > 0)


def draw(table: pd.DataFrame, qc: Mapping[str, Any], path: Path, *, stamp: str = "") -> None:
    """Four distributions over samples, and what dropped sites and genotypes, as PNG; `stamp` stands above."""
    from matplotlib.figure import Figure

    kept = table[table["kept"]]
    figure = Figure(figsize=(10, 5.5), layout="constrained")
    if stamp:
        figure.suptitle(stamp, color="#B00020", fontweight="bold")
    axes = figure.subplots(2, 3).ravel()
    panels = (
        ("call_rate", "Call rate"),
        ("titv", "Transitions / transversions"),
        ("het_hom", "Heterozygous / homozygous"),
        ("mean_depth", "Mean depth (reads)"),
    )
    for axis, (column, title) in zip(axes, panels, strict=False):
        values = kept[column].to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        axis.set_title(title, fontsize=10)
        axis.set_ylabel("Samples", fontsize=8)
        if values.size:
            axis.hist(values, bins=min(30, max(5, values.size // 4)), color="#4477AA")
            axis.locator_params(axis="x", nbins=5)
        else:
            axis.text(0.5, 0.5, "not known", ha="center", va="center", transform=axis.transAxes)
            axis.set_axis_off()
    for axis, part in zip(axes[4:], ("sites", "genotypes"), strict=True):
        left = {
            reason.replace("_", " "): number
            for reason, number in qc[part].items()
            if number and reason not in ("read", "kept", "kept_variants", "multi_allelic_split", "left_aligned")
        }
        shown = sorted(left.items(), key=lambda item: item[1])[-_SITE_REASONS_SHOWN:]
        axis.barh([name for name, _ in shown], [number for _, number in shown], color="#CC6677")
        axis.set_title(f"{part.capitalize()} dropped", fontsize=10)
        if not shown:
            axis.text(0.5, 0.5, "none", ha="center", va="center", transform=axis.transAxes)
            axis.set_axis_off()
    for axis in axes:
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
