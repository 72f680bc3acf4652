"""Variants straight from a VCF: of every sample that carries an allele, with what VEP, SnpEff or ANNOVAR say of it.

A change is matched by its place (in the build that the release states), and by the coding and protein changes of all
annotated transcripts, so that a file of the other build is matched through the HGVS that the release states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_modules.actionability.changes import Change, kind_of
from data_modules.actionability.spelling import BUILDS, allele, coding, protein
from data_modules.ingest.variants.annotation.records import decode
from data_modules.ingest.variants.annotation.transcripts import allele_numbers
from data_modules.ingest.variants.consequences import consequence_class, severity
from data_modules.ingest.variants.files.vcf import open_vcf
from fusion.contract import FusionError

ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz")
_BUILD = re.compile(r"(GRCh3[78]|hg(?:19|38)|b37)", re.IGNORECASE)
_LAYOUT = re.compile(r'##INFO=<ID=(CSQ|vep|ANN),.*Description="([^"]*)"')
_CHOSEN = ("MANE_SELECT", "PICK", "CANONICAL")


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What one transcript says of an allele."""

    gene: str
    coding: str
    protein: str
    terms: str
    exon: str
    chosen: bool


@dataclass
class _Header:
    """What is known before the first record: build, samples, fields of VEP's or SnpEff's entries."""

    build: str = ""
    samples: tuple[str, ...] = ()
    key: str = ""
    fields: tuple[str, ...] = ()


def is_vcf(path: Path) -> bool:
    """By its ending."""
    return path.name.lower().endswith(ENDINGS)


def read_vcf(path: Path, *, build: str | None = None) -> list[Change]:
    """Every alternate allele that a sample carries, of records that pass their filters.

    Args:
        path: of the file; without samples the patient is called as the file.
        build: of its coordinates, where its header does not say it.

    Raises:
        FusionError: an unknown build, no header, or a line that is no record.
    """
    head = _Header(build=BUILDS.get((build or "").upper(), ""))
    if build is not None and not head.build:
        raise FusionError(f"build={build} is neither GRCh37 nor GRCh38.")
    changes: list[Change] = []
    with open_vcf(path) as stream:
        for number, raw in enumerate(stream, start=1):
            text = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            if text.startswith("##"):
                _learn(head, text, given=build is not None)
            elif text.startswith("#CHROM"):
                head.samples = tuple(text.split("\t")[9:])
                if not head.build:
                    raise FusionError(f"{path}: its header names no build. Give --build GRCh37 or GRCh38.")
            elif text.strip():
                changes += _record(text.split("\t"), head, path, number)
    return changes


def _learn(head: _Header, text: str, *, given: bool) -> None:
    if not given and not head.build and text.startswith(("##reference", "##contig", "##assembly")):
        found = _BUILD.search(text)
        head.build = "" if found is None else BUILDS.get(found[1].upper(), "GRCh37" if found[1] == "b37" else "")
    layout = _LAYOUT.match(text)
    if layout and "Allele" in layout[2]:
        listed = layout[2][layout[2].index("Allele") :]
        head.key, head.fields = layout[1], tuple(name.strip(" '\"") for name in listed.split("|"))


def _record(cells: Sequence[str], head: _Header, path: Path, number: int) -> Iterator[Change]:
    if len(cells) < 8 or not cells[1].isdigit():
        raise FusionError(f"{path}, line {number}: is no record of a VCF.")
    contig, place, _, reference, alternates, _, passed, info = cells[:8]
    if passed not in ("PASS", ".", ""):
        return
    alts = alternates.split(",")
    said = _annotated(info, reference, alts, head)
    for at, alternate in enumerate(alts):
        carriers = [name for name, cell in zip(head.samples, cells[9:], strict=False) if str(at + 1) in _alleles(cell)]
        where = allele(head.build, contig, int(place), reference, alternate)
        if where is None:  # *, <DEL>, breakends
            continue
        for patient in carriers if head.samples else [path.name.split(".vcf")[0]]:
            for gene, ones in _by_gene(said[at]).items():
                best = min(ones, key=lambda one: (not one.chosen, severity(one.terms)[0])) if ones else None
                yield Change(
                    patient=patient,
                    line=number,
                    gene=gene,
                    allele=where,
                    reference=reference.upper(),
                    protein="" if best is None else best.protein,
                    hgvs="" if best is None else best.coding,
                    also=tuple(dict.fromkeys(one.coding for one in ones if one.coding)),
                    kind=_kind(best),
                    event="",
                    fusion="",
                    exon="" if best is None else best.exon,
                    diseases=(),
                    told=" ".join(
                        part
                        for part in (gene, best and best.protein, f"{contig}:{place} {reference}>{alternate}")
                        if part
                    ),
                )


