"""Mutation annotation format (MAF): which column means what, in the dialects that are in use.

=============  ==========================================  ================================================
dialect        written by                                  known by
=============  ==========================================  ================================================
``gdc``        GDC ("masked somatic mutation"), GRCh38     ``#version gdc-…``, ``GDC_FILTER``, ``case_id``
``firehose``   TCGA, Broad Firehose and TCGAmutations      ``Start_position``, ``Protein_Change``, ``i_t_…``
``cbioportal`` cBioPortal ``data_mutations.txt``           ``HGVSp_Short`` without the GDC's columns
=============  ==========================================  ================================================

A MAF differs from a VCF in three ways that matter here. It lists calls, not samples: who has no line was mutation-free
or not sequenced (`absent_is` decides). Chromosome X may be called 23. And alleles of insertions and deletions are
written without the base before them, as ``-``: a VCF's ``100 CAG C`` is ``101 AG -``. Without the reference genome that
anchor base cannot be restored, so variants are keyed *without* it: see `canonical`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data_modules.genes.contigs import plain_contig
from data_modules.ingest.variants.consequences import SEVERITY, consequence_class
from data_modules.readers.layout import unquoted
from data_modules.readers.numbers import is_unknown
from data_modules.readers.stream import lines_of
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import FusionError, some

REQUIRED: dict[str, tuple[str, ...]] = {
    "gene": ("Hugo_Symbol",),
    "chromosome": ("Chromosome",),
    "start": ("Start_Position", "Start_position"),
    "reference": ("Reference_Allele",),
    "allele2": ("Tumor_Seq_Allele2",),
    "classification": ("Variant_Classification",),
    "barcode": ("Tumor_Sample_Barcode",),
}
OPTIONAL: dict[str, tuple[str, ...]] = {
    "allele1": ("Tumor_Seq_Allele1",),
    "normal1": ("Match_Norm_Seq_Allele1",),
    "normal2": ("Match_Norm_Seq_Allele2",),
    "end": ("End_Position", "End_position"),
    "build": ("NCBI_Build",),
    "protein": ("HGVSp_Short", "Protein_Change", "Amino_Acid_Change"),
    "depth": ("t_depth", "i_t_depth", "tumor_depth"),
    "alt_count": ("t_alt_count", "i_t_alt_count"),
    "ref_count": ("t_ref_count", "i_t_ref_count"),
    "filter": ("FILTER",),
    "vaf": ("t_vaf", "t_AF", "tumor_vaf", "i_tumor_f", "tumor_f", "t_alt_freq"),
    "status": ("Mutation_Status",),
    "sift": ("SIFT", "SIFT_score"),
    "polyphen": ("PolyPhen", "Polyphen2_HDIV_score"),
    "cadd": ("CADD_PHRED", "CADD_phred", "CADD"),
}

OTHER = "other"
"""The class of terms that no table knows."""

_EXTRA = {
    "Start_Codon_Del": "startloss",
    "Start_Codon_Ins": "startloss",
    "Start_Codon_SNP": "startloss",
    "De_novo_Start_OutOfFrame": "startloss",
    "De_novo_Start_InFrame": "startloss",
    "Stop_Codon_Del": "stoploss",
    "Stop_Codon_Ins": "stoploss",
    "Stop_Codon_DNP": "stoploss",
    "lincRNA": "ncrna",
}
"""Oncotator's classes that no other annotator writes."""

_STANDARD = (
    "Nonsense_Mutation", "Frame_Shift_Del", "Frame_Shift_Ins", "Splice_Site", "Translation_Start_Site",
    "Nonstop_Mutation", "Missense_Mutation", "In_Frame_Del", "In_Frame_Ins", "Splice_Region", "Silent", "3'UTR",
    "5'UTR", "RNA", "5'Flank", "3'Flank", "Intron", "IGR",
)  # fmt: skip

CONSEQUENCES: dict[str, str] = _EXTRA | {term: consequence_class(term) or OTHER for term in _STANDARD}
"""Variant_Classification → the class that a VCF's annotation would get."""

_SPELT: dict[str, str] = {term.lower(): name for term, name in CONSEQUENCES.items()}
_NO_CLASS = frozenset({"", ".", "na", "unknown", "targeted_region", "fusion"})
"""Words for lines whose class is `OTHER` by right."""


@lru_cache(maxsize=1 << 12)
def class_of(classification: str) -> tuple[str, bool]:
    """The class of a Variant_Classification, and whether the word is known.

    Letter case and spaces do not count; terms of ANNOVAR and of the Sequence Ontology are known too.
    """
    bare = classification.strip().lower().replace(" ", "_")
    found = _SPELT.get(bare) or consequence_class(bare) or OTHER
    return found, found != OTHER or bare in _NO_CLASS or bare in SEVERITY


class MafError(FusionError):
    """A MAF that cannot be read: names the file and what it lacks."""


