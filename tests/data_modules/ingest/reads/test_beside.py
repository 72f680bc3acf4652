"""Genes that are not of the reference, and files that hold the same reads, are told before hours of work."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from data_modules.ingest.reads.beside import fingerprint, genes_problems, other_build, same_reads
from data_modules.ingest.reads.fastq import look

GTF = '#!genome\n17\ttest\texon\t1\t9\t.\t+\t0\tgene_id "A";\n'
GFF = "##gff-version 3\n{0}\ttest\tgene\t1\t9\t.\t+\t.\tID=gene:A\n{0}\ttest\tmRNA\t1\t9\t.\t+\t.\tID=transcript:A\n"


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("gtf", GTF, ""),  # SnpEff takes 17 for chr17
        ("gtf", GTF.replace("17", "2"), r"its contigs \(2\) are none of the reference \(chr17, chr13\)"),
        ("gtf", "#!genome\n", "holds no genes"),
        ("gff", GFF.format("chr17"), ""),
        ("gff", GFF.format("chr2") + GFF.format("chr13"), ""),
        ("gff", GFF.format("17"), "names contigs otherwise"),
        ("gff", GFF.format("chr17").replace("transcript:", ""), "not in Ensembl's style"),
    ],
)
def test_genes_of_another_build_or_naming(tmp_path: Path, key: str, text: str, said: str) -> None:
    plain, packed = tmp_path / f"genes.{key}", tmp_path / f"genes.{key}.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    for path in (plain, packed):
        told = "\n".join(genes_problems(path, ["chr17", "chr13"], key=key))
        assert bool(said) is bool(told)
        assert re.search(said, told)


def test_genes_that_cannot_be_read(tmp_path: Path) -> None:
    cut = tmp_path / "genes.gtf.gz"
    cut.write_bytes(gzip.compress(GTF.replace("17", "2").encode() * 99)[:-9])
    assert "cannot be read" in genes_problems(cut, ["chr17"], key="gtf")[0]
    cut.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 20)  # a block of no type that there is
    assert "cannot be read" in genes_problems(cut, ["chr2"], key="gtf")[0]
    assert "there is no file" in genes_problems(tmp_path / "none.gtf", ["chr17"], key="gtf")[0]


@pytest.mark.parametrize(
    ("named", "build", "found"),
    [("GRCh37.75", "GRCh38", "GRCh37"), ("hg19", "GRCh38", "GRCh37"), ("hg38", "GRCh37", "GRCh38"),
     ("GRCh38.99", "GRCh38", None), ("own", "GRCh38", None), ("hg19", None, None)],
)  # fmt: skip
def test_an_annotator_of_another_build(named: str, build: str | None, found: str | None) -> None:
    told = other_build(named, build, key="database")
    assert told == (
        []
        if found is None
        else [
            f"reads.annotation.database={named} is of build {found}, and cohort.build is {build}. Set one of the two."
        ]
    )


def test_the_same_reads_under_two_names(tmp_path: Path) -> None:
    def fastq(name: str, bases: str, prefix: str) -> str:
        (tmp_path / name).write_text("".join(f"@{prefix}{at}\n{bases}\n+\nIIII\n" for at in range(3)))
        return look([tmp_path / name])[0].digest

    made = {name: fastq(name, *given) for name, given in
            {"a.fq": ("ACGT", "r"), "b.fq": ("ACGT", "other"), "c.fq": ("ACGA", "r")}.items()}  # fmt: skip
    files = [(name[0].upper(), tmp_path / name, digest) for name, digest in made.items()]
    (told,) = same_reads(files)
    assert told.endswith("b.fq hold the same reads (of sample A and of B): a file or a sample twice. Remove one.")
    assert same_reads([*files[:1], files[2]]) == []
    for name, content in (("a.bam", b"one"), ("b.bam", b"one"), ("c.bam", b"two")):
        (tmp_path / name).write_bytes(content)
    assert fingerprint(tmp_path / "a.bam") == fingerprint(tmp_path / "b.bam") != fingerprint(tmp_path / "c.bam")
