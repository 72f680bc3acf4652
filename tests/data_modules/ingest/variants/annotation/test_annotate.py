from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.ingest.variants.annotation.annotate import annovar_annotations, read_annotations, tag_annotations
from data_modules.ingest.variants.annotation.records import Annotation, decode
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.consequences import CLASSES, consequence_class
from data_modules.ingest.variants.files.vcf import VcfFacts
from fusion.contract import FusionError


def block(function: str, gene: str, exonic: str = ".", change: str = ".") -> str:
    return (
        f"ANNOVAR_DATE=2020-06-08;Func.refGene={function};Gene.refGene={gene};GeneDetail.refGene=.;"
        f"ExonicFunc.refGene={exonic};AAChange.refGene={change};ALLELE_END"
    )


MISSENSE = block("exonic", "TP53", "nonsynonymous_SNV", "TP53:NM_000546:exon5:c.G524A:p.R175H")
SPLICE = block("exonic\\x3bsplicing", "TP53\\x3bTP53")


def test_escapes_are_decoded() -> None:
    assert decode(r"exonic\x3bsplicing") == "exonic;splicing"
    assert decode(r"dist\x3d123\x3Bdist\x3d4") == "dist=123;dist=4"
    assert decode("a%3Bb") == "a;b"


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("nonsynonymous_SNV", "nonsynonymous"),
        ("nonsynonymous SNV", "nonsynonymous"),
        ("Missense_Mutation", "nonsynonymous"),
        ("missense_variant&splice_region_variant", "nonsynonymous"),
        ("Frame_Shift_Del", "frameshift"),
        ("nonframeshift_deletion", "inframe"),
        ("stop_gained&frameshift_variant", "stopgain"),
        ("Splice_Site", "splicing"),
        ("3'UTR", "utr"),
        ("Targeted_Region", "other"),
        (".", None),
        (None, None),
    ],
)
def test_terms_of_annovar_maf_and_sequence_ontology_have_one_class(term: str | None, expected: str | None) -> None:
    assert consequence_class(term) == expected
    assert expected is None or expected in CLASSES


def test_one_block_one_allele() -> None:
    (one,) = annovar_annotations(f"DP=3;{MISSENSE}", ["T"], "refGene") or []
    assert one == Annotation(gene="TP53", consequence="nonsynonymous", aachange="TP53:NM_000546:exon5:c.G524A:p.R175H")


def test_exonic_and_splicing_is_splicing_and_the_gene_is_named_once() -> None:
    (one,) = annovar_annotations(SPLICE, ["T"], "refGene") or []
    assert (one.gene, one.consequence) == ("TP53", "splicing")


def test_splice_sites_as_older_annovar_writes_them() -> None:
    """Transcripts in brackets after the gene, comma between them, are no genes."""
    cell = "TP53(NM_000546:exon5:c.376-1G>A,NM_001126112:exon5:c.376-1G>A),WRAP53"
    (one,) = annovar_annotations(block("splicing", cell), ["T"], "refGene") or []
    assert (one.gene, one.consequence) == ("TP53;WRAP53", "splicing")


def test_between_genes_no_gene_is_hit() -> None:
    (one,) = annovar_annotations(block("intergenic", "A1BG\\x3bA2M"), ["T"], "refGene") or []
    assert (one.gene, one.consequence) == (None, "intergenic")


def test_a_variant_in_two_genes_names_both() -> None:
    (one,) = annovar_annotations(block("exonic", "BRCA1\\x3bNBR1", "stopgain"), ["T"], "refGene") or []
    assert one.gene == "BRCA1;NBR1"


def test_repeated_blocks_go_to_their_alleles() -> None:
    notes = annovar_annotations(f"{MISSENSE};{SPLICE}", ["T", "G"], "refGene") or []
    assert [note.consequence for note in notes] == ["nonsynonymous", "splicing"]


def test_a_star_allele_may_have_no_block() -> None:
    notes = annovar_annotations(f"{MISSENSE};{SPLICE}", ["T", "*", "G"], "refGene") or []
    assert [note.consequence for note in notes] == ["nonsynonymous", None, "splicing"]


def test_fewer_blocks_than_alleles_are_not_guessed() -> None:
    assert annovar_annotations(MISSENSE, ["T", "G"], "refGene") is None
    assert annovar_annotations("DP=3", ["T", "G"], "refGene") == [Annotation(), Annotation()]


def test_plain_tags() -> None:
    settings = AnnotationSettings(gene="GENE", consequence="CSQ_MAF")
    (one,) = tag_annotations("GENE=SAMD11;CSQ_MAF=Silent;SIFT=.", ["G"], settings) or []
    assert (one.gene, one.consequence) == ("SAMD11", "synonymous")
    both = tag_annotations("GENE=A;CSQ_MAF=Silent,Missense_Mutation", ["G", "T"], settings) or []
    assert [(note.gene, note.consequence) for note in both] == [("A", "synonymous"), ("A", "nonsynonymous")]
    assert tag_annotations("GENE=A,B,C;CSQ_MAF=Silent", ["G", "T"], settings) is None
    assert tag_annotations("GENE=A;GENE=B", ["G", "T"], settings) is None


def test_an_unresolved_line_is_refused_or_left_unannotated(tmp_path: Path) -> None:
    path = tmp_path / "calls.vcf"
    path.write_text(f"##fileformat=VCFv4.2\n#CHROM\nchr17\t7675088\t.\tC\tT,G\t.\tPASS\t{MISSENSE}\tGT\t0/1\n")
    facts = VcfFacts(path=str(path), compression="plain", info={"Gene.refGene": ".,String"})
    with pytest.raises(FusionError, match=r"calls\.vcf, line 3, chr17:7675088 C>T,G: .*which of the 2 alternate"):
        list(read_annotations(facts, AnnotationSettings()))
    (site,) = read_annotations(facts, AnnotationSettings(unresolved="unannotated"))
    assert [(note.gene, note.resolved) for note in site.annotations] == [(None, False)] * 2


def declaring(**info: str) -> VcfFacts:
    return VcfFacts(path="calls.vcf", compression="plain", info=info)


def test_the_format_follows_the_header() -> None:
    assert AnnotationSettings().resolved(declaring(**{"Gene.refGene": ".,String"})) == "annovar"
    assert AnnotationSettings().resolved(declaring(GENE="1,String")) == "none"
    assert AnnotationSettings(gene="GENE").resolved(declaring(GENE="1,String")) == "info"
    (one,) = AnnotationSettings(gene="GENE", consequence="X").problems(declaring(GENE="1,String"))
    assert one.startswith("INFO X, which the header")
    (one,) = AnnotationSettings(model="ensGene", format="annovar").problems(declaring())
    assert one.startswith("INFO Func.ensGene, Gene.ensGene")
