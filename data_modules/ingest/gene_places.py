"""Genes by their place alone, from a GTF or BED, for variants that no annotator has seen."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from data_modules.errors import some
from data_modules.ingest.variant_store import plain_contig
from fusion.contract import FusionError

if TYPE_CHECKING:
    import pandas as pd

_ATTRIBUTE = re.compile(r'(gene_name|gene_id|gene) "?([^";]+)"?')
Gene = tuple[str, int, int, str]
"""Contig without ``chr``, first and last base (1-based, inclusive), symbol."""


def read_genes(path: Path) -> list[Gene]:
    """Genes of a GTF (records of any feature, joined by name) or of a BED with names in its fourth column.

    Raises:
        FusionError: a line is neither, or the file names no gene.
    """
    spans: dict[tuple[str, str], list[int]] = {}
    with _open(path) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            try:
                contig, first, last, name = _gtf(line) if _is_gtf(path) else _bed(line)
            except (ValueError, IndexError) as error:
                raise FusionError(f"inputs.genes={path}, line {number}: no line of a GTF or BED ({error}).") from error
            if name:
                span = spans.setdefault((plain_contig(contig), name), [first, last])
                span[:] = [min(span[0], first), max(span[1], last)]
    if not spans:
        raise FusionError(
            f"inputs.genes={path} names no gene: a GTF needs gene_name or gene_id, a BED a fourth column."
        )
    return [(contig, first, last, name) for (contig, name), (first, last) in spans.items()]


def genes_at(variants: pd.DataFrame, genes: list[Gene]) -> list[str | None]:
    """The genes that each variant's reference bases touch, ``;`` between several; None for none.

    Args:
        variants: contig, position, ref; any order.
        genes: of `read_genes`.
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


def check_contigs(variants: pd.DataFrame, genes: list[Gene], path: Path) -> None:
    """Refuse a gene file that shares no contig with the variants."""
    ours, theirs = set(variants["contig"]), {gene[0] for gene in genes}
    if ours and not ours & theirs:
        raise FusionError(
            f"inputs.genes={path} is of contigs {some(sorted(theirs))}, the variants of {some(sorted(ours))}."
        )


def _open(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8")


def _is_gtf(path: Path) -> bool:
    return any(suffix.lower() in (".gtf", ".gff", ".gff3") for suffix in path.suffixes)


def _gtf(line: str) -> Gene:
    fields = line.rstrip("\n").split("\t")
    told = dict(_pairs(fields[8]))
    return (
        fields[0],
        int(fields[3]),
        int(fields[4]),
        told.get("gene_name") or told.get("gene") or told.get("gene_id", ""),
    )


def _pairs(attributes: str) -> Iterator[tuple[str, str]]:
    for match in _ATTRIBUTE.finditer(attributes.replace("=", " ")):
        yield match[1], match[2]


def _bed(line: str) -> Gene:
    fields = line.rstrip("\n").split("\t")
    return fields[0], int(fields[1]) + 1, int(fields[2]), fields[3]
