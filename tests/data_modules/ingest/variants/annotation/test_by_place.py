"""Where variants are: left-alignment and reference bases by a FASTA, genes by a GTF or BED."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from data_modules.genes.places import first_of_each_symbol, read_gene_places
from data_modules.ingest.variants.annotation.by_place import check_contigs, genes_at
from data_modules.ingest.variants.files.reference import Reference
from fusion.contract import FusionError

#        1234567890123456
BASES = "GGGCACACACAGGGNA"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n>chr2\naaaa\n")
    return Reference(path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((8, "CAC", "C"), (3, "GCA", "G")),  # Tan et al., figure 1: four places, one leftmost
        ((4, "CAC", "C"), (3, "GCA", "G")),
        ((3, "GCA", "G"), (3, "GCA", "G")),
        ((10, "C", "CAC"), (3, "G", "GCA")),
        ((7, "A", "T"), (7, "A", "T")),
        ((5, "AC", "TG"), (5, "AC", "TG")),
    ],
)
def test_left_alignment(reference: Reference, before: tuple[int, str, str], after: tuple[int, str, str]) -> None:
    assert reference.left_align("1", *before) == after


def test_at_the_first_base_of_a_contig_the_next_one_anchors(reference: Reference) -> None:
    assert reference.left_align("2", 3, "AA", "A") == (1, "AA", "A")


def test_applying_an_aligned_variant_gives_the_same_sequence(reference: Reference) -> None:
    for position, ref, alt in ((8, "CAC", "C"), (10, "C", "CAC"), (9, "ACA", "A"), (12, "GG", "G")):
        moved = reference.left_align("1", position, ref, alt)
        assert moved[0] <= position

        def applied(at: int, old: str, new: str) -> str:
            assert BASES[at - 1 : at - 1 + len(old)] == old
            return BASES[: at - 1] + new + BASES[at - 1 + len(old) :]

        assert applied(*moved) == applied(position, ref, alt)


def test_reference_bases_are_compared(reference: Reference) -> None:
    assert reference.differs("1", 4, "CA") is None
    assert reference.differs("1", 4, "CT") == "CA"
    assert reference.differs("1", 15, "T") is None, "N agrees with everything"
    assert reference.differs("2", 1, "A") is None, "lower case is soft masking"
    assert reference.differs("3", 1, "A") is None, "a contig that the genome lacks says nothing"


def test_windows_meet(tmp_path: Path) -> None:
    path = tmp_path / "long.fa"
    sequence = "ACGTTGCA" * 40_000
    path.write_text(f">1\n{sequence}\n")
    reference = Reference(path)
    for position in (1, 65_530, 65_537, 200_000, 3, len(sequence) - 2):
        assert reference.bases("1", position, position + 9) == sequence[position - 1 : position + 9]


def test_a_fasta_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r"fasta=.*samtools faidx"):
        Reference(tmp_path / "absent.fa")


VARIANTS = pd.DataFrame(
    {"contig": ["1", "1", "1", "2", "1"], "position": [99, 100, 150, 100, 95], "ref": ["A", "A", "A", "A", "AAAAAA"]}
)


def test_genes_of_a_bed(tmp_path: Path) -> None:
    path = tmp_path / "genes.bed"
    # A is 100 to 150, B 150 to 200 in two exons.
    path.write_text("# genes\nchr1\t99\t150\tA\nchr1\t149\t155\tB\nchr1\t190\t200\tB\n")
    genes = read_gene_places(path, key="k")
    assert genes == [("1", 100, 150, "A"), ("1", 150, 200, "B")]
    assert genes_at(VARIANTS, genes) == [None, "A", "A;B", None, "A"]


GTF = 'chr{}\tx\t{}\t{}\t{}\t.\t+\t.\tgene_id "{}"; gene_name "{}"; transcript_id "T"; havana_gene "OTT";\n'


def test_genes_of_a_gtf_with_and_without_records_of_genes(tmp_path: Path) -> None:
    path = tmp_path / "genes.gtf.gz"
    exons = GTF.format(1, "exon", 100, 110, "E1", "A") + GTF.format(1, "exon", 140, 150, "E1", "A")
    path.write_bytes(gzip.compress(exons.encode()))
    genes = read_gene_places(path, key="k")
    assert genes == [("1", 100, 150, "A")]
    assert genes_at(VARIANTS, genes) == [None, "A", "A", None, "A"]
    path.write_bytes(gzip.compress(("#!x\n" + GTF.format(1, "gene", 100, 150, "E1", "A") + exons).encode()))
    assert read_gene_places(path, key="k") == genes


def test_genes_of_one_symbol_are_told_apart_by_id(tmp_path: Path) -> None:
    path = tmp_path / "genes.gtf"
    far = GTF.format(1, "gene", 10, 20, "E1", "Y_RNA") + GTF.format(1, "gene", 900, 910, "E2", "Y_RNA")
    path.write_text(far + GTF.format("Un_1", "gene", 1, 2, "E3", "Y_RNA"))
    genes = read_gene_places(path, key="k")
    assert genes == [("1", 10, 20, "Y_RNA"), ("1", 900, 910, "Y_RNA")]
    assert genes_at(VARIANTS, genes) == [None] * 5, "what lies between them is in neither"
    assert first_of_each_symbol(genes) == genes[:1]


def test_genes_of_a_gff3_and_genes_without_a_symbol(tmp_path: Path) -> None:
    path = tmp_path / "genes.txt"  # told by its columns, not by its name
    path.write_text(
        "NC_1\tx\tgene\t1\t2\t.\t+\t.\tgene=FAR\n"
        "1\tx\tgene\t5\t9\t.\t-\t.\tID=gene-A;gene=A\n"
        '1\tx\tgene\t30\t40\t.\t-\t.\tgene_id "ENSG2";\n'
    )
    assert read_gene_places(path, key="k") == [("1", 5, 9, "A"), ("1", 30, 40, "ENSG2")]


def test_genes_of_ensembls_gff3(tmp_path: Path) -> None:
    """The symbol is the gene's Name; transcripts and exons name others."""
    path = tmp_path / "genes.gff3"
    path.write_text(
        "17\thavana\tgene\t5\t90\t.\t-\t.\tID=gene:ENSG1;Name=TP53;biotype=protein_coding;gene_id=ENSG1\n"
        "17\thavana\tmRNA\t5\t80\t.\t-\t.\tID=transcript:ENST1;Parent=gene:ENSG1;Name=TP53-201\n"
        "17\thavana\texon\t5\t9\t.\t-\t.\tParent=transcript:ENST1;Name=ENSE1;exon_id=ENSE1\n"
        "17\thavana\tgene\t200\t290\t.\t-\t.\tID=gene:ENSG2;biotype=lncRNA;gene_id=ENSG2\n"
    )
    assert read_gene_places(path, key="k") == [("17", 5, 90, "TP53"), ("17", 200, 290, "ENSG2")]


def test_gene_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "genes.bed"
    for text, message in (
        ("chr1 99 150 A\n", r"k=.*genes\.bed, line 1: no line of a GTF or BED"),
        ("chr1\tx\ty\tz\n", "line 1: no line of a GTF or BED"),
        ("# nothing\n", "names no gene: a GTF needs gene_name"),
        ("NC_1\t5\t9\tA\n", r"names no gene on chromosomes 1 to 22, X, Y or MT \(but on NC_1\)"),
    ):
        path.write_text(text)
        with pytest.raises(FusionError, match=message):
            read_gene_places(path, key="k")
    with pytest.raises(FusionError, match="is of contigs 7, the variants of 1, 2"):
        check_contigs(VARIANTS, [("7", 1, 2, "A")], path)
