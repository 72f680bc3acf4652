"""The sheet of a folder by its file names, a sheet of one's own, and what speaks against either."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.ingest.reads.plan import Plan
from data_modules.ingest.reads.settings import GatkSettings, ReadsSettings
from data_modules.ingest.reads.sheet import Unit, from_folder, read_sheet, sheet_problems, write_sheet
from fusion.contract import FusionError

SETTINGS = ReadsSettings(reference="genome.fa", folder="reads")


def folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return root


def test_names_tell_sample_lane_mate_and_pair(tmp_path: Path) -> None:
    names = (
        "P1-T_S3_L001_R1_001.fastq.gz", "P1-T_S3_L001_R2_001.fastq.gz", "P1-T_S3_L002_R1_001.fastq.gz",
        "P1-T_S3_L002_R2_001.fastq.gz", "P1-N.bam", "A7_1.fq", "A7_2.fq", "sub/B_x.fastq.gz", "notes.txt",
    )  # fmt: skip
    units = from_folder(folder(tmp_path, *names), SETTINGS)
    told = {(one.sample, one.patient, one.kind, one.unit): [path.name for path in one.files] for one in units}
    assert told == {
        ("P1-T", "P1", "tumour", "001"): [names[0], names[1]],
        ("P1-T", "P1", "tumour", "002"): [names[2], names[3]],
        ("P1-N", "P1", "normal", "aligned"): ["P1-N.bam"],
        ("A7", "A7", "germline", "1"): ["A7_1.fq", "A7_2.fq"],
        ("B_x", "B_x", "germline", "1"): ["B_x.fastq.gz"],
    }
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text(write_sheet(units))
    assert read_sheet(sheet) == units
    assert sheet_problems(units, SETTINGS) == []


def test_what_a_demultiplexer_leaves_is_no_sample(tmp_path: Path) -> None:
    names = ("Undetermined_S0_L001_R1_001.fastq.gz", "A_S1_L001_I1_001.fastq.gz", "A_S1_L001_I2_001.fastq.gz")
    folder(tmp_path, *names, "A_S1_L001_R1_001.fastq.gz", "UndeterminedB_I3.fq")
    assert [one.sample for one in from_folder(tmp_path, SETTINGS)] == ["A", "UndeterminedB_I3"]
    plan = Plan(ReadsSettings(reference="genome.fa", folder="."), tmp_path, None)
    (left, strange) = plan.notes(frozenset({"A", "B-1"}))
    assert left.startswith("3 files of no sample, or of index reads, are left out (")
    assert (
        "1 of 2 patients of the reads (UndeterminedB_I3) are not in the cohort's tables, which name e.g. A" in strange
    )
    assert plan.notes(frozenset()) == [left]


def test_files_that_are_one_thing_twice(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="both fastq_1 of sample A, unit 1: a sample twice"):
        from_folder(folder(tmp_path / "a", "A_R1.fastq.gz", "old/A_R1.fastq.gz"), SETTINGS)
    with pytest.raises(
        FusionError, match=r"A\.bam and .*A_R1\.fastq\.gz are both of sample A: reads and their alignment"
    ):
        from_folder(folder(tmp_path / "d", "A_R1.fastq.gz", "A.bam", "B.bam"), SETTINGS)
    with pytest.raises(FusionError, match="second mates without"):
        from_folder(folder(tmp_path / "b", "A_R2.fastq.gz"), SETTINGS)
    with pytest.raises(FusionError, match="holds no reads"):
        from_folder(folder(tmp_path / "c", "readme.txt"), SETTINGS)


def test_problems_name_sample_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "r.fastq").write_text("")
    here = tmp_path / "r.fastq"
    rows = [
        Unit(sample="A", patient="A", kind="germline", unit="1", fastq_1=here),
        Unit(sample="A", patient="A", kind="germline", unit="1", fastq_1=tmp_path / "none.fastq"),
        Unit(sample="B b", patient="B", kind="germline", unit="1", fastq_1=here),
        Unit(sample="T1", patient="P", kind="tumour", unit="1", bam=here),
    ]
    told = "\n".join(sheet_problems(rows, SETTINGS))
    for said in ("unit 1 is there twice", "none.fastq", "'B b' may hold", "is of sample A and of B b: a sample twice",
                 "tumours without a normal of their patient (T1)"):  # fmt: skip
        assert said in told
    gatk = ReadsSettings(reference="g.fa", folder="x", caller="gatk")
    assert any("need reads.gatk.panel_of_normals" in one for one in sheet_problems(rows[3:], gatk))
    panel = ReadsSettings(reference="g.fa", folder="x", caller="gatk", gatk=GatkSettings(panel_of_normals="p.vcf.gz"))
    assert sheet_problems(rows[3:], panel) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample\tpatient\nA\tA\n", "lacks kind"),
        ("sample\tkind\tfastq_1\nA\tgermline\t\n", "row 2 .A.: set fastq_1"),
        ("sample\tkind\tfastq_1\nA\thealthy\tx.fq\n", "row 2: kind is 'healthy'"),
    ],
)
def test_a_sheet_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "s.tsv").write_text(text)
    with pytest.raises(FusionError, match=said):
        read_sheet(tmp_path / "s.tsv")
