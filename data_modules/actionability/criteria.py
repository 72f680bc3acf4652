"""What a name in CIViC asks of a patient's variant: one allele, a codon, an exon or domain, or something of the gene.

Names are CIViC's own ("V600E", "H1047X", "Exon 19 Deletion", "Loss-of-function"); what is none of the forms here
("Overexpression", "Wildtype", "Gain-of-function", polymorphisms by rs number) cannot be told from a list of variants
and asks for nothing: it matches nobody, and is counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from data_modules.actionability.release import CivicVariant
from data_modules.actionability.spelling import Allele, allele, coding, genomic, protein
from data_modules.genes.contigs import plain_contig

Level = Literal["exact", "codon", "region", "gene"]
"""How near a variant is to what CIViC names, nearest first."""

ALTERING = frozenset({"stopgain", "frameshift", "splicing", "startloss", "stoploss", "nonsynonymous", "inframe"})
LOSING = frozenset({"stopgain", "frameshift", "splicing", "startloss"})
"""Classes of consequences that change a protein, and that as a rule take it away (PVS1 of Richards et al., 2015)."""

_CODON = re.compile(r"([A-Z])(\d+)X?")
_SHORT = re.compile(r"([A-Z])(\d+)([A-Z])((?:/[A-Z])+)")
_EXON = re.compile(r"EXON (\d+)(?:-(\d+))? (MUTATION|INSERTION|DELETION|FRAMESHIFT)")
_GENE = {
    "MUTATION": ALTERING, "ALTERATION": ALTERING,
    "LOSS-OF-FUNCTION": LOSING, "INACTIVATING MUTATION": LOSING, "DELETERIOUS MUTATION": LOSING,
    "TRUNCATING MUTATION": frozenset({"stopgain", "frameshift"}), "TRUNCATION": frozenset({"stopgain", "frameshift"}),
    "FRAMESHIFT TRUNCATION": frozenset({"frameshift"}), "FRAMESHIFT": frozenset({"frameshift"}),
}  # fmt: skip
_EVENTS = {
    "AMPLIFICATION": {"amplification"}, "COPY NUMBER VARIATION": {"amplification", "deletion"},
    "DELETION": {"deletion"},
    "LOSS": {"deletion"}, "FUSION": {"fusion"}, "REARRANGEMENT": {"fusion"}, "LOSS-OF-FUNCTION": {"deletion"},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What a patient's variant must be.

    Attributes:
        level: how near it then is.
        alleles: any of them, in their build.
        reference: bases that the allele replaces, where stated.
        hgvs: any of these coding changes.
        proteins: any of these changes of the gene's protein.
        codons: residue and number, e.g. ``V600``, of which any amino acid takes the place.
        span: build, contig, first and last base, within which it lies.
        exons: first and last number, taken where there is no span.
        kinds: classes of consequences, of codons, spans, exons and genes.
        events: alterations of the whole gene.
        fusion: ``A::B``.
    """

    level: Level
    alleles: tuple[Allele, ...] = ()
    reference: str = ""
    hgvs: tuple[str, ...] = ()
    proteins: tuple[str, ...] = ()
    codons: tuple[str, ...] = ()
    span: tuple[str, str, int, int] | None = None
    exons: tuple[int, int] | None = None
    kinds: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    fusion: str = ""


@lru_cache(maxsize=1 << 13)
def criterion(variant: CivicVariant) -> Criterion | None:
    """What the variant asks; None where no list of variants can tell."""
    name = variant.name.upper()
    if "::" in name:  # "BCR::ABL V379I" needs the fusion and the change: no single variant is both
        return Criterion(level="exact", fusion=name) if re.fullmatch(r"[\w.-]+::[\w.-]+", name) else None
    if name in _GENE or name in _EVENTS:
        return Criterion(level="gene", kinds=_gene_kinds(name, variant.types), events=frozenset(_EVENTS.get(name, ())))
    codons = _codons(name, variant.types)
    if codons:
        return Criterion(level="codon", codons=codons, kinds=frozenset({"nonsynonymous"}))
    if _EXON.fullmatch(name) or re.search(r"\b(DOMAIN|TKD|P-LOOP) MUT", name):
        return _region(name, variant)
    return _exact(variant)


def _gene_kinds(name: str, types: tuple[str, ...]) -> frozenset[str]:
    kinds = _GENE.get(name, frozenset())
    if name == "MUTATION" and "gain_of_function_variant" in types:
        return kinds & {"nonsynonymous", "inframe"}  # what takes the protein away gains it no function
    if name in ("LOSS", "DELETION") and "loss_of_function_variant" in types:
        return LOSING
    return kinds


def _codons(name: str, types: tuple[str, ...]) -> tuple[str, ...]:
    """``V600``, ``H1047X`` (any amino acid, unless CIViC's type says that X is a stop), ``G12/G13``."""
    if "stop_gained" in types:
        return ()
    parts = [_CODON.fullmatch(part) for part in name.split("/")]
    return tuple(f"{part[1]}{part[2]}" for part in parts if part) if all(parts) else ()


def _region(name: str, variant: CivicVariant) -> Criterion | None:
    exon = _EXON.fullmatch(name)
    kinds = ALTERING
    if exon and exon[3] == "FRAMESHIFT":
        kinds = frozenset({"frameshift"})
    elif exon and exon[3] != "MUTATION":
        # A lost exon is no small variant: only where CIViC says, or its range tells, that bases within it are meant.
        small = exon[3] == "INSERTION" or any(one.startswith("inframe_deletion") for one in variant.types)
        if not small:
            return None
        kinds = frozenset({f"inframe {exon[3].lower()}"})
    span = None
    if variant.start and variant.stop and variant.build:
        span = (variant.build, plain_contig(variant.chromosome), variant.start, variant.stop)
    exons = (int(exon[1]), int(exon[2] or exon[1])) if exon else None
    return Criterion(level="region", span=span, exons=exons, kinds=kinds) if span or exons else None


def _exact(variant: CivicVariant) -> Criterion | None:
    """One allele, or one of a few named together."""
    stated = [found for found in (genomic(text) for text in variant.hgvs) if found]
    if variant.start and (variant.reference or variant.alternate):
        for alternate in variant.alternate.split("/"):
            place = allele(variant.build, variant.chromosome, variant.start, variant.reference, alternate)
            stated += [place] if place else []
    bare = re.sub(r" OR ", "|", variant.name, flags=re.IGNORECASE).partition("(")[0]
    short = _SHORT.fullmatch(bare.strip().upper())
    names = [f"{short[1]}{short[2]}{last}" for last in (short[3], *short[4].strip("/").split("/"))] if short else []
    names += [] if short else bare.split("|")
    names += [text for text in variant.hgvs if ":p." in text]
    proteins = tuple(dict.fromkeys(_stop(protein(one), variant) for one in names if protein(one)))
    descriptions = tuple(dict.fromkeys(found for found in (coding(text) for text in variant.hgvs) if found))
    if not (stated or proteins or descriptions):
        return None
    return Criterion(
        level="exact",
        alleles=tuple(dict.fromkeys(stated)),
        reference=variant.reference,
        hgvs=descriptions,
        # Many bases give the same synonymous change: its protein alone names none of them.
        proteins=tuple(one for one in proteins if not one.endswith("=")),
    )


def _stop(change: str, variant: CivicVariant) -> str:
    return re.sub(r"X$", "*", change) if "stop_gained" in variant.types else change
