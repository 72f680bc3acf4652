"""Funcotator, bcftools csq, ANNOVAR of another gene model; what cannot be read is no *none*."""

from __future__ import annotations

import pytest

from data_modules.ingest.variants.annotation.bcsq import bcsq_annotations
from data_modules.ingest.variants.annotation.funcotator import FuncotatorReader
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.files.vcf import VcfFacts

DESCRIPTION = (
    "Functional annotation from the Funcotator tool.  Funcotation fields are: "
    "Gencode_34_hugoSymbol|Gencode_34_ncbiBuild|Gencode_34_variantClassification|Gencode_34_proteinChange"
)


def facts(**info: str) -> VcfFacts:
    return VcfFacts(path="a.vcf", compression="plain", info=dict.fromkeys(info, ".,String"), layouts=info)


def test_funcotator() -> None:
    read = FuncotatorReader.of(DESCRIPTION)
    two = read("DP=4;FUNCOTATION=[TP53|hg38|MISSENSE|p.R175H],[TP53|hg38|FRAME_SHIFT_DEL|p.V1_%20_x]", "C", ["T", "CA"])
    assert two is not None
    assert [(one.gene, one.consequence, one.aachange) for one in two] == [
        ("TP53", "nonsynonymous", "p.R175H"),
        ("TP53", "frameshift", "p.V1 x"),
    ]
    assert read("FUNCOTATION=[TP53|hg38|MISSENSE|]", "C", ["T", "G"]) is None, "which allele is not said"
    between = read("FUNCOTATION=[Unknown|hg38|IGR|]", "C", ["T"])
    assert between is not None and (between[0].gene, between[0].consequence) == (None, "intergenic")


@pytest.mark.parametrize(
    ("info", "alts", "expected"),
    [
        ("BCSQ=missense|TP53|ENST1|protein_coding|-|175R>175H|100C>T", ["T"], [("TP53", "nonsynonymous")]),
        ("BCSQ=*stop_gained|TP53|E|p|-|1|100C>T,synonymous|TP53|F|p", ["T"], [("TP53", "stopgain")]),
        (
            "BCSQ=missense|A|E|p|+|1|100C>G,stop_gained|A|E|p|+|1|100C>T",
            ["T", "G"],
            [("A", "stopgain"), ("A", "nonsynonymous")],
        ),
        ("BCSQ=missense|A|E|p|+|1|100C>G,intron|A|E", ["T", "G"], None),
        ("BCSQ=@120", ["T"], None),
        ("DP=3", ["T"], [(None, None)]),
    ],
)
def test_bcftools_csq(info: str, alts: list[str], expected: list[tuple[str, str]] | None) -> None:
    found = bcsq_annotations(info, "C", alts)
    assert (None if found is None else [(one.gene, one.consequence) for one in found]) == expected


def test_annovar_of_the_one_model_that_a_file_has() -> None:
    one = facts(**{"Gene.ensGene": "x", "Func.ensGene": "x"})
    assert AnnotationSettings().resolved(one) == "annovar" and AnnotationSettings().model_of(one) == "ensGene"
    two = facts(**{f"{key}.{model}": "x" for key in ("Gene", "Func") for model in ("ensGene", "refGeneWithVer")})
    (problem,) = AnnotationSettings().problems(two)
    assert "Func.refGene, Gene.refGene" in problem
    assert AnnotationSettings(model="ensGene").model_of(two) == "ensGene"


@pytest.mark.parametrize("key", ["EFF", "CSQ", "ANN", "FUNCOTATION"])
def test_an_annotation_that_cannot_be_read_is_not_none(key: str) -> None:
    found = facts(**{key: "Format: Effect|Gene"})
    assert str(AnnotationSettings().unread(found)).startswith(f"{key} (")
    assert AnnotationSettings(format="none").unread(found) is None, "the remedy"
    assert AnnotationSettings(format="info", gene="G").unread(found) is None, "the other remedy"
    assert AnnotationSettings().resolved(facts(FUNCOTATION=DESCRIPTION)) == "funcotator"
