"""One spelling of a MAF's calls, by hand; lines that no MAF has are refused by number."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.ingest.variants.files.maf import MafError, build_known, build_name, read_header
from data_modules.ingest.variants.files.maf_lines import FIELDS, calls_of, sequenced_samples

NAMES = ["Hugo_Symbol", "Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
NAMES += ["Variant_Classification", "Tumor_Sample_Barcode", "Mutation_Status"]
ROW = ["TP53", "17", "100", "C", "T", "Missense_Mutation", "S1", "Somatic"]


def rows(path: Path, *cells: list[str], head: str = "") -> list[dict[str, str]]:
    file = path / "a.maf"
    file.write_text(head + "\n".join("\t".join(row) for row in (NAMES, *cells)) + "\n")
    return [dict(zip(FIELDS, values, strict=True)) for _, values in calls_of(read_header(file))]


@pytest.mark.parametrize(
    ("at", "written", "field", "read"),
    [
        (0, "9-Sep", "gene", "SEPT9"),
        (2, "1e+05", "start", "100000"),
        (2, "1.5e+07", "start", "15000000"),
        (2, "1.23E+08", "start", "1.23E+08"),  # as Excel rounds: the place is lost
        (2, "100.0", "start", "100"),
        (4, "TRUE", "allele2", "T"),
        (4, "t", "allele2", "T"),
        (7, "germline", "reason", "Mutation_Status Germline"),
        (7, "LOH", "reason", "Mutation_Status Loh"),
        (7, "", "reason", ""),
    ],
)
def test_spellings(tmp_path: Path, at: int, written: str, field: str, read: str) -> None:
    row = [*ROW]
    row[at] = written
    assert rows(tmp_path, row)[0][field] == read


def test_lines_that_no_maf_has(tmp_path: Path) -> None:
    with pytest.raises(MafError, match=r"a\.maf, line 4, S1: Mutation_Status is 'Maybe'"):
        rows(tmp_path, ROW, [*ROW[:-1], "Maybe"], head="#version 2.4\n")
    with pytest.raises(MafError, match=r"a\.maf, line 3 has 7 fields and its header 8 \(line 1\)"):
        rows(tmp_path, ROW, ROW[:-1])
    with pytest.raises(MafError, match=r"line 2 has 9 fields"):
        rows(tmp_path, [*ROW, "x"])
    assert len(rows(tmp_path, [*ROW, ""])) == 1
    (tmp_path / "a.maf").write_text("\t".join([*NAMES, "Chromosome"]) + "\n")
    with pytest.raises(MafError, match="line 1: column Chromosome stands twice"):
        read_header(tmp_path / "a.maf")


def test_sequenced_samples() -> None:
    assert sequenced_samples(["#version 2.4", "#sequenced_samples: A B\tC B"]) == ("A", "B", "C")


@pytest.mark.parametrize(("written", "build"), [("37", "GRCh37"), ("GRCh37-lite", "GRCh37"), ("hg38", "GRCh38")])
def test_builds(written: str, build: str) -> None:
    assert build_name(written) == build and build_known(written)
    assert not build_known("NA") and not build_known(".") and build_name("mm10") == "mm10"
