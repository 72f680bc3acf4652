"""UCSC chain files with the contig names of Hail's reference genomes; UCSC says ``chr1`` in every build."""

from __future__ import annotations

import gzip
from pathlib import Path

from data_modules.genes.contigs import CONTIGS, plain_contig
from data_modules.ingest.variants.files.vcf import LENGTHS
from data_modules.readers.bounds import bounded_lines
from fusion.contract import FusionError

_FIELDS = 12


def hail_contig(contig: str, build: str) -> str:
    """A contig as Hail's GRCh37 (``1``, ``MT``) or GRCh38 (``chr1``, ``chrM``) has it."""
    plain = plain_contig(contig)
    return plain if build == "GRCh37" else f"chr{'M' if plain == 'MT' else plain}"


def write_chain(path: Path, out: Path, *, source: str, build: str) -> None:
    """Copy a chain file, its contigs renamed; chains of other contigs than 1 to 22, X, Y and MT are left out.

    Args:
        path: plain or gzipped.
        out: written as text.
        source: build that it lifts from.
        build: build that it lifts to.

    Raises:
        FusionError: it is no chain file, or one from or to another build.
    """
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    kept = 0
    wrong = ""
    with (
        gzip.open(path, "rt", encoding="ascii") if packed else path.open(encoding="ascii") as lines,
        out.open("w", encoding="ascii") as target,
    ):
        use = False
        for line in bounded_lines(path, lines.readline):
            if not line.startswith("chain"):
                target.write(line if use else "")
                continue
            fields = line.split()
            if len(fields) < _FIELDS:
                break
            use = all(plain_contig(fields[at]) in CONTIGS for at in (2, 7))
            wrong = wrong or (_wrong_length(fields, source, build) if use else "")
            kept += use
            fields[2], fields[7] = hail_contig(fields[2], source), hail_contig(fields[7], build)
            target.write(" ".join(fields) + "\n" if use else "")
    if not kept or wrong:
        raise FusionError(
            f"inputs.chain={path} is no chain file from {source} to {build}{f' ({wrong})' if wrong else ''}. "
            "UCSC offers hg19ToHg38.over.chain.gz and hg38ToHg19.over.chain.gz."
        )


def _wrong_length(fields: list[str], source: str, build: str) -> str:
    """Where a chromosome has not the length that the build gives it."""
    for name, size, wanted in ((fields[2], fields[3], source), (fields[7], fields[8], build)):
        plain = plain_contig(name)
        if plain in CONTIGS[:24] and int(size) != LENGTHS[wanted][CONTIGS.index(plain)]:
            return f"its {name} has {size} bases"
    return ""
