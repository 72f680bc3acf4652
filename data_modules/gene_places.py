"""Where genes lie, from a BED or GTF file."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import IO

from data_modules.ingest.variant_store import CONTIGS, plain_contig
from fusion.contract import FusionError

_NAME = re.compile(r'gene_name "([^"]+)"')
Place = tuple[str, int, int, str]
"""Contig without ``chr``, first and last base (1-based, inclusive), symbol."""


def read_gene_places(path: Path, *, key: str) -> list[Place]:
    """Genes of a GTF (lines of feature ``gene``) or a BED (0-based start, symbol in column 4), each symbol once.

    Raises:
        FusionError: a line is neither, or the file names no gene.
    """
    found: dict[str, Place] = {}
    with _open(path) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            cells = line.rstrip("\r\n").split("\t")
            try:
                place = _gtf(cells) if len(cells) == 9 and cells[6] in "+-." else _bed(cells)
            except (ValueError, IndexError) as error:
                raise FusionError(f"{key}={path}, line {number}: no line of a BED or GTF ({error}).") from error
            if place is not None and place[0] in CONTIGS:
                found.setdefault(place[3], place)
    if not found:
        raise FusionError(f"{key}={path} names no gene: a GTF needs gene_name, a BED a fourth column.")
    return list(found.values())


def _open(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _gtf(cells: list[str]) -> Place | None:
    name = _NAME.search(cells[8])
    if cells[2] != "gene" or name is None:
        return None
    return plain_contig(cells[0]), int(cells[3]), int(cells[4]), name[1]


def _bed(cells: list[str]) -> Place:
    return plain_contig(cells[0]), int(cells[1]) + 1, int(cells[2]), cells[3]
