"""VEP and SnpEff: which entry is of which allele, and which of many transcripts counts."""

from __future__ import annotations

import pytest

from data_modules.ingest.variants.annotation.annotate import annovar_annotations, read_annotations
from data_modules.ingest.variants.annotation.records import score_of
from data_modules.ingest.variants.annotation.settings import AnnotationSettings
from data_modules.ingest.variants.annotation.transcripts import TranscriptReader, allele_numbers
from data_modules.ingest.variants.consequences import CLASS_OF, SEVERITY, severity
from data_modules.ingest.variants.files.vcf_scan import scan
from fusion.contract import FusionError

VEP = (
    "Consequence annotations from Ensembl VEP. Format: "
    "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature|HGVSp|CANONICAL|SIFT|PolyPhen|CADD_PHRED"
)
SNPEFF = (
    "Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | Feature_ID"
    " | Transcript_BioType | Rank | HGVS.c | HGVS.p | cDNA.pos / cDNA.length '"
)


def vep(*entries: str) -> str:
    return "DP=3;CSQ=" + ",".join(entries)


READ = TranscriptReader.of("CSQ", VEP, scores={})


def test_the_worst_transcript_of_a_gene_counts() -> None:
    info = vep(
        "T|intron_variant|MODIFIER|TP53|ENSG1|ENST1||||",
        "T|missense_variant&splice_region_variant|MODERATE|TP53|ENSG1|ENST2|ENSP2:p.Arg175His||deleterious(0.01)|benign(0.2)|24.1",
        "T|missense_variant|MODERATE|TP53|ENSG1|ENST3|ENSP3:p.Arg43%3D|YES|tolerated(0.3)|probably_damaging(0.98)|",
        "T|upstream_gene_variant|MODIFIER|WRAP53|ENSG2|ENST4||||",
    )
    (one,) = READ(info, "C", ["T"]) or []
    assert (one.gene, one.consequence) == ("TP53", "nonsynonymous")
    assert one.aachange == "ENSP3:p.Arg43=", "of two equal ones the canonical transcript"
    assert one.effects == "TP53=nonsynonymous;WRAP53=upstream"
    assert (one.sift, one.polyphen, one.cadd) == (0.01, 0.98, 24.1)


def test_two_genes_with_the_same_worst_class_are_both_named() -> None:
    (one,) = READ(vep("T|stop_gained||A|||||||", "T|stop_gained||B|||||||"), "C", ["T"]) or []
    assert (one.gene, one.consequence, one.effects) == ("A;B", "stopgain", "A=stopgain;B=stopgain")


def test_between_genes_no_gene_is_hit() -> None:
    (one,) = READ(vep("T|intergenic_variant||||||||"), "C", ["T"]) or []
    assert (one.gene, one.consequence, one.effects) == (None, "intergenic", None)
    assert READ("DP=3", "C", ["T"]) == READ("CSQ=.", "C", ["T"])


@pytest.mark.parametrize(
    ("ref", "alts", "spelled"),
    [
        ("C", ["T"], ["T"]),
        ("C", ["T", "G"], ["T", "G"]),
        ("CA", ["C"], ["-"]),  # a deletion loses its anchor
        ("C", ["CAG"], ["AG"]),
        ("ATT", ["ATTT", "A"], ["TTT", "-"]),  # all share the first base: it is cut off all
        ("ATT", ["ATTT", "*", "A"], ["TTT", "*", "-"]),
        ("CA", ["C", "TA"], ["C", "TA"]),  # they share none: as they stand
        ("GAA", ["GA", "G"], ["A", "-"]),
        ("AA", ["A", "AAA"], ["A", "AAA"]),  # as they stand: A is the first
        ("AA", ["A", "AAA"], ["-", "AA"]),  # without the base that all share
        ("AA", ["A", "AAA"], ["-", "A"]),  # each trimmed on its own: A is the second
    ],
)
def test_alleles_as_vep_spells_them(ref: str, alts: list[str], spelled: list[str]) -> None:
    numbers = allele_numbers(ref, alts, set(spelled))
    assert [numbers[name] for name in spelled] == list(range(len(alts)))


def test_a_word_that_two_spellings_read_otherwise_is_none() -> None:
    assert allele_numbers("AA", ["A", "AAA"], {"A"}) == {}
    assert READ(vep("A|stop_gained||TP53|||||||"), "AA", ["A", "AAA"]) is None
    notes = READ(vep("A|stop_gained||TP53|||||||", "-|intron_variant||TP53|||||||"), "AA", ["A", "AAA"]) or []
    assert [note.consequence for note in notes] == ["intronic", "stopgain"]