def _kind(best: _Said | None) -> str:
    if best is None:
        return ""
    found = consequence_class(best.terms or None)
    return found if found not in (None, "other") else kind_of(best.protein)


def _alleles(cell: str) -> list[str]:
    """Numbers of the alleles of a genotype."""
    return re.split(r"[/|]", cell.partition(":")[0])


def _by_gene(said: Sequence[_Said]) -> Mapping[str, list[_Said]]:
    """By gene; one without a name where nothing is annotated, which its place alone can match."""
    found: dict[str, list[_Said]] = {}
    for one in said:
        if one.gene:
            found.setdefault(one.gene, []).append(one)
    return found or {"": []}


def _annotated(info: str, reference: str, alts: Sequence[str], head: _Header) -> list[list[_Said]]:
    """By alternate allele."""
    made: list[list[_Said]] = [[] for _ in alts]
    values = dict(item.partition("=")[::2] for item in info.split(";"))
    entries = values.get(head.key, "") if head.key else ""
    if entries:
        rows = [dict(zip(head.fields, entry.split("|"), strict=False)) for entry in entries.split(",")]
        numbers = allele_numbers(reference, alts, {row.get("Allele", "") for row in rows})
        for row in rows:
            at = 0 if len(alts) == 1 else numbers.get(row.get("Allele", ""))
            at = int(row["ALLELE_NUM"]) - 1 if row.get("ALLELE_NUM", "").isdigit() else at
            if at is not None and 0 <= at < len(alts):
                made[at].append(_of_entry(row))
    elif len(alts) == 1:  # ANNOVAR repeats its keys for further alleles: these are left without
        made[0] = _of_annovar(values)
    return made


def _of_entry(row: Mapping[str, str]) -> _Said:
    def get(*names: str) -> str:
        return next((decode(row[name]) for name in names if row.get(name) not in (None, "", ".")), "")

    change, feature = get("HGVSc", "HGVS.c"), get("Feature", "Feature_ID")
    return _Said(
        gene=get("SYMBOL", "Gene_Name"),
        coding=coding(change if ":" in change or not feature else f"{feature}:{change}"),
        protein=protein(get("HGVSp", "HGVS.p")),
        terms=get("Consequence", "Annotation"),
        exon=get("EXON", "Rank").partition("/")[0],
        chosen=any(get(name) not in ("", "0", "NO") for name in _CHOSEN),
    )


def _of_annovar(values: Mapping[str, str]) -> list[_Said]:
    """``AAChange.refGene=BRAF:NM_004333:exon15:c.T1799A:p.V600E,…``; its ``c.T1799A`` as ``c.1799T>A``."""
    changes = next((decode(value) for key, value in values.items() if key.startswith("AAChange.")), "")
    terms = next((decode(value) for key, value in values.items() if key.startswith("ExonicFunc.")), "")
    made = []
    for one in changes.split(","):
        parts = one.split(":")
        if len(parts) < 4:
            continue
        bases = re.sub(r"^c\.([ACGT])(\d+)([ACGT])$", r"c.\2\1>\3", next((x for x in parts if x.startswith("c.")), ""))
        said = next((x for x in parts if x.startswith("p.")), "")
        exon = next((x.removeprefix("exon") for x in parts if re.fullmatch(r"exon\d+", x)), "")
        made.append(
            _Said(gene=parts[0], coding=coding(f"{parts[1]}:{bases}"), protein=protein(said), terms=terms, exon=exon,
                  chosen=False)
        )  # fmt: skip
    return made
