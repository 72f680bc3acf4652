"""A reference without index or of another build, and alignments to another reference, are told with what mends them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pysam
import pytest

from data_modules.ingest.reads.reference import BWA, alignment_problems, lengths_of, reference_problems, unlike


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    """A reference whose .fai says the length that chromosome 21 has in GRCh37, with an index of bwa."""
    path = tmp_path / "genome.fa"
    path.write_text(">chr21\nACGT\n")
    (tmp_path / "genome.fa.fai").write_text("chr21\t48129895\t7\t60\t61\n")
    for end in BWA:
        (tmp_path / f"genome.fa{end}").write_text("")
    return path


def problems(fasta: Path, **changes: object) -> str:
    given = {"build": "GRCh37", "aligner": "bwa", "gatk": False, **changes}
    return "\n".join(reference_problems(fasta, **given))  # type: ignore[arg-type]


def test_what_a_reference_lacks(fasta: Path) -> None:
    assert problems(fasta) == ""
    assert "is of build GRCh37 by the lengths of its contigs, and cohort.build is GRCh38" in problems(
        fasta, build="GRCh38"
    )
    assert "has no genome.dict, which GATK reads" in problems(fasta, gatk=True)
    assert "has no index of bwa-mem2 (.0123, .bwt.2bit.64)" in problems(fasta, aligner="bwa-mem2")
    Path(f"{fasta}.fai").unlink()
    assert "has no index (genome.fa.fai). Make it: samtools faidx" in problems(fasta)
    assert "there is no file" in problems(fasta.with_name("none.fa"))


def test_an_alignment_to_another_reference(fasta: Path) -> None:
    assert unlike({"chr1": 10}, {"chr1": 10, "extra": None}) is None
    for name, contig, length, said in (
        ("same", "chr21", 48129895, ""),
        ("longer", "chr21", 46709983, "chr21 has 46709983 bases there and 48129895 in the reference"),
        ("named", "21", 48129895, "its contigs (21) are none of the reference (chr21)"),
    ):
        path = fasta.with_name(f"{name}.bam")
        header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6"}, "SQ": [{"SN": contig, "LN": length}]})
        pysam.AlignmentFile(str(path), "wb", header=header).close()
        told = "\n".join(alignment_problems(path, lengths_of(fasta), fasta=fasta))
        assert said in told
        assert bool(said) is bool(told)


def test_an_alignment_to_other_bases_of_the_same_names_and_lengths(tmp_path: Path) -> None:
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">chrA\nACGTACGTAC\n>chrB\nacgt\n")
    pysam.faidx(str(fasta))
    for name, bases, said in (("same", b"ACGT", ""), ("other", b"ACGA", "the bases of chrB differ, by its checksum")):
        path = tmp_path / f"{name}.bam"
        row = {
            "SN": "chrB",
            "LN": 4,
            "M5": hashlib.md5(bases).hexdigest(),
        }  # of capitals, as the SAM specification says
        pysam.AlignmentFile(str(path), "wb", header=pysam.AlignmentHeader.from_dict({"SQ": [row]})).close()
        told = "\n".join(alignment_problems(path, lengths_of(fasta), fasta=fasta))
        assert said in told
        assert bool(said) is bool(told)
