"""The rule for pairs against a calculation by hand and SciPy's binomial, and the step that applies it to a VCF."""

from __future__ import annotations

from math import log10
from pathlib import Path

import pytest
from pysam import VariantFile
from scipy.stats import binom

from data_modules.ingest.reads.settings import SomaticRule
from data_modules.ingest.reads.somatic import normal_lod, reasons_against, tumour_lod
from data_modules.ingest.reads.steps.filter_somatic import main


def test_log_odds_are_ratios_of_binomials() -> None:
    error = 0.005
    seen = 12 / 80 * (1 - error) + 68 / 80 * error / 3
    wanted = binom.logpmf(12, 80, seen) - binom.logpmf(12, 80, error / 3)
    assert tumour_lod(12, 80, error=error) == pytest.approx(wanted / 2.302585092994046)
    # No read of 40 has the allele: (1 - e/3)^40 against (about a half)^40.
    half = 0.5 * (1 - error) + 0.5 * error / 3
    assert normal_lod(0, 40, error=error) == pytest.approx(40 * log10((1 - error / 3) / (1 - half)))
    assert tumour_lod(0, 0, error=error) == 0


@pytest.mark.parametrize(
    ("alt", "depth", "normal_alt", "normal_depth", "against"),
    [
        (12, 80, 0, 40, []),
        (3, 80, 0, 40, ["weak_evidence"]),
        (12, 80, 20, 40, ["in_normal"]),
        (6, 9, 0, 40, ["low_depth"]),
        (12, 80, 0, 7, ["low_normal_depth", "in_normal"]),
        (20, 1000, 0, 40, ["weak_evidence"]),
    ],
)
def test_reasons(alt: int, depth: int, normal_alt: int, normal_depth: int, against: list[str]) -> None:
    counts = {"alt": alt, "depth": depth, "normal_alt": normal_alt, "normal_depth": normal_depth}
    assert reasons_against(SomaticRule(), **counts) == against


def test_the_step_sets_filter_and_genotypes_and_drops_what_few_reads_bear(tmp_path: Path) -> None:
    rows = [("401", "A", "C", "40,0", "68,12"), ("500", "G", "T", "22,18", "40,40"), ("600", "G", "T", "40,0", "78,2")]
    lines = [f"chr17\t{at}\t.\t{ref}\t{alt}\t9\t.\t.\tAD:DP\t{n}:40\t{t}:80" for at, ref, alt, n, t in rows]
    head = [
        "##fileformat=VCFv4.2", "##contig=<ID=chr17,length=12000>",
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="reads">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP-N\tP-T",
    ]  # fmt: skip
    (tmp_path / "in.vcf").write_text("\n".join([*head, *lines]) + "\n")
    assert main(["--tumour", "P-T", "--normal", "P-N", str(tmp_path / "in.vcf"), str(tmp_path / "out.vcf.gz")]) == 0
    with VariantFile(str(tmp_path / "out.vcf.gz")) as made:
        kept = [(line.pos, list(line.filter), line.samples["P-T"]["GT"], line.samples["P-N"]["GT"]) for line in made]
        header = str(made.header)
    assert kept == [(401, ["PASS"], (0, 1), (0, 0)), (500, ["in_normal"], (0, 1), (0, 1))]
    assert "##tumor_sample=P-T\n##normal_sample=P-N\n" in header
