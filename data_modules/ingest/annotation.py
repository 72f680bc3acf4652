"""Gene and consequence of each alternate allele, read from INFO: as ANNOVAR writes it, or from plain tags.

ANNOVAR repeats its block (``ANNOVAR_DATE=…;Func.refGene=…;…;ALLELE_END``) once an alternate allele. Hail keeps the
last of repeated keys in silence, so that the first allele of a multi-allelic line would take the last one's gene and
consequence. Therefore INFO is read here, block by block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data_modules.ingest.vcf import open_vcf
from fusion.contract import FusionError

CLASSES = (
    "stopgain", "frameshift", "splicing", "startloss", "stoploss", "nonsynonymous", "inframe", "splice_region",
    "synonymous", "utr", "ncrna", "upstream", "downstream", "intronic", "intergenic", "other",
)  # fmt: skip
"""Consequence classes, worst first."""

_TERMS = {
    "stopgain": "stopgain stopgain_snv nonsense_mutation stop_gained",
    "frameshift": "frameshift frameshift_deletion frameshift_insertion frameshift_block_substitution "
    "frameshift_substitution frame_shift_del frame_shift_ins frameshift_variant",
    "splicing": "splicing splice_site splice_acceptor_variant splice_donor_variant",
    "startloss": "startloss start_lost translation_start_site initiator_codon_variant",
    "stoploss": "stoploss stoploss_snv stop_lost nonstop_mutation",
    "nonsynonymous": "nonsynonymous nonsynonymous_snv missense missense_mutation missense_variant "
    "protein_altering_variant",
    "inframe": "inframe nonframeshift_deletion nonframeshift_insertion nonframeshift_block_substitution "
    "nonframeshift_substitution in_frame_del in_frame_ins inframe_deletion inframe_insertion",
    "splice_region": "splice_region splice_region_variant",
    "synonymous": "synonymous synonymous_snv silent synonymous_variant stop_retained_variant",
    "utr": "utr utr3 utr5 3'utr 5'utr 3_utr 5_utr 3_prime_utr_variant 5_prime_utr_variant",
    "ncrna": "ncrna ncrna_exonic ncrna_splicing ncrna_intronic ncrna_utr3 ncrna_utr5 rna "
    "non_coding_transcript_exon_variant non_coding_transcript_variant",
    "upstream": "upstream 5'flank 5_flank upstream_gene_variant",
    "downstream": "downstream 3'flank 3_flank downstream_gene_variant",
    "intronic": "intronic intron intron_variant",
    "intergenic": "intergenic igr intergenic_variant intergenic_region",
}
_CLASS_OF = {term: name for name, terms in _TERMS.items() for term in terms.split()}
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})|%([0-9A-Fa-f]{2})")
_SEVERAL = re.compile(r"[;,&|]")


@dataclass(frozen=True, kw_only=True)
class AnnotationSettings:
    """Where gene and consequence stand in INFO.

    Attributes:
        format: ``annovar``, ``info`` (the tags below), ``none``, or ``auto``: ANNOVAR where the header declares its
            keys, else the tags where any is set, else none.
        model: ANNOVAR's gene model, the suffix of its keys: ``refGene``, ``ensGene``, ``refGeneWithVer``.
        gene: INFO tag of the gene symbol, for ``info``.
        consequence: INFO tag of the consequence, in the terms of MAF, Sequence Ontology or ANNOVAR.
        aachange: INFO tag of the protein change.
        unresolved: what to do with a multi-allelic line whose annotation does not say which allele it is of:
            ``refuse`` the file, or leave those alleles ``unannotated``.
    """

    format: Literal["auto", "annovar", "info", "none"] = "auto"
    model: str = "refGene"
    gene: str | None = None
    consequence: str | None = None
    aachange: str | None = None
    unresolved: Literal["refuse", "unannotated"] = "refuse"

    def resolved(self, declared: Sequence[str]) -> Literal["annovar", "info", "none"]:
        """The format of a file whose header declares these INFO keys."""
        if self.format != "auto":
            return self.format
        if f"Gene.{self.model}" in declared:
            return "annovar"
        return "info" if self.gene or self.consequence else "none"

    def missing(self, declared: Sequence[str]) -> list[str]:
        """INFO keys that config asks for and the header lacks."""
        kind = self.resolved(declared)
        asked: list[str | None] = []
        if kind == "annovar":
            asked = [f"{key}.{self.model}" for key in ("Func", "Gene", "ExonicFunc")]
        elif kind == "info":
            asked = [self.gene, self.consequence, self.aachange]
        return [key for key in asked if key and key not in declared]


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Of one alternate allele."""

    gene: str | None = None
    consequence: str | None = None
    aachange: str | None = None
    resolved: bool = True


UNANNOTATED = Annotation()


@dataclass(frozen=True, kw_only=True)
class AnnotatedSite:
    """A data line of a VCF: its place and one annotation an alternate allele."""

    contig: str
    position: int
    ref: str
    alts: tuple[str, ...]
    annotations: tuple[Annotation, ...]


def decode(value: str) -> str:
    r"""ANNOVAR's ``\x3b`` and VCF 4.3's ``%3B`` as the characters they stand for."""
    return _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), value)


