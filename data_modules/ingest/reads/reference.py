"""The reference genome: its indices, its build, and whether other files are of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_modules.ingest.variants.files.vcf import BUILDS, LENGTHS
from fusion.contract import some

BWA = (".amb", ".ann", ".bwt", ".pac", ".sa")
_CRAM, _CRAM_END, _CRAM_TAIL = b"CRAM", b"\xe0EOF", 38
"""How a CRAM begins, and what its last bytes hold from version 2.1 on (the EOF container)."""
_HASHED = 50_000_000
"""Bases of the reference, at most about, that are held against an alignment's checksums; the smallest contigs first."""
BWA2 = (".0123", ".amb", ".ann", ".bwt.2bit.64", ".pac")


def lengths_of(fasta: Path) -> dict[str, int]:
    """Contig → bases, by the ``.fai``; empty where there is none, or it is damaged."""
    index = Path(f"{fasta}.fai")
    if not index.is_file():
        return {}
    rows = [line.split("\t") for line in index.read_text(encoding="utf-8").splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) >= 5 and row[1].isdigit()}


def reference_problems(fasta: Path, *, build: str | None, aligner: str | None, gatk: bool) -> list[str]:
    """What the reference lacks.

    Args:
        fasta: the file.
        build: of the cohort; None where it says none.
        aligner: ``bwa`` or ``bwa-mem2``; None where nothing is aligned.
        gatk: whether GATK is to read it, which needs a dictionary.
    """
    if not fasta.is_file():
        return [f"reads.reference: there is no file {fasta}."]
    if fasta.suffix in (".gz", ".bgz"):
        return [
            f"reads.reference={fasta} is compressed, which the callers do not read. Unpack it: gunzip -k {fasta.name}"
        ]
    problems = []
    lengths = lengths_of(fasta)
    if not lengths:
        problems.append(f"reads.reference={fasta} has no index ({fasta.name}.fai). Make it: samtools faidx {fasta}")
    elif Path(f"{fasta}.fai").stat().st_mtime_ns < fasta.stat().st_mtime_ns:
        problems.append(f"{fasta}.fai is older than the reference itself. Make it again: samtools faidx {fasta}")
    lacking = [
        end for end in {"bwa": BWA, "bwa-mem2": BWA2}.get(aligner or "", ()) if not Path(f"{fasta}{end}").is_file()
    ]
    if lacking:
        problems.append(
            f"reads.reference={fasta} has no index of {aligner} ({some(lacking)}). Make it: {aligner} index {fasta}"
        )
    if gatk and not fasta.with_suffix(".dict").is_file():
        problems.append(
            f"reads.reference={fasta} has no {fasta.with_suffix('.dict').name}, which GATK reads. Make it: "
            f"samtools dict -o {fasta.with_suffix('.dict')} {fasta}"
        )
    return problems + _build_problems(fasta, lengths, build)


def _build_problems(fasta: Path, lengths: Mapping[str, int], build: str | None) -> list[str]:
    votes = {name: len(set(lengths.values()) & set(known)) for name, known in LENGTHS.items()}
    best = max(BUILDS, key=lambda name: votes[name])
    if build is None or votes[best] <= votes.get(build, 0):
        return []
    return [
        f"reads.reference={fasta} is of build {best} by the lengths of its contigs, and cohort.build is {build}. Set "
        "one of the two."
    ]


def unlike(lengths: Mapping[str, int], others: Mapping[str, int | None]) -> str | None:
    """How another file's contigs contradict the reference's; None where they do not.

    Args:
        lengths: contig → bases, of the reference.
        others: of the other file; None where it says no length.
    """
    known = {name: length for name, length in others.items() if name in lengths}
    if others and not known:
        return f"its contigs ({some(list(others), 3)}) are none of the reference ({some(list(lengths), 3)})"
    wrong = [name for name, length in known.items() if length is not None and length != lengths[name]]
    if wrong:
        return f"{wrong[0]} has {others[wrong[0]]} bases there and {lengths[wrong[0]]} in the reference"
    return None


def sites_problems(path: Path, lengths: Mapping[str, int], *, key: str) -> list[str]:
    """Why a VCF of known sites cannot be read beside the reference."""
    import pysam

    if not path.is_file():
        return [f"reads.{key}: there is no file {path}."]
    if not any(Path(f"{path}{end}").is_file() for end in (".tbi", ".csi", ".idx")):
        return [f"reads.{key}={path} has no index. Make it: bcftools index -t {path}"]
    try:
        with pysam.VariantFile(str(path)) as file:
            contigs: dict[str, int | None] = {str(name): contig.length for name, contig in file.header.contigs.items()}
    except (OSError, ValueError) as error:
        return [f"reads.{key}={path} is no VCF ({error})."]
    contrary = unlike(lengths, contigs)
    return [] if contrary is None else [f"reads.{key}={path} is of another build than reads.reference: {contrary}."]


def alignment_problems(path: Path, lengths: Mapping[str, int], *, fasta: Path) -> list[str]:
    """Why a BAM or CRAM cannot be taken: truncated, not aligned, or aligned to another reference.

    Args:
        path: BAM or CRAM.
        lengths: contig → bases, of the reference.
        fasta: the reference.
    """
    import pysam

    previous = pysam.set_verbosity(0)  # htslib would write to the terminal what is said here
    try:
        with pysam.AlignmentFile(str(path), check_sq=False, reference_filename=str(fasta)) as file:
            header: Any = file.header
            contigs: dict[str, int | None] = dict(zip(header.references, header.lengths, strict=True))
            sums = {row["SN"]: row["M5"] for row in header.to_dict().get("SQ", ()) if "M5" in row}
        if _cut(path):  # which htslib passes over
            raise ValueError("no EOF container at its end")
    except (OSError, ValueError) as error:
        return [f"{path}: is no BAM or CRAM, or a truncated one ({error}). Fetch it again."]
    finally:
        pysam.set_verbosity(previous)
    if not contigs:
        return [f"{path}: holds reads that are not aligned. Write FASTQ of it (samtools fastq) and name that."]
    strange = [name for name in contigs if name not in lengths]
    contrary = unlike(lengths, contigs)
    if contrary is None and strange:
        contrary = f"{some(strange, 3)} is not in the reference"
    if contrary is None and sums and fasta.is_file():
        contrary = _other_sequence(sums, lengths, fasta)
    if contrary is None:
        return []
    return [
        f"{path}: aligned to another reference: {contrary}. Write FASTQ of it (samtools fastq), or set reads.reference."
    ]


def _cut(path: Path) -> bool:
    """Whether a CRAM lacks its end."""
    with path.open("rb") as stream:
        begins = stream.read(6)
        if not begins.startswith(_CRAM) or tuple(begins[4:]) < (2, 1):
            return False
        stream.seek(max(0, path.stat().st_size - _CRAM_TAIL))
        return _CRAM_END not in stream.read()


def _other_sequence(sums: Mapping[str, str], lengths: Mapping[str, int], fasta: Path) -> str | None:
    """A contig of the same name and length whose bases differ, by the checksums of the SAM specification (M5)."""
    import pysam

    read = 0
    with pysam.FastaFile(str(fasta)) as reference:
        for name in sorted(sums, key=lambda one: lengths[one]):
            if read and read + lengths[name] > _HASHED:
                return None
            read += lengths[name]
            if (
                hashlib.md5(reference.fetch(name).upper().encode(), usedforsecurity=False).hexdigest()
                != sums[name].lower()
            ):
                return f"the bases of {name} differ, by its checksum (M5)"
    return None
