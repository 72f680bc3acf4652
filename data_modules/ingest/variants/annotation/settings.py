"""Where in INFO gene, consequence and scores stand: as set, or as a file's header tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from data_modules.ingest.variants.files.vcf import VcfFacts
from fusion.contract import Settings

Score = Literal["sift", "polyphen", "cadd"]
Kind = Literal["annovar", "vep", "snpeff", "funcotator", "bcsq", "info", "none"]

_UNREAD = {
    "EFF": "SnpEff's old EFF: annotate with a SnpEff of 4.1 or later (ANN), or name plain tags",
    "CSQ": "a CSQ whose Description lists no Allele field: run VEP with Allele among its --fields",
    "vep": "a CSQ whose Description lists no Allele field: run VEP with Allele among its --fields",
    "ANN": "an ANN whose Description lists no Allele field: annotate it with SnpEff",
    "FUNCOTATION": "a FUNCOTATION without Gencode's hugoSymbol and variantClassification: run Funcotator with Gencode",
}
"""INFO keys of annotators → what of them cannot be read, and what mends it."""

SCORE_TAGS: Mapping[Score, tuple[str, ...]] = {
    "sift": ("SIFT_score", "SIFT"),
    "polyphen": ("Polyphen2_HDIV_score", "Polyphen2_HVAR_score", "PolyPhen", "POLYPHEN"),
    "cadd": ("CADD_phred", "CADD_PHRED", "CADD"),
}
"""INFO keys, or fields of VEP, that hold a score unless config names another; the first that is there."""


@dataclass(frozen=True, kw_only=True)
class AnnotationSettings(Settings):
    """Where gene and consequence stand in INFO.

    Attributes:
        format: ``annovar``, ``vep``, ``snpeff``, ``funcotator``, ``bcsq`` (bcftools csq), ``info`` (the tags below),
            ``none``, or ``auto``: ANNOVAR where the header declares its keys, else VEP, SnpEff, Funcotator or bcftools
            csq by theirs, else the tags where any is set, else none.
        model: ANNOVAR's gene model, the suffix of its keys: ``refGene``, ``ensGene``, ``refGeneWithVer``; where a file
            has another one alone, that one.
        gene: INFO tag of the gene symbol, for ``info``.
        consequence: INFO tag of the consequence, in the terms of MAF, Sequence Ontology or ANNOVAR.
        aachange: INFO tag of the protein change.
        scores: ``sift``, ``polyphen``, ``cadd`` → INFO tag, where it is none of the usual ones.
        unresolved: what to do with a multi-allelic line whose annotation does not say which allele it is of:
            ``refuse`` the file, or leave those alleles ``unannotated``.
    """

    format: Literal["auto", "annovar", "vep", "snpeff", "funcotator", "bcsq", "info", "none"] = "auto"
    model: str = "refGene"
    gene: str | None = None
    consequence: str | None = None
    aachange: str | None = None
    scores: Mapping[Score, str] = field(default_factory=dict)
    unresolved: Literal["refuse", "unannotated"] = "refuse"

    def resolved(self, facts: VcfFacts) -> Kind:
        """The format of a file, by what its header declares."""
        if self.format != "auto":
            return self.format
        if f"Gene.{self.model}" in facts.info or annovar_models(facts):
            return "annovar"
        for kind in ("vep", "snpeff"):
            if transcript_key(facts, kind) is not None:
                return kind
        if "hugoSymbol" in facts.layouts.get("FUNCOTATION", ""):
            return "funcotator"
        if "BCSQ" in facts.info:
            return "bcsq"
        return "info" if self.gene or self.consequence else "none"

    def model_of(self, facts: VcfFacts) -> str:
        """ANNOVAR's gene model in a file: the one that is set, or the only one that it has."""
        models = annovar_models(facts)
        return models[0] if f"Gene.{self.model}" not in facts.info and len(models) == 1 else self.model

    def unread(self, facts: VcfFacts) -> str | None:
        """An annotation that a file has and that cannot be read, with its mend; None where there is none."""
        if self.format != "auto" or self.resolved(facts) != "none":
            return None
        return next((f"{key} ({why})" for key, why in _UNREAD.items() if key in facts.info), None)

    def problems(self, facts: VcfFacts) -> list[str]:
        """INFO keys that config asks for and the header lacks, or declares as what they cannot be."""
        kind = self.resolved(facts)
        asked: list[str | None] = list(self.scores.values())
        if kind == "annovar":
            model = self.model_of(facts)
            asked += [f"{key}.{model}" for key in ("Func", "Gene", "ExonicFunc")]
        elif kind == "info":
            asked += [self.gene, self.consequence, self.aachange]
        elif kind in ("vep", "snpeff") and transcript_key(facts, kind) is None:
            named = "CSQ" if kind == "vep" else "ANN"
            return [f"{named} whose Description lists its fields, which the header of {{name}} does not declare"]
        lacking = [key for key in asked if key and key not in facts.info]
        wrong = [
            f"INFO {key}, which the header of {{name}} declares as Number,Type={facts.info[key]} instead of a String"
            for key in asked
            if key and key not in self.scores.values() and facts.info.get(key, ",String").split(",")[1] != "String"
        ]
        if lacking:
            wrong.insert(0, f"INFO {', '.join(lacking)}, which the header of {{name}} does not declare")
        return wrong

    def score_tags(self, facts: VcfFacts) -> dict[str, str]:
        """Score → the INFO key that holds it in a file."""
        usual = {
            name: next((tag for tag in tags if tag in facts.info), None) for name, tags in SCORE_TAGS.items()
        } | dict(self.scores)
        return {name: tag for name, tag in usual.items() if tag is not None}


def annovar_models(facts: VcfFacts) -> list[str]:
    """Gene models of which ANNOVAR's keys are declared."""
    return [
        name.removeprefix("Gene.")
        for name in facts.info
        if name.startswith("Gene.") and f"Func.{name[5:]}" in facts.info
    ]


def transcript_key(facts: VcfFacts, kind: str) -> str | None:
    """The INFO key of VEP's or SnpEff's entries: known by its name and fields, whatever the case (``CSQ``, ``vep``)."""
    names = ("CSQ", "vep", "VEP") if kind == "vep" else ("ANN", "EFF")
    return next((name for name in names if "Allele" in facts.layouts.get(name, "")), None)
