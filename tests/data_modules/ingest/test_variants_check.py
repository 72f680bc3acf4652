"""What is wrong with a VCF is said before Hail starts, with the file, the value and the key that mends it."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pysam
import pytest

from data_modules.ingest.annotation import AnnotationSettings
from data_modules.ingest.variants import GenotypeFilters, SparkSettings, VariantIngest, VcfFile, parse_files
from data_modules.ingest.vcf import compression_of, read_facts, scan
from fusion.contract import FusionError

HEADER = (
    "##fileformat=VCFv4.2\n"
    "##contig=<ID=chr1,length=248956422>\n"
    "##contig=<ID=chr2,length=242193529>\n"
    '##INFO=<ID=GENE,Number=1,Type=String,Description="a, quoted > text">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
)
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n"
LINE = "chr1\t100\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\t0/0\n"


def bgzip(path: Path, text: str) -> Path:
    with pysam.BGZFile(str(path), "wb") as stream:
        stream.write(text.encode())
    return path


def ingest(tmp_path: Path, path: Path, *, build: str | None = "GRCh38") -> VariantIngest:
    return VariantIngest(
        key="modality.variants",
        files=(VcfFile(path=path, origin="somatic"),),
        filters={"somatic": GenotypeFilters(), "germline": GenotypeFilters()},
        annotation=AnnotationSettings(),
        build=build,
        spark=SparkSettings(),
        cache=tmp_path / "cache",
    )


def problems(tmp_path: Path, text: str | bytes, *, name: str = "calls.vcf", build: str | None = "GRCh38") -> list[str]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ingest(tmp_path, path, build=build).check()


def test_a_sound_file_has_none(tmp_path: Path) -> None:
    assert problems(tmp_path, HEADER + COLUMNS + LINE) == []


def test_compression_is_told_by_content(tmp_path: Path) -> None:
    text = HEADER + COLUMNS + LINE
    (tmp_path / "a.vcf.gz").write_text(text)
    (tmp_path / "b.vcf").write_bytes(gzip.compress(text.encode()))
    files = [tmp_path / "a.vcf.gz", tmp_path / "b.vcf", bgzip(tmp_path / "c.vcf.gz", text)]
    assert [compression_of(path) for path in files] == ["plain", "gzip", "bgzip"]
    assert [scan(path).records for path in files] == [1, 1, 1]
    assert [scan(path).problem for path in files] == [None] * 3


def test_a_truncated_block_gzip(tmp_path: Path) -> None:
    whole = bgzip(tmp_path / "calls.vcf.gz", HEADER + COLUMNS + LINE * 5000).read_bytes()
    for cut in (len(whole) // 2, len(whole) - 40, len(whole) - 28):
        (one,) = problems(tmp_path, whole[:cut], name="calls.vcf.gz")
        assert "calls.vcf.gz is truncated" in one and "Fetch or write the file anew" in one


def test_a_truncated_plain_gzip_and_text(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + COLUMNS + LINE * 5000).encode())
    (one,) = problems(tmp_path, whole[:-30], name="calls.vcf.gz")
    assert "is truncated: its compressed data end after line" in one
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + LINE[:-8])
    assert "line 8 has 10 columns instead of 11" in one
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + LINE[:-2])
    assert "its last line, 8, does not end" in one


def test_no_header(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, LINE)
    assert "calls.vcf has no VCF header: its first line is 'chr1" in one
    (one,) = problems(tmp_path, HEADER + LINE)
    assert "has no #CHROM line: line 6 is data already" in one
    (one,) = problems(tmp_path, "")
    assert "is empty" in one


def test_sites_only(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS.split("\tFORMAT")[0] + "\n")
    assert "has no sample columns" in one


def test_no_genotypes(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("GT", "DP"))
    assert "has no genotypes (GT) at line 7, chr1:100" in one


def test_mixed_contig_spelling(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE + LINE.replace("chr1", "2"))
    assert "calls.vcf mixes contig spellings (chr1 and 2)" in one


def test_wrong_build_by_lengths_and_by_reference(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE, build="GRCh37")
    assert "is of build GRCh38 (by contig lengths) and cohort.build is GRCh37" in one
    bare = "##fileformat=VCFv4.2\n##reference=file:///refs/human_g1k_v37.fasta\n##contig=<ID=1>\n" + COLUMNS
    (one,) = problems(tmp_path, bare + LINE.replace("chr1", "1"))
    assert "is of build GRCh37 (by ##reference=file:///refs/human_g1k_v37.fasta) and cohort.build is GRCh38" in one
    assert problems(tmp_path, bare + LINE.replace("chr1", "1"), build="GRCh37") == []


def test_no_build(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE, build=None)
    assert one.startswith("cohort.build=None is no genome build. Set it to one of GRCh37, GRCh38")


def test_a_duplicate_sample(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS.replace("\tb", "\ta") + LINE)
    assert "calls.vcf has the same sample twice (a)" in one


def test_nothing_passes_the_filter(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS + LINE.replace("PASS", "."))
    assert "no record of calls.vcf passes its filter; FILTER is ." in one and "modality.variants.filters" in one


def test_no_usable_record(tmp_path: Path) -> None:
    (one,) = problems(tmp_path, HEADER + COLUMNS)
    assert "has no record on chromosomes 1 to 22" in one


def test_mutect_ploidy_is_read_and_higher_ploidy_refused(tmp_path: Path) -> None:
    text = HEADER + COLUMNS + LINE.replace("A\tC", "A\tC,G").replace("0/1", "0/1/2")
    assert problems(tmp_path, text) == []
    (one,) = problems(tmp_path, text.replace("0/1/2", "1/1/1/2"))
    assert "has a call of ploidy above two at line 7, chr1:100: 1/1/1/2" in one


def test_an_info_key_that_the_header_lacks(tmp_path: Path) -> None:
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + COLUMNS + LINE)
    asked = replace(ingest(tmp_path, path), annotation=AnnotationSettings(gene="SYMBOL"))
    (one,) = asked.check()
    assert "modality.variants.annotation asks for INFO SYMBOL" in one and "It declares GENE" in one


def test_the_facts_are_remembered_by_content(tmp_path: Path) -> None:
    path, cache = tmp_path / "calls.vcf", tmp_path / "cache"
    path.write_text(HEADER + COLUMNS + LINE)
    first = read_facts(path, cache=cache)
    assert first == read_facts(path, cache=cache)
    assert (first.samples, first.info, first.lengths["chr2"]) == (("a", "b"), ("GENE",), 242193529)
    for note in (cache / "vcf").iterdir():
        note.write_text("{}")
    assert read_facts(path, cache=cache) == first


def test_files_are_paths_or_name_their_origin() -> None:
    assert parse_files("a.vcf") == [("a.vcf", "somatic")]
    assert parse_files(["a.vcf", {"path": "b.vcf", "origin": "germline"}]) == [
        ("a.vcf", "somatic"),
        ("b.vcf", "germline"),
    ]
    with pytest.raises(FusionError, match=r"origin: somatic \| germline"):
        parse_files([{"path": "b.vcf", "origin": "tumour"}])
