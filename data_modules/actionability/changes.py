"""A patient's variants as tables and MAFs give them, a row each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_modules.actionability.spelling import BUILDS, Allele, allele, coding, genomic, protein
from data_modules.ingest.variants.consequences import consequence_class
from data_modules.readers.tables import read_text_table
from fusion.contract import FusionError, some

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "patient": ("patient_id", "patient", "tumor_sample_barcode", "sample_id", "sample", "donor.id"),
    "gene": ("gene", "hugo_symbol", "symbol", "gene_symbol"),
    "protein": ("protein", "hgvsp_short", "hgvsp", "protein_change", "amino_acid_change"),
    "coding": ("coding", "hgvsc", "cdna_change"),
    "genomic": ("genomic", "hgvsg", "hgvs"),
    "transcript": ("transcript", "transcript_id", "refseq", "feature"),
    "chromosome": ("chromosome", "chrom", "chr"),
    "start": ("start_position", "start", "position", "pos"),
    "reference": ("reference_allele", "reference", "ref_allele", "ref"),
    "alternate": ("tumor_seq_allele2", "alternate", "tumor_alt_allele", "alt_allele", "alt"),
    "build": ("ncbi_build", "build", "reference_build"),
    "consequence": ("variant_classification", "consequence", "maf_variant"),
    "exon": ("exon_number", "exon"),
    "alteration": ("alteration", "copy_number", "event"),
    "disease": ("disease", "tumour_type", "tumor_type"),
}
"""What is read of a table, and the columns, in any letter case, that are taken for it."""
EVENTS = {"amplification": "amplification", "amp": "amplification", "gain of copies": "amplification",
          "deletion": "deletion", "deep deletion": "deletion", "homdel": "deletion", "loss": "deletion",
          "fusion": "fusion", "rearrangement": "fusion"}  # fmt: skip
"""What an alteration may be, in lower case, beside ``A::B``, a fusion of two genes."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One variant of a patient.

    Attributes:
        allele: its place and bases, where the table says them.
        protein: in single letters; empty where it is not said.
        hgvs: transcript and coding change, without version.
        also: the same of other transcripts.
        kind: class of its consequence, from the column or else from the protein; empty where neither says it.
        event: ``amplification``, ``deletion``, ``fusion`` or empty.
        fusion: ``A::B``, where both genes are said.
        exon: number, as the annotation counts them.
        told: how the table writes it, for readers.
    """

    patient: str
    line: int
    gene: str
    allele: Allele | None
    reference: str
    protein: str
    hgvs: str
    kind: str
    event: str
    fusion: str
    exon: str
    diseases: tuple[str, ...]
    told: str
    also: tuple[str, ...] = ()


def read_changes(path: Path, *, build: str | None = None, columns: Mapping[str, str] | None = None) -> list[Change]:
    """Read variants from a MAF or any table with a row a variant.

    Args:
        path: the file; its first comment lines are left out.
        build: of its coordinates, where no column says it.
        columns: what is read (a key of `COLUMNS`) → the column that has it, where the usual names do not.

    Raises:
        FusionError: no patient or gene column, a column that is not there, or coordinates of an unknown build.
    """
    frame = read_text_table(path).frame
    found = _columns(frame, path, columns or {})
    if build is not None and build.upper() not in BUILDS:
        raise FusionError(f"build={build} is neither GRCh37 nor GRCh38.")
    changes, unknown = [], []
    for line, cells in zip(frame.index, frame[list(found.values())].to_dict("records"), strict=True):
        told = {name: str(cells[column]) for name, column in found.items()}
        said = told.get("build") or build or ""
        if told.get("chromosome") and told.get("start") and said.upper() not in BUILDS:
            unknown.append(f"line {line}: {said or 'none said'}")
            continue
        changes.append(_change(int(line), told, BUILDS.get(said.upper(), "")))
    if unknown:
        raise FusionError(f"{path}: coordinates of no known build ({some(unknown)}). Give --build GRCh37 or GRCh38.")
    return changes


def _columns(frame: pd.DataFrame, path: Path, given: Mapping[str, str]) -> dict[str, str]:
    there = {str(name).lower(): str(name) for name in frame.columns}
    wrong = [f"{name}={column}" for name, column in given.items() if name not in COLUMNS or column not in frame.columns]
    if wrong:
        raise FusionError(f"--column {some(wrong)}: {path} has no such column, or it is none of {', '.join(COLUMNS)}.")
    usual = {name: next((there[one] for one in words if one in there), None) for name, words in COLUMNS.items()}
    found = {name: column for name, column in (usual | dict(given)).items() if column is not None}
    lacking = [name for name in ("patient", "gene") if name not in found]
    if lacking or not set(found) & {"protein", "coding", "genomic", "start", "consequence", "alteration"}:
        need = ", ".join(lacking) or "a protein, coding or genomic change, coordinates, a consequence or an alteration"
        raise FusionError(f"{path} lacks {need} (its columns: {some(list(frame.columns))}). Name it: --column gene=….")
    return found


def _change(line: int, told: Mapping[str, str], build: str) -> Change:
    change = re.sub(r"X$", "*", protein(told.get("protein", "")))
    whole = told.get("coding", "")
    if ":" not in whole and told.get("transcript") and whole:
        whole = f"{told['transcript']}:{whole}"
    event = told.get("alteration", "").strip()
    fused = re.fullmatch(r"([\w.-]+)::([\w.-]+)", event)
    kind = consequence_class(told.get("consequence") or None)
    said = [told.get(name, "") for name in ("protein", "coding", "alteration") if told.get(name)]
    place = _allele(told, build)
    if place is not None and not said:
        said = [f"{place.contig}:{told['start']} {told.get('reference') or '-'}>{told.get('alternate') or '-'}"]
    return Change(
        patient=told["patient"],
        line=line,
        gene=told["gene"],
        allele=place,
        reference=told.get("reference", "").upper().strip("-."),
        protein=change,
        hgvs=coding(whole),
        kind=kind if kind not in (None, "other") else kind_of(change),
        event="fusion" if fused else EVENTS.get(event.lower(), ""),
        fusion=event if fused else "",
        exon=told.get("exon", "").partition("/")[0],
        diseases=tuple(part.strip() for part in told.get("disease", "").split(";") if part.strip()),
        told=" ".join([told["gene"], *said]),
    )


def _allele(told: Mapping[str, str], build: str) -> Allele | None:
    stated = genomic(told.get("genomic", ""))
    start = told.get("start", "")
    if stated is not None or not (told.get("chromosome") and start.isdigit()):
        return stated
    alleles = told.get("reference", "-"), told.get("alternate", "-")
    return allele(build, told["chromosome"], int(start), *alleles)


def kind_of(change: str) -> str:
    """Class of a protein change; empty where it is none."""
    rules = (
        (r".*fs", "frameshift"), (r".*=", "synonymous"), (r"M1\?", "startloss"), (r"\*\d+.*", "stoploss"),
        (r".*\*", "stopgain"), (r"[A-Z]\d+[A-Z]", "nonsynonymous"), (r".*(del|ins|dup).*", "inframe"),
    )  # fmt: skip
    return next((kind for rule, kind in rules if re.fullmatch(rule, change)), "")
