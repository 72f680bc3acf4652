"""Genes of variants by their place alone, where no annotator has seen them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_modules.genes.places import Place
from fusion.contract import FusionError, some

if TYPE_CHECKING:
    import pandas as pd


def genes_at(variants: pd.DataFrame, genes: Sequence[Place]) -> list[str | None]:
    """The genes that each variant's reference bases touch, ``;`` between several; None for none.

    Args:
        variants: contig, position, ref; any order.
        genes: of `data_modules.genes.places.read_gene_places`.
    """
    found: list[list[str]] = [[] for _ in range(len(variants))]
    contigs = variants["contig"].to_numpy(dtype=object)
    positions = variants["position"].to_numpy(dtype=np.int64)
    widths = variants["ref"].str.len().to_numpy(dtype=np.int64)
    place: dict[str, tuple[np.ndarray, np.ndarray, int]] = {}
    for contig in {gene[0] for gene in genes}:
        rows = np.flatnonzero(contigs == contig)
        rows = rows[np.argsort(positions[rows], kind="stable")]
        place[contig] = rows, positions[rows], int(widths[rows].max(initial=1))
    for contig, first, last, name in genes:
        rows, starts, widest = place[contig]
        begin, end = np.searchsorted(starts, [first - widest + 1, last + 1])
        for row in rows[begin:end]:
            if positions[row] + widths[row] > first:
                found[row].append(name)
    return [";".join(dict.fromkeys(names)) or None for names in found]


def check_contigs(variants: pd.DataFrame, genes: Sequence[Place], path: Path) -> None:
    """Refuse a gene file that shares no contig with the variants."""
    ours, theirs = set(variants["contig"]), {gene[0] for gene in genes}
    if ours and not ours & theirs:
        raise FusionError(
            f"inputs.genes={path} is of contigs {some(sorted(theirs))}, the variants of {some(sorted(ours))}."
        )
