"""What goes with the reads: genes of the reference, and files that are one thing under two names."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

from data_modules.ingest.variants.files.vcf import builds_of
from fusion.contract import some

_LOOKED = 1 << 20
"""Bytes of an alignment that are compared, beside its size."""


def genes_problems(path: Path, contigs: Sequence[str], *, key: str) -> list[str]:
    """Why genes cannot be read beside the reference: an annotator would pass over them without a word.

    Args:
        path: GFF3 (of bcftools csq) or GTF (of SnpEff); may be gzipped.
        contigs: of the reference; none where it has no index.
        key: ``gff`` or ``gtf``.
    """
    what = f"reads.annotation.{key}={path}"
    if not path.is_file():
        return [f"reads.annotation.{key}: there is no file {path}."]
    known = {_bare(name, key) for name in contigs}
    strange: dict[str, None] = {}
    style = key != "gff"
    try:
        with gzip.open(path, "rt") if path.name.lower().endswith(".gz") else path.open(encoding="utf-8") as stream:
            for line in stream:
                contig, tab, _ = line.partition("\t")
                if line.startswith("#") or not tab:
                    continue
                style = style or "ID=transcript:" in line
                if known and _bare(contig, key) not in known:
                    strange[contig] = None
                elif style:
                    return []
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        return [f"{what} cannot be read ({error}). Fetch it again."]
    if not style:
        return [
            f"{what} is not in Ensembl's style (no ID=transcript:…), the only one that bcftools csq reads. Fetch "
            "Ensembl's GFF3 of the build, or set reads.annotation.tool=snpeff with a GTF."
        ]
    if not strange:
        return [f"{what} holds no genes. Fetch it again."]
    told = f"its contigs ({some(list(strange), 3)}) are none of the reference ({some(list(contigs), 3)})"
    return [
        f"{what} is of another build than reads.reference, or names contigs otherwise: {told}. Fetch the other one."
    ]


def other_build(named: str, build: str | None, *, key: str) -> list[str]:
    """Why an annotator's genome is not the cohort's, where its name says which it is: it would name wrong genes.

    Args:
        named: e.g. ``GRCh37.75``, ``hg19``.
        build: of the cohort; None where it says none.
        key: below ``reads.annotation``.
    """
    found = builds_of(named)
    if build is None or not found or build in found:
        return []
    return [f"reads.annotation.{key}={named} is of build {found[0]}, and cohort.build is {build}. Set one of the two."]


def _bare(contig: str, key: str) -> str:
    """SnpEff takes 17 for chr17, bcftools csq does not."""
    return contig.removeprefix("chr") if key == "gtf" else contig


def fingerprint(path: Path) -> str:
    """Of an alignment's size and beginning: a copy has the same."""
    with path.open("rb") as stream:
        return hashlib.blake2b(b"%d " % path.stat().st_size + stream.read(_LOOKED), digest_size=16).hexdigest()


def same_reads(files: Sequence[tuple[str, Path, str]]) -> list[str]:
    """Files that hold the same reads under two names.

    Args:
        files: sample, file, and digest of what it holds.
    """
    seen: dict[str, tuple[str, Path]] = {}
    problems = []
    for sample, path, digest in files:
        other, there = seen.setdefault(digest, (sample, path))
        if there != path:
            of = f"of sample {sample}" if sample == other else f"of sample {other} and of {sample}"
            problems.append(f"{there} and {path} hold the same reads ({of}): a file or a sample twice. Remove one.")
    return problems