def consequence_class(term: str | None) -> str | None:
    """The class of a term, the worst where several stand together (``a&b``, ``a;b``); ``other`` for unknown ones."""
    if term is None:
        return None
    parts = [part.strip().lower().replace(" ", "_") for part in _SEVERAL.split(term)]
    found = {_CLASS_OF.get(part, "other") for part in parts if part not in ("", ".")}
    return min(found, key=CLASSES.index) if found else None


def read_annotations(path: Path, settings: AnnotationSettings, declared: Sequence[str]) -> Iterator[AnnotatedSite]:
    """The sites of a VCF in file order, each allele with its own annotation.

    Raises:
        FusionError: a multi-allelic line does not say which annotation is whose, and `unresolved` is ``refuse``.
    """
    kind = settings.resolved(declared)
    with open_vcf(path) as stream:
        for number, raw in enumerate(stream, start=1):
            if raw[:1] == b"#" or not raw.strip():
                continue
            head = raw.split(b"\t", 8)
            contig, position, ref, alt, info = (head[at].decode() for at in (0, 1, 3, 4, 7))
            alts = tuple(alt.split(","))
            notes: Sequence[Annotation] | None = [UNANNOTATED] * len(alts)
            if kind == "annovar":
                notes = annovar_annotations(info, alts, settings.model)
            elif kind == "info":
                notes = tag_annotations(info, alts, settings)
            if notes is None:
                if settings.unresolved == "refuse":
                    raise FusionError(
                        f"{path.name}, line {number}, {contig}:{position} {ref}>{alt}: its annotation does not say "
                        f"which of the {len(alts)} alternate alleles it is of. Annotate after `bcftools norm -m -any`, "
                        "or set annotation.unresolved=unannotated to leave such alleles without gene and consequence."
                    )
                notes = [Annotation(resolved=False)] * len(alts)
            yield AnnotatedSite(contig=contig, position=int(position), ref=ref, alts=alts, annotations=tuple(notes))


def annovar_annotations(info: str, alts: Sequence[str], model: str) -> Sequence[Annotation] | None:
    """One annotation an alternate allele from ANNOVAR's repeated blocks; None where they cannot be told apart.

    Blocks are in the order of the alternate alleles; lines whose ``*`` alleles were skipped have one block fewer.
    """
    wanted = {f"{key}.{model}" for key in ("Func", "Gene", "ExonicFunc", "AAChange")}
    blocks: list[dict[str, str]] = [{}]
    for item in info.split(";"):
        key, _, value = item.partition("=")
        if key in wanted:
            if key in blocks[-1]:  # the key comes again: another allele's block begins
                blocks.append({})
            blocks[-1][key] = value
    notes = [_annovar(block, model) for block in blocks]
    real = [alt for alt in alts if alt != "*"]
    if len(notes) == len(alts):
        return notes
    if len(notes) == len(real):
        rest = iter(notes)
        return [UNANNOTATED if alt == "*" else next(rest) for alt in alts]
    return [UNANNOTATED] * len(alts) if blocks == [{}] else None


def _annovar(block: Mapping[str, str], model: str) -> Annotation:
    value = {key: _known(block.get(f"{key}.{model}")) for key in ("Func", "Gene", "ExonicFunc", "AAChange")}
    functions = (value["Func"] or "").split(";")
    # Func is the place, ExonicFunc the change; "exonic;splicing" is both, and the worst counts.
    places = [place for place in functions if place not in ("exonic", "")]
    exonic = [value["ExonicFunc"] or "other"] if "exonic" in functions else []
    consequence = consequence_class(";".join(places + exonic))
    # Between genes ANNOVAR names the two neighbours: neither is hit.
    gene = None if "intergenic" in functions else _symbols(value["Gene"])
    return Annotation(gene=gene, consequence=consequence, aachange=value["AAChange"])


def tag_annotations(info: str, alts: Sequence[str], settings: AnnotationSettings) -> Sequence[Annotation] | None:
    """One annotation an alternate allele from plain tags: as many values as alleles are one each, one value is of all.

    None where a tag is there twice, or has another number of values.
    """
    columns: list[list[str | None]] = []
    for tag in (settings.gene, settings.consequence, settings.aachange):
        found = [item.partition("=")[2] for item in info.split(";") if tag and item.startswith(f"{tag}=")]
        values = found[0].split(",") if len(alts) > 1 and len(found) == 1 else found[:1]
        if len(values) == 1:
            values = values * len(alts)
        elif not values:
            values = ["."] * len(alts)
        if len(found) > 1 or len(values) != len(alts):
            return None
        columns.append([_known(value) for value in values])
    return [
        Annotation(gene=_symbols(gene), consequence=consequence_class(term), aachange=change)
        for gene, term, change in zip(*columns, strict=True)
    ]


def _known(value: str | None) -> str | None:
    return None if value in (None, "", ".") else decode(str(value))


def _symbols(value: str | None) -> str | None:
    """Gene symbols, each once, ``;`` between them."""
    if value is None:
        return None
    names = [name.partition("(")[0].strip() for name in _SEVERAL.split(value)]
    return ";".join(dict.fromkeys(name for name in names if name not in ("", "NONE", "."))) or None