def test_each_allele_gets_its_entries_and_strangers_are_not_guessed() -> None:
    info = vep("-|frameshift_variant||TP53|||||||", "TTT|intron_variant||TP53|||||||")
    notes = READ(info, "ATT", ["ATTT", "A"]) or []
    assert [note.consequence for note in notes] == ["intronic", "frameshift"]
    assert READ(vep("G|stop_gained||TP53|||||||"), "C", ["T", "A"]) is None
    numbered = TranscriptReader.of("CSQ", "Format: Allele|Consequence|SYMBOL|ALLELE_NUM", scores={})
    notes = numbered("CSQ=x|stop_gained|A|2,x|intron_variant|A|1", "C", ["T", "A"]) or []
    assert [note.consequence for note in notes] == ["intronic", "stopgain"]


def test_snpeff() -> None:
    read = TranscriptReader.of("ANN", SNPEFF, scores={"cadd": "CADD_phred"})
    info = (
        "ANN=T|missense_variant|MODERATE|TP53|ENSG1|transcript|NM_1.2|protein_coding|5/11|c.524G>A|p.Arg175His|1/2,"
        "T|sequence_feature|LOW|TP53|ENSG1|modified|NM_1.2|protein_coding||||,"
        "T|intergenic_region|MODIFIER|A-B|x|intergenic_region|A-B|||||;CADD_phred=31"
    )
    (one,) = read(info, "C", ["T"]) or []
    assert (one.gene, one.consequence, one.aachange, one.cadd) == ("TP53", "nonsynonymous", "NM_1.2:p.Arg175His", 31)


def test_ranks_are_of_known_terms() -> None:
    assert len(set(SEVERITY)) == len(SEVERITY)
    assert severity("intron_variant&stop_gained") == (SEVERITY.index("stop_gained"), "stop_gained")
    assert severity("nonsense words")[0] == len(SEVERITY)
    classes = [CLASS_OF[term] for term in SEVERITY if term in CLASS_OF]
    assert classes.index("splicing") < classes.index("stopgain") < classes.index("nonsynonymous")


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ("0.02", "sift", 0.02),
        ("deleterious(0)", "sift", 0.0),
        ("deleterious_0.03_", "sift", 0.03),
        ("0.5;0.01", "sift", 0.01),
        ("0.5&0.9", "polyphen", 0.9),
        (".;.", "polyphen", None),
        (".", "cadd", None),
        ("1e-3", "sift", 0.001),
    ],
)
def test_scores_in_the_spellings_in_use(value: str, name: str, expected: float | None) -> None:
    assert score_of(value, name) == expected


def test_annovar_scores_go_to_their_alleles() -> None:
    block = "Gene.refGene=A;Func.refGene=exonic;SIFT_score={};CADD_phred={}"
    notes = annovar_annotations(
        f"{block.format('0.1', '5')};{block.format('.', '30.5')}",
        ["T", "G"],
        "refGene",
        scores={"sift": "SIFT_score", "cadd": "CADD_phred"},
    )
    assert [(note.sift, note.cadd) for note in notes or []] == [(0.1, 5.0), (None, 30.5)]


def test_a_file_of_vep_is_known_by_its_header_and_a_word_for_a_number_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "calls.vcf"
    line = "17\t10\t.\tC\tT\t.\tPASS\tCSQ=T|stop_gained||TP53|||||{}|\tGT\t0/1\n"
    head = (
        f'##fileformat=VCFv4.2\n##INFO=<ID=CSQ,Number=.,Type=String,Description="{VEP}">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\n"
    )
    path.write_text(head + line.format("tolerated(0.5)"))
    facts = scan(path)
    assert AnnotationSettings().resolved(facts) == "vep"
    (site,) = read_annotations(facts, AnnotationSettings())
    assert (site.annotations[0].gene, site.annotations[0].sift) == ("TP53", 0.5)
    path.write_text(head + line.format("harmful"))
    with pytest.raises(FusionError, match=r"calls\.vcf, line 4, 17:10 C>T: its sift score 'harmful' is no number"):
        list(read_annotations(scan(path), AnnotationSettings()))
    (one,) = AnnotationSettings(format="snpeff").problems(scan(path))
    assert one.startswith("ANN whose Description")
