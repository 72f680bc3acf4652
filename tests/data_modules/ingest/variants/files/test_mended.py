"""Lines of VCFs as they are meant, and the path that Hail reads them by."""

from __future__ import annotations

import gzip
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_modules.ingest.variants.files.mended import declarations, mended_lines, needs_mending, upper
from data_modules.ingest.variants.files.placed import placed
from data_modules.ingest.variants.files.vcf import VcfFacts

HEAD = "##fileformat=VCFv4.2"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tA\tB"


def facts(path: Path, **given: Any) -> VcfFacts:
    return VcfFacts(**({"path": str(path), "compression": "plain", "samples": ("A", "B")} | given))


def mended(folder: Path, *lines: str, head: str = HEAD, columns: str = COLUMNS, **given: Any) -> list[str]:
    path = folder / "a.vcf"
    path.write_text("\r\n".join([head, columns, *lines]) + "\r\n")
    return [line.decode() for line in mended_lines(path, facts(path, **given))]


def record(calls: str, *, ref: str = "A", alt: str = "C", keys: str = "GT") -> str:
    return f"1\t5\t.\t{ref}\t{alt}\t.\tPASS\tDP=3\t{keys}\t{calls}"


def test_what_needs_mending(tmp_path: Path) -> None:
    assert not needs_mending(facts(tmp_path)) and not needs_mending(facts(tmp_path, reduced_ploidy=3))
    fields = {"GT": "1,String"}
    for given in ({"half_calls": 1}, {"lower_case": 1}, {"marked": True}, {"without_genotypes": True}):
        assert needs_mending(facts(tmp_path, fields=fields, **given)), given


def test_half_calls_and_reduced_ones(tmp_path: Path) -> None:
    lines = [record("./1:3\t2|.:4"), record(".|12\t0/."), record("./0\t./."), record("0/1/2:.\t0|1")]
    half = mended(tmp_path, *lines, half_calls=3)
    calls = [line.split("\t", 9)[9] for line in half[2:]]
    assert calls == ["0/1:3\t2|0:4", "0|12\t0/.", "./0\t./.", "0/1/2:.\t0|1"]
    both = mended(tmp_path, *lines, half_calls=3, reduced_ploidy=1)
    assert [line.split("\t", 9)[9] for line in both[2:]] == ["0/1:3\t2|0:4", "0|12\t0/.", "./0\t./.", "1/2:.\t0|1"]
    none = mended(tmp_path, *lines, marked=True)
    assert [line.split("\t", 9)[9] for line in none[2:]] == [line.split("\t", 9)[9] for line in lines]
    assert half[0] == HEAD and half[1] == COLUMNS


def test_alleles_in_lower_case_and_a_mark_at_the_begin(tmp_path: Path) -> None:
    assert upper(b"acg,<del>,g]17:1],t") == b"ACG,<del>,g]17:1],T"
    found = mended(
        tmp_path, record("0/1\t0/0", ref="ac", alt="a,<DEL>"), "", head=f"\ufeff{HEAD}", lower_case=1, marked=True
    )
    assert found[0] == HEAD and found[2].split("\t")[3:5] == ["AC", "A,<DEL>"] and found[3] == ""
    kept = mended(tmp_path, record("0/1\t0/0", ref="ac", alt="a"), marked=True)
    assert kept[2].split("\t")[3:5] == ["ac", "a"]


def test_strelkas_calls_get_genotypes_and_depths(tmp_path: Path) -> None:
    keys = "DP:AU:CU:GU:TU"
    head = f'{HEAD}\r\n##FORMAT=<ID=AD,Number=1,Type=Integer,Description="other">'
    columns = COLUMNS.replace("\tA\tB", "\tNORMAL\tTumor")
    lines = [
        record("9:8,8:1,2:0,0:0,0\t7:3,4:4,5:0,0:0,0", keys=keys), record("9:.:1,2\t7:3,4:4,5", keys=keys),
        record("9:5,5:2,2\t7:1,1:6,6", ref="AT", alt="A", keys="DP:TAR:TIR"),
    ]  # fmt: skip
    found = mended(tmp_path, *lines, head=head, columns=columns, without_genotypes=True, samples=("NORMAL", "Tumor"))
    assert found[:4] == [
        HEAD,
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Read depth for each allele">',
        columns,
    ]
    assert [line.split("\t")[8] for line in found[4:]] == [f"GT:AD:{keys}"] * 2 + ["GT:AD:DP:TAR:TIR"]
    assert [line.split("\t")[9].split(":")[:2] for line in found[4:]] == [["0/0", "8,1"], ["0/0", "."], ["0/0", "5,2"]]
    assert [line.split("\t")[10].split(":")[:2] for line in found[4:]] == [
        ["0/1", "3,4"],
        ["0/1", "3,4"],
        ["0/1", "1,6"],
    ]
    alone = record("9:8,8:1,2", keys=keys)
    (line,) = mended(tmp_path, alone, columns=COLUMNS[:-2], without_genotypes=True, samples=("P1",))[4:]
    assert line.split("\t")[9] == "0/1:8,1:9:8,8:1,2"
    assert [one.decode().split(",")[0] for one in declarations(facts(tmp_path, without_genotypes=True))] == [
        "##FORMAT=<ID=GT", "##FORMAT=<ID=AD",
    ]  # fmt: skip


def test_the_path_that_hail_reads_by(tmp_path: Path) -> None:
    """A sound file of a plain name is read where it lies; others through a link that has its ending, or mended."""

    def put(name: str, compression: str, **given: Any) -> tuple[str, str]:
        path = tmp_path / name
        file = {"path": str(path), "compression": compression, "facts": asdict(facts(path, **given))}
        return placed(file, tmp_path / "new" / "links", "x")

    (tmp_path / "a.vcf").write_text(f"{HEAD}\n{COLUMNS}\n{record('./1' + chr(9) + '0/0')}\n")
    (tmp_path / "odd name.vcf").write_text("x")
    assert put("a.vcf", "plain") == (str(tmp_path / "a.vcf"), "plain")
    assert (tmp_path / "new/links").is_dir()
    for name, kind, ending in (("odd name.vcf", "plain", ".vcf"), ("a.vcf", "gzip", ".vcf.gz")):
        found, said = put(name, kind)
        assert (found, said) == (str(tmp_path / f"new/links/x{ending}"), kind)
        assert Path(found).readlink() == tmp_path / name
    assert put("a.vcf.gz", "bgzip") == (str(tmp_path / "a.vcf.gz"), "bgzip")
    found, said = put("a.vcf", "plain", half_calls=1)
    assert (found, said) == (str(tmp_path / "new/links/x.vcf.bgz"), "bgzip")
    with gzip.open(found, "rt") as stream:
        assert stream.read().splitlines()[-1].endswith("\t0/1\t0/0")
