"""Simulated germline calls: those that matter stand clear of every filter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam

from data_modules.sources.simulated.genomes import Allele, Germline
from data_modules.sources.simulated.vcf import write_germline


def test_pathogenic_alleles_have_reads_enough_of_both_kinds_and_are_always_called(tmp_path: Path) -> None:
    """300 carriers each: by chance alone one in twelve of 22 reads would have less than a third of either kind."""
    patients = 300
    alleles = {
        name: Allele(
            contig_index=16, position=1000 * number, ref="A", alt="C", gene="BRCA1", consequence="stopgain",
            pathogenic=name == "pathogenic",
        )
        for number, name in enumerate(("pathogenic", "common"), start=1)
    }  # fmt: skip
    germline = Germline(copies={one: np.ones(patients, dtype=np.int8) for one in alleles.values()}, causes={})
    path = tmp_path / "germline.vcf.gz"
    write_germline(path, np.random.default_rng(0), germline, {number: f"S{number}" for number in range(patients)})
    shares, depths = {}, {}
    with pysam.VariantFile(str(path)) as file:
        for record in file:
            name = "pathogenic" if record.pos == 1000 else "common"
            called = [call for call in record.samples.values() if call["GT"] != (None, None)]
            assert all(sum(call["AD"]) == call["DP"] for call in called)
            shares[name] = np.array([call["AD"][1] / call["DP"] for call in called])
            depths[name] = np.array([call["DP"] for call in called])
            assert name == "common" or list(record.filter) == ["PASS"]
    assert len(shares["pathogenic"]) == patients > len(shares["common"])
    assert depths["pathogenic"].min() >= 22 > depths["common"].min()
    assert shares["pathogenic"].min() > 0.3 and shares["pathogenic"].max() <= 2 / 3
    assert shares["common"].min() < 0.3 and shares["common"].max() > 0.7