@dataclass(frozen=True, kw_only=True)
class MafHeader:
    """What the first lines of a MAF tell.

    Attributes:
        path: the file.
        dialect: ``gdc``, ``firehose`` or ``cbioportal``.
        columns: field (the keys of `REQUIRED` and `OPTIONAL`) → the column's name in this file.
        names: all columns, in order.
        line: of the header, 1-based.
        separator: between cells; a tab, but for files that were saved as CSV.
        comments: the lines above the header.
    """

    path: Path
    dialect: str
    columns: dict[str, str]
    names: tuple[str, ...]
    line: int = 1
    separator: str = "\t"
    comments: tuple[str, ...] = ()


def read_header(path: Path) -> MafHeader:
    """Read comments and header of a MAF, packed or not, and tell its dialect.

    Raises:
        MafError: the file is damaged, empty, or lacks columns that every dialect has, or has one of them twice.
    """
    comments: list[str] = []
    names: tuple[str, ...] = ()
    number, separator = 0, "\t"
    try:
        with closing(lines_of(path)) as lines:
            for line in lines:
                number += 1
                bare = line.lstrip('#" ').lower()
                if line.strip() and (not line.startswith("#") or bare.startswith("hugo_symbol")):
                    separator = next((one for one in "\t,;" if one in line), "\t")
                    names = tuple(unquoted(name).strip().lstrip("#") for name in line.split(separator))
                    break
                comments.append(line)
    except UnreadableError as error:
        raise MafError(f"{path} cannot be read as a MAF: {error}") from error
    columns = _columns(names)
    lacking = [aliases[0] for field, aliases in REQUIRED.items() if field not in columns]
    if lacking:
        raise MafError(
            f"{path}: a MAF needs the columns {', '.join(lacking)}; its header has {some(names) or 'nothing'}. "
            "If it is a VCF, name it .vcf or .vcf.gz."
        )
    twice = sorted({name for name in columns.values() if names.count(name) > 1})
    if twice:
        raise MafError(
            f"{path.name}, line {number}: column {some(twice)} stands twice in the header. Take out the one that is "
            "not meant."
        )
    return MafHeader(
        path=path, dialect=_dialect(comments, names), columns=columns, names=names, line=number, separator=separator,
        comments=tuple(comments),
    )  # fmt: skip


def _columns(names: Sequence[str]) -> dict[str, str]:
    """Field → column; aliases in order of preference, letter case ignored (``Start_position``)."""
    by_lower = {name.lower(): name for name in names}
    found = {}
    for field, aliases in {**REQUIRED, **OPTIONAL}.items():
        name = next((by_lower[alias.lower()] for alias in aliases if alias.lower() in by_lower), None)
        if name is not None:
            found[field] = name
    return found


def _dialect(comments: Sequence[str], names: Sequence[str]) -> str:
    if any("gdc" in line.lower() for line in comments) or {"GDC_FILTER", "case_id"} & set(names):
        return "gdc"
    if {"Start_position", "Protein_Change"} & set(names) or any(name.startswith("i_t_") for name in names):
        return "firehose"
    return "cbioportal"


def build_name(value: str) -> str:
    """``37``, ``hg19``, ``GRCh37-lite`` → ``GRCh37``; ``38``, ``hg38`` → ``GRCh38``; anything else as it is."""
    bare = value.strip().lower()
    if re.match(r"(grch37|hg19|b37|hs37|37(\.0)?$)", bare):
        return "GRCh37"
    return "GRCh38" if re.match(r"(grch38|hg38|hs38|38(\.0)?$)", bare) else value


def build_known(value: str) -> bool:
    """Whether an NCBI_Build says anything: ``NA`` and ``.`` do not."""
    return not is_unknown(value)


@dataclass(frozen=True, order=True, kw_only=True)
class VariantKey:
    """A variant by its changed bases alone, the same whether it came from a MAF or a VCF.

    Attributes:
        chromosome: without ``chr``.
        position: 1-based, of the first changed base; of an insertion, the base that follows it.
        reference: replaced bases, ``-`` for an insertion.
        alternate: their replacement, ``-`` for a deletion.
    """

    chromosome: str
    position: int
    reference: str
    alternate: str

    def __str__(self) -> str:
        return f"{self.chromosome}:{self.position}:{self.reference}>{self.alternate}"


def canonical(*, contig: str, position: int, reference: str, alternate: str, maf: bool) -> VariantKey:
    """The key of a variant, common bases trimmed from the right, then from the left.

    A caller that shifted an indel along a repeat gives another position: without the genome that cannot be undone.

    Args:
        contig: as the file spells it.
        position: POS of a VCF or Start_Position of a MAF.
        reference: bases, or ``-`` in a MAF.
        alternate: bases, or ``-`` in a MAF.
        maf: whether `position` follows the MAF: for an insertion, the base *before* it.
    """
    before, after = reference.strip("-"), alternate.strip("-")
    if maf and not before:
        position += 1
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    while before and after and before[0] == after[0]:
        before, after, position = before[1:], after[1:], position + 1
    return VariantKey(
        chromosome=plain_contig(contig), position=position, reference=before or "-", alternate=after or "-"
    )
