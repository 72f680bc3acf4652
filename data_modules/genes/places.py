"""Where genes lie, from a GTF, GFF3 or BED file: the one reader, for variants by place and for copies at genes."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from data_modules.genes.contigs import CONTIGS, plain_contig
from data_modules.readers.bounds import bounded_lines
from fusion.contract import FusionError, some

_ATTRIBUTE = re.compile(r'(?:^|;)\s*(gene_name|gene_id|gene)[ =]"?([^";]+)"?')
_ENSEMBL = re.compile(r"(?:^|;)Name=([^;]+)")
"""Where Ensembl's GFF3 has the symbol of a gene (``ID=gene:ENSG…;Name=TP53``)."""
_GTF_COLUMNS = 9
Place = tuple[str, int, int, str]
"""Contig without ``chr``, first and last base (1-based, inclusive), symbol."""


def read_gene_places(path: Path, *, key: str) -> list[Place]:
    """Genes on chromosomes 1 to 22, X, Y and MT, in the order of the file.

    Of a GTF or GFF3 records of every feature count, and those of one ``gene_id`` make one gene, whether the file has
    a record for it or its exons alone; its symbol is ``gene_name``, else ``gene``, in
    Ensembl's GFF3 ``Name``, else the id. A symbol that several
    ids share (``Y_RNA``) has several places. Of a BED (0-based start, symbol in the fourth column) the lines of one
    symbol on a contig, such as exons, make one gene.

    Args:
        path: plain or gzipped.
        key: config key, for messages.

    Raises:
        FusionError: a line is neither, or the file names no gene there.
    """
    spans: dict[tuple[str, str], Place] = {}
    elsewhere: dict[str, None] = {}
    with _open(path) as stream:
        for number, line in enumerate(bounded_lines(path, stream.readline), start=1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            cells = line.rstrip("\r\n").split("\t")
            try:
                gene, place = _gtf(cells) if len(cells) == _GTF_COLUMNS and cells[6] in "+-.?" else _bed(cells)
            except (ValueError, IndexError) as error:
                raise FusionError(f"{key}={path}, line {number}: no line of a GTF or BED ({error}).") from error
            contig, first, last, symbol = place
            if not symbol:
                continue
            if contig not in CONTIGS:
                elsewhere[contig] = None
                continue
            _, begin, end, _ = spans.get((contig, gene), place)
            spans[contig, gene] = (contig, min(begin, first), max(end, last), symbol)
    if not spans:
        where = f" on chromosomes 1 to 22, X, Y or MT (but on {some(list(elsewhere))})" if elsewhere else ""
        raise FusionError(
            f"{key}={path} names no gene{where}: a GTF needs gene_name, gene or gene_id, a BED a fourth column."
        )
    return list(spans.values())


def first_of_each_symbol(places: Iterable[Place]) -> list[Place]:
    """Each symbol once, at its first place."""
    found: dict[str, Place] = {}
    for place in places:
        found.setdefault(place[3], place)
    return list(found.values())


def _open(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8")


def _gtf(cells: list[str]) -> tuple[str, Place]:
    told: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(cells[8]):
        told.setdefault(match[1], match[2].strip())
    name = _ENSEMBL.search(cells[8]) if "gene_name" not in told and "ID=gene:" in cells[8] else None
    symbol = told.get("gene_name") or told.get("gene") or (name[1] if name else told.get("gene_id", ""))
    return told.get("gene_id", symbol), (plain_contig(cells[0]), int(cells[3]), int(cells[4]), symbol)


def _bed(cells: list[str]) -> tuple[str, Place]:
    return cells[3], (plain_contig(cells[0]), int(cells[1]) + 1, int(cells[2]), cells[3])
