"""What a workflow is told, which programs it needs, and what is found before it begins, by hand."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pysam
import pytest

from data_modules.ingest.reads.plan import Plan, _region_problems
from data_modules.ingest.reads.settings import AnnotatorSettings, GatkSettings, ReadsSettings
from data_modules.ingest.reads.tools import needed
from fusion.contract import FusionError

Usage = namedtuple("Usage", "total used free")


def settings(**more: Any) -> ReadsSettings:
    return ReadsSettings(**{"reference": "genome.fa", "folder": "fastq", **more})


def test_the_workflow_is_told_whole_paths(tmp_path: Path) -> None:
    (tmp_path / "fastq").mkdir()
    (tmp_path / "fastq" / "A.bam").touch()
    asked = settings(
        regions="panel.bed",
        known_sites=("sites.vcf.gz", "/elsewhere/b.vcf"),
        gatk=GatkSettings(common_sites="common.vcf"),
        annotation=AnnotatorSettings(tool="csq", gff="genes.gff"),
        multiqc=False,
        threads=3,
    )
    told = Plan(asked, tmp_path, None).config()
    assert (told["reference"], told["regions"]) == (str(tmp_path / "genome.fa"), str(tmp_path / "panel.bed"))
    assert told["known_sites"] == [str(tmp_path / "sites.vcf.gz"), "/elsewhere/b.vcf"]
    assert told["gatk"] == {
        "program": "gatk",
        "panel_of_normals": None,
        "germline_resource": None,
        "common_sites": str(tmp_path / "common.vcf"),
    }
    assert (told["annotation"]["gff"], told["annotation"]["gtf"]) == (str(tmp_path / "genes.gff"), None)
    assert (told["aligner"], told["multiqc"], told["threads"]) == ("bwa", False, 3), "of aligned reads any"
    assert Plan(settings(), tmp_path, None).config()["regions"] is None


def test_the_aligner_is_the_newer_one_where_all_of_its_index_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fastq").mkdir()
    (tmp_path / "fastq" / "A.fastq").touch()
    ends = (".0123", ".amb", ".ann", ".bwt.2bit.64", ".pac")
    for end in ends:
        (tmp_path / f"genome.fa{end}").touch()
    there = {"bwa-mem2": "/bin/bwa-mem2"}
    monkeypatch.setattr(shutil, "which", there.get)
    assert Plan(settings(), tmp_path, None).aligner == "bwa-mem2"
    assert Plan(settings(aligner="bwa"), tmp_path, None).aligner == "bwa"
    (tmp_path / "genome.fa.pac").unlink()
    assert Plan(settings(), tmp_path, None).aligner == "bwa"
    (tmp_path / "genome.fa.pac").touch()
    there.clear()
    assert Plan(settings(), tmp_path, None).aligner == "bwa"
    assert not Plan(settings(), tmp_path, None).multiqc
    assert Plan(settings(multiqc=True), tmp_path, None).multiqc


@pytest.mark.parametrize(
    ("more", "aligner", "multiqc", "names"),
    [
        ({}, "bwa", False, {"bwa", "fastp", "freebayes"}),
        ({"trim": False}, "bwa-mem2", True, {"bwa-mem2", "freebayes", "multiqc"}),
        ({"caller": "bcftools", "duplicates": "sambamba"}, None, False, {"sambamba"}),
        ({"caller": "gatk"}, None, False, {"gatk"}),
        ({"annotation": AnnotatorSettings(tool="snpeff", database="x")}, None, False, {"freebayes", "snpEff"}),
        ({"annotation": AnnotatorSettings(tool="csq", gff="x")}, None, False, {"freebayes"}),
    ],
)
def test_the_programs_that_are_needed(
    more: dict[str, Any], aligner: str | None, multiqc: bool, names: set[str]
) -> None:
    found = needed(settings(**more), aligner=aligner, multiqc=multiqc)
    assert set(found) == {"samtools", "bcftools"} | names
    assert all(program is None for name, program in found.items() if name != "gatk")


def test_a_program_of_ones_own_is_taken() -> None:
    own = AnnotatorSettings(tool="vep", folder="x", build="GRCh38", program="/opt/vep")
    asked = settings(caller="gatk", gatk=GatkSettings(program="/opt/gatk"), annotation=own)
    found = needed(asked, aligner=None, multiqc=False)
    assert (found["gatk"], found["vep"]) == ("/opt/gatk", "/opt/vep")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr1\t0\t10\nchr2\t5\t9\textra\n\n", None),
        ("track name=panel\nchr1\t 0\t10 \n", None),  # a heading
        ("chr1\t0\nchr1 0 10\n", "holds no regions"),
        ("chr1\tstart\t10\nchr1\t0\tend\n", "holds no regions"),
        ("1\t0\t10\nchr2\t5\t9\n", "1 is no contig of it"),
    ],
)
def test_regions_are_places_on_the_reference(tmp_path: Path, text: str, said: str | None) -> None:
    (tmp_path / "panel.bed").write_text(text)
    found = _region_problems(tmp_path / "panel.bed", {"chr1", "chr2"})
    assert len(found) == (0 if said is None else 1)
    assert said is None or said in found[0]
    assert _region_problems(tmp_path / "panel.bed", set()) == [] or said == "holds no regions"
    assert "there is no file" in _region_problems(tmp_path / "none.bed", set())[0]


def test_three_times_the_reads_must_be_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fastq").mkdir()
    (tmp_path / "fastq" / "A.fastq").write_bytes(b"@" * 1_000_000)
    asked: list[Path] = []

    def free(number: float) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda at: (asked.append(at), Usage(0, 0, number))[1])

    free(3e6)
    assert Plan(settings(output="a/b"), tmp_path, None)._disk() == []
    assert asked == [tmp_path]
    free(2.9e6)
    (said,) = Plan(settings(output="a/b"), tmp_path, None)._disk()
    assert said.startswith(f"{tmp_path}: 0.0 GB of disk are free, about 0.0 GB are needed.")
    assert Plan(settings(output="a/b", min_free_gb=0.002), tmp_path, None)._disk() == []
    assert len(Plan(settings(output="a/b", min_free_gb=5), tmp_path, None)._disk()) == 1
    (tmp_path / "a" / "b" / "logs").mkdir(parents=True)
    assert Plan(settings(output="a/b"), tmp_path, None)._disk() == [], "it goes on: part is there"
    assert len(Plan(settings(output="a/b", min_free_gb=5), tmp_path, None)._disk()) == 1


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """A reference of one contig, two samples of which one is there twice, and an alignment to another reference."""
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGT" * 25 + "\n")
    pysam.faidx(str(tmp_path / "genome.fa"))
    (tmp_path / "fastq").mkdir()
    reads = "".join(f"@r{number}\nACGTACGT\n+\nIIIIIIII\n" for number in range(4))
    for name, text in (("A", reads), ("B", reads.replace("ACGTACGT", "TTGTACGT")), ("C", reads)):
        (tmp_path / "fastq" / f"{name}.fastq").write_text(text)
    header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6"}, "SQ": [{"SN": "chr1", "LN": 99}]})
    pysam.AlignmentFile(str(tmp_path / "fastq" / "D.bam"), "wb", header=header).close()
    return tmp_path


def test_reads_are_looked_into(cohort: Path) -> None:
    asked = Plan(settings(), cohort, None)
    contrary, twice = asked._reads()
    assert "D.bam" in contrary and "chr1 has 99 bases there and 100 in the reference" in contrary
    assert "A.fastq" in twice and "C.fastq hold the same reads (of sample A and of C)" in twice
    (cohort / "fastq" / "B.fastq").write_text("no reads\n")
    found = Plan(settings(), cohort, None)._reads()
    assert len(found) == 3
    assert any(one.startswith("sample B: ") and "B.fastq" in one for one in found)
    (cohort / "genome.fa.fai").unlink()
    assert len(Plan(settings(), cohort, None)._reads()) == 2, "of an unknown reference nothing is contrary"


def test_files_that_go_with_the_reference(cohort: Path) -> None:
    vcf = "##fileformat=VCFv4.2\n##contig=<ID={}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    for name, contig in (("good", "chr1"), ("other", "1")):
        (cohort / f"{name}.vcf").write_text(vcf.format(contig))
        (cohort / f"{name}.vcf.idx").touch()
    (cohort / "panel.bed").write_text("chr1\t0\t10\n")

    def beside(**more: Any) -> list[str]:
        return Plan(settings(**more), cohort, "GRCh38")._beside()

    assert beside() == []
    assert beside(known_sites=("good.vcf",), regions="panel.bed") == []
    (said,) = beside(known_sites=("good.vcf", "other.vcf"))
    assert said.startswith(f"reads.known_sites={cohort / 'other.vcf'} is of another build")
    (said,) = beside(gatk=GatkSettings(panel_of_normals="none.vcf", common_sites="good.vcf"))
    assert said == f"reads.gatk.panel_of_normals: there is no file {cohort / 'none.vcf'}."
    (said,) = beside(annotation=AnnotatorSettings(tool="vep", folder="cache", build="GRCh37"))[1:]
    assert "GRCh37" in said and "build" in said
    (said,) = beside(annotation=AnnotatorSettings(tool="vep", folder="cache", build="GRCh38"))
    assert said == f"reads.annotation.folder: there is no {cohort / 'cache'}."
    assert "none.gff" in beside(annotation=AnnotatorSettings(tool="csq", gff="none.gff"))[0]
    (said,) = beside(regions="none.bed")
    assert said.startswith("reads.regions: there is no file")


def test_all_that_was_found_is_told_at_once(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    asked = settings(container="image.sif", min_free_gb=0)
    with pytest.raises(FusionError) as raised:
        Plan(asked, cohort, None).refuse()
    first, *lines = str(raised.value).splitlines()
    assert first == f"reads of {cohort}: {len(lines)} problems"
    assert [line[:5] for line in lines] == [f"  {at}. " for at in range(1, len(lines) + 1)]
    inside = "\n".join(lines)
    assert "has no index of bwa" in inside and "hold the same reads" in inside and "fastp" not in inside
    with pytest.raises(FusionError) as raised:
        Plan(settings(min_free_gb=0), cohort, None).refuse()
    assert len(str(raised.value).splitlines()) > len(lines) + 1, "without a container tools must be there"
    assert "fastp" in str(raised.value)
