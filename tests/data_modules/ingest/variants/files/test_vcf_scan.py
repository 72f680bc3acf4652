"""What one light reading of a VCF counts."""

from __future__ import annotations

from pathlib import Path

from data_modules.ingest.variants.files.vcf_scan import scan


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
