"""MAF dialects, chromosome names and anchor-free keys, by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from data_modules.ingest.variants.files.maf import MafError, canonical, read_header

NAMES = ["Hugo_Symbol", "Chromosome", "{start}", "Reference_Allele", "Tumor_Seq_Allele2", "Variant_Classification"]
CORE = "\t".join([*NAMES, "Tumor_Sample_Barcode"])


@pytest.mark.parametrize(
    ("text", "dialect", "start", "protein"),
    [
        (f"#version gdc-1.0.0\n{CORE}\tHGVSp_Short\tcase_id\n", "gdc", "Start_Position", "HGVSp_Short"),
        (f"{CORE}\tProtein_Change\ti_t_alt_count\n", "firehose", "Start_position", "Protein_Change"),
        (f"{CORE}\tHGVSp_Short\tt_alt_count\n", "cbioportal", "Start_Position", "HGVSp_Short"),
    ],
)
def test_dialects(tmp_path: Path, text: str, dialect: str, start: str, protein: str) -> None:
    path = tmp_path / "calls.maf.gz"
    path.write_bytes(gzip.compress(text.format(start=start).encode()))
    header = read_header(path)
    assert header.dialect == dialect
    assert header.columns["start"] == start and header.columns["protein"] == protein


def test_header_failures(tmp_path: Path) -> None:
    path = tmp_path / "calls.maf"
    path.write_text("Hugo_Symbol\tChromosome\n")
    with pytest.raises(MafError, match=r"calls.maf: a MAF needs the columns Start_Position, Reference_Allele"):
        read_header(path)
    path.write_text("")
    with pytest.raises(MafError, match="header has nothing"):
        read_header(path)
    path.write_bytes(gzip.compress(CORE.encode() * 100)[:40])
    with pytest.raises(MafError, match="cannot be read as a MAF"):
        read_header(path)


@pytest.mark.parametrize(
    ("maf", "vcf", "key"),
    [
        ((101, "AG", "-"), (100, "CAG", "C"), "1:101:AG>-"),  # deletion: the MAF starts at the first deleted base
        ((100, "-", "T"), (100, "C", "CT"), "1:101:->T"),  # insertion: the MAF names the base before it
        ((100, "A", "G"), (100, "A", "G"), "1:100:A>G"),
        ((100, "AC", "GT"), (100, "AC", "GT"), "1:100:AC>GT"),
        ((100, "AC", "GC"), (99, "TAC", "TGC"), "1:100:A>G"),  # padding on either side goes
    ],
)
def test_one_key_for_maf_and_vcf(maf: tuple[int, str, str], vcf: tuple[int, str, str], key: str) -> None:
    for (position, reference, alternate), is_maf, contig in ((maf, True, "1"), (vcf, False, "chr1")):
        found = canonical(contig=contig, position=position, reference=reference, alternate=alternate, maf=is_maf)
        assert str(found) == key


def test_a_maf_without_alleles_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.maf"
    path.write_text("Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\n")
    with pytest.raises(MafError, match=r"a\.maf: a MAF needs the columns Reference_Allele, Tumor_Seq_Allele2"):
        read_header(path)
