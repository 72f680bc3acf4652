"""What a workflow is told, which programs it needs, and what is found before it begins, by hand."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from data_modules.ingest.reads.plan import Plan, _region_problems
from data_modules.ingest.reads.settings import AnnotatorSettings, GatkSettings, ReadsSettings
from data_modules.ingest.reads.tools import needed

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
