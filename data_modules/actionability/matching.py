"""Whether a patient's variant is what CIViC names, how near, and by what it was recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from data_modules.actionability.changes import Change, kind_of
from data_modules.actionability.criteria import Criterion, Level, criterion
from data_modules.actionability.release import CivicVariant
from data_modules.actionability.spelling import Allele


@dataclass(frozen=True, kw_only=True)
class Match:
    """A patient's variant and what CIViC names of it.

    Attributes:
        level: ``exact``, ``codon``, ``region`` (exon or domain) or ``gene``.
        by: by what: coordinates of a build, coding HGVS, protein, fusion partners, or what the change does.
    """

    change: Change
    variant: CivicVariant
    level: Level
    by: str


def matches(changes: Iterable[Change], variants: Iterable[CivicVariant]) -> list[Match]:
    """Every pair that fits, in the order of the patient's variants."""
    by_gene: dict[str, list[tuple[CivicVariant, Criterion]]] = {}
    by_place: dict[Allele, str] = {}
    for variant in variants:
        wanted = criterion(variant)
        if wanted is not None:
            by_place |= dict.fromkeys(wanted.alleles, variant.gene)
            for gene in {variant.gene, *(wanted.fusion.split("::") if wanted.fusion else ())}:
                by_gene.setdefault(gene.upper(), []).append((variant, wanted))
    found = []
    for change in changes:
        if not change.gene and change.allele in by_place:  # nothing is annotated: the release says whose place it is
            change = replace(change, gene=by_place[change.allele])
        genes = dict.fromkeys((change.gene.upper(), *change.fusion.upper().split("::")))
        near = {variant.id: (variant, wanted) for gene in genes for variant, wanted in by_gene.get(gene, [])}
        found += _of_one(change, list(near.values()))
    return found


def _of_one(change: Change, near: Iterable[tuple[CivicVariant, Criterion]]) -> list[Match]:
    """Matches of one variant; given by coordinates alone, its protein is what CIViC states of the allele."""
    exact = [(variant, wanted) for variant, wanted in near if wanted.level == "exact" and _exact(change, wanted)]
    proteins = {one for _, wanted in exact for one in wanted.proteins if len(wanted.proteins) == 1}
    if not change.protein and len(proteins) == 1:
        protein = proteins.pop()
        change = replace(change, protein=protein, kind=change.kind or kind_of(protein))
    named = ((variant, wanted.level, _recognised(change, wanted)) for variant, wanted in near)
    return [Match(change=change, variant=variant, level=level, by=by) for variant, level, by in named if by]


def _recognised(change: Change, wanted: Criterion) -> str:
    """By what the variant is the one that is asked for; empty where it is not."""
    if wanted.level == "exact":
        return _exact(change, wanted)
    if change.event:
        return f"{change.event} of the gene" if change.event in wanted.events else ""
    if not _of_kind(change, wanted.kinds):
        return ""
    if wanted.level == "codon":
        residue = re.match(r"[A-Z]\d+(?=[A-Z*])", change.protein)
        return f"residue {residue[0]}" if residue and residue[0] in wanted.codons else ""
    return _within(change, wanted) if wanted.level == "region" else f"{change.kind} in the gene"


def _exact(change: Change, wanted: Criterion) -> str:
    if change.fusion and change.fusion.upper() == wanted.fusion:
        return "both genes of the fusion"
    place = change.allele
    if place is not None and place in wanted.alleles and not _contradicts(change.reference, wanted.reference):
        return f"coordinates, {place.build}"
    stated = next((one for one in (change.hgvs, *change.also) if one and one in wanted.hgvs), "")
    if stated:
        return f"coding HGVS {stated}"
    if not change.protein or change.protein not in wanted.proteins:
        return ""
    if not change.protein.endswith("fs"):
        return f"protein {change.protein}"
    # Many insertions and deletions shift the frame at one residue: bases that are known and differ are another variant.
    unknown = not (change.hgvs and wanted.hgvs) and not (change.allele and wanted.alleles)
    return f"protein {change.protein}, its bases not compared" if unknown else ""


def _contradicts(here: str, there: str) -> bool:
    """Two single reference bases that differ: a variant of another build or strand at the same number."""
    return len(here) == len(there) == 1 and here != there


def _of_kind(change: Change, kinds: frozenset[str]) -> bool:
    if change.kind != "inframe":
        return change.kind in kinds
    removes = "del" in change.protein and "ins" not in change.protein
    adds = "dup" in change.protein or re.search(r"(?<!del)ins", change.protein) is not None
    if not change.protein and change.allele is not None:
        size = change.allele.end - change.allele.start + 1
        removes, adds = size > len(change.allele.alternate), size < len(change.allele.alternate)
    # Deletion-insertions (E746_T751delinsI) count as deletions where they shorten the protein.
    swapped = re.fullmatch(r"[A-Z](\d+)(?:_[A-Z](\d+))?delins([A-Z*]*)", change.protein)
    if swapped:
        length = int(swapped[2] or swapped[1]) - int(swapped[1]) + 1
        removes, adds = len(swapped[3]) < length, len(swapped[3]) > length
    said: Mapping[str, bool] = {
        "inframe": True, "inframe deletion": bool(removes), "inframe insertion": bool(adds)
    }  # fmt: skip
    return any(said.get(kind, False) for kind in kinds)


def _within(change: Change, wanted: Criterion) -> str:
    place, span = change.allele, wanted.span
    if place is not None and span is not None and place.build == span[0]:
        inside = place.contig == span[1] and span[2] <= place.start and place.end <= span[3]
        return f"coordinates within {span[1]}:{span[2]}-{span[3]}, {span[0]}" if inside else ""
    if wanted.exons and change.exon.isdigit() and wanted.exons[0] <= int(change.exon) <= wanted.exons[1]:
        return f"exon {change.exon}, as the annotation counts"
    return ""
