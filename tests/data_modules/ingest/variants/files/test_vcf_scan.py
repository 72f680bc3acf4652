"""What one light reading of a VCF counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from data_modules.ingest.variants.files.vcf_scan import read_facts, scan


def test_lines_are_counted_by_filter_layout_and_contig(tmp_path: Path) -> None:
    lines = [
        ("chr1", 10, "PASS", "GT:DP", "0/1:9"),
        ("chr1", 20, "weak", "GT:DP", "0/1:9"),
        ("chr1", 20, "PASS", "GT", "0/1"),
        ("chr2", 5, "PASS", "GT:AD", "1/1:0,9"),
        ("chr2", 9, "weak;far", "GT:DP", "0/0:9"),
    ]
    head = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    names = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
    body = "".join(
        f"{contig}\t{at}\t.\tA\tC\t.\t{why}\t.\t{layout}\t{call}\n" for contig, at, why, layout, call in lines
    )
    (tmp_path / "a.vcf").write_text(head + names + body)
    facts = scan(tmp_path / "a.vcf")
    assert facts.problem is None
    assert facts.filters == {"PASS": 3, "weak": 1, "weak;far": 1}
    assert facts.formats == {"GT:DP": 3, "GT": 1, "GT:AD": 1}
    assert facts.contigs == {"chr1": 3, "chr2": 2}
    assert (facts.records, facts.depthless) == (5, 2)


def test_facts_are_remembered_by_content_and_by_version(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.vcf", tmp_path / "cache"
    head = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    names = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
    path.write_text(f"{head}{names}chr1\t5\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\n")
    assert read_facts(path, cache=cache).records == 1
    (note,) = (cache / "vcf").iterdir()
    told = json.loads(note.read_text())
    note.write_text(json.dumps({**told, "records": 99}))
    copy = shutil.copy(path, tmp_path / "b.vcf")
    again = read_facts(copy, cache=cache)  # the file is not scanned, wherever it lies
    assert (again.records, again.path, again.samples) == (99, str(copy), ("S",))
    for other in (json.dumps({**told, "records": 99, "version": told["version"] - 1}), "{"):
        note.write_text(other)
        assert read_facts(path, cache=cache).records == 1
        assert json.loads(note.read_text()) == told | {"path": str(path)}
