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
        (2, "7,577,538", "start", "7577538"),
        (2, "7,57", "start", "7,57"),
        (0, "Sep-09", "gene", "SEPT9"),
        (0, "2023-09-11", "gene", "SEPT11"),
        (0, "1-Mar", "gene", "1-Mar"),
        (0, "HLA-A", "gene", "HLA-A"),
        (0, "Unknown", "gene", ""),
        (0, ".", "gene", ""),
        (1, "17.0", "chromosome", "17"),
        (1, "chrx", "chromosome", "chrX"),
        (3, ".", "reference", "-"),
        (4, ".", "allele2", "."),
        (5, "missense_variant", "class", "nonsynonymous"),
        (5, "MISSENSE MUTATION", "class", "nonsynonymous"),
        (5, "Stop_Codon_DNP", "class", "stoploss"),
        (5, "Odd", "class", "other"),
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
    of_the_gdc = ["#version gdc-1.0.0", "#n.analyzed.samples 1", "#tumor.aliquots.submitter_id TCGA-A1-A0SB-01A-11D"]
    assert sequenced_samples(of_the_gdc) == ("TCGA-A1-A0SB-01A-11D",), "a file of a case without any mutation"


@pytest.mark.parametrize(("written", "build"), [("37", "GRCh37"), ("GRCh37-lite", "GRCh37"), ("hg38", "GRCh38")])
def test_builds(written: str, build: str) -> None:
    assert build_name(written) == build and build_known(written)
    assert not build_known("NA") and not build_known(".") and build_name("mm10") == "mm10"


def genotype(path: Path, reference: str, first: str, second: str, *normal: str) -> list[tuple[str, str]]:
    """Allele and copies of each call of a line."""
    names = [*NAMES, "Tumor_Seq_Allele1", "Match_Norm_Seq_Allele1", "Match_Norm_Seq_Allele2"]
    row = [*ROW[:3], reference, second, *ROW[5:], first, *normal, *[""] * (2 - len(normal))]
    file = path / "g.maf"
    file.write_text("\t".join(names) + "\n" + "\t".join(row) + "\n")
    calls = [dict(zip(FIELDS, values, strict=True)) for _, values in calls_of(read_header(file))]
    return [(call["allele2"], call["copies"]) for call in calls]


def test_both_alleles_of_a_tumour(tmp_path: Path) -> None:
    assert genotype(tmp_path, "C", "C", "T") == [("T", "1")]
    assert genotype(tmp_path, "C", "", "T") == [("T", "1")]
    assert genotype(tmp_path, "C", "T", "T") == [("T", "2")]
    assert genotype(tmp_path, "C", "G", "T") == [("T", "1"), ("G", "1")]
    assert genotype(tmp_path, "C", "G", "T", "C", "G") == [("T", "1")], "the normal has it too"
    assert genotype(tmp_path, "-", "A", "AG") == [("AG", "1")], "of an insertion nobody knows"
    assert genotype(tmp_path, "AG", "-", "-") == [("-", "2")]


def test_a_header_that_stands_again_is_no_call(tmp_path: Path) -> None:
    assert [row["start"] for row in rows(tmp_path, ROW, NAMES, [*ROW[:2], "101", *ROW[3:]])] == ["100", "101"]


def test_per_cent_are_shares(tmp_path: Path) -> None:
    (tmp_path / "p.maf").write_text("\t".join([*NAMES, "t_vaf"]) + "\n" + "\t".join([*ROW, "25.5 %"]) + "\n")
    ((_, values),) = calls_of(read_header(tmp_path / "p.maf"))
    assert dict(zip(FIELDS, values, strict=True))["vaf"] == "0.255"
