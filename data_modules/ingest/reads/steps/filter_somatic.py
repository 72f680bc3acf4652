"""``filter_somatic``: a pair's alleles with their reads → the same with genotype and FILTER, by `reads.somatic`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from data_modules.ingest.reads.settings import SomaticRule
from data_modules.ingest.reads.somatic import MEANING, reasons_against


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; of alleles that fewer reads than ``--min-reads`` bear nothing is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tumour", required=True)
    parser.add_argument("--normal")
    parser.add_argument("--called", action="store_true", help="filtered before, by Mutect2: header alone")
    for one in fields(SomaticRule):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=type(one.default), default=one.default)
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args(arguments)
    rule = SomaticRule(**{one.name: getattr(given, one.name) for one in fields(SomaticRule)})
    write(given.input, given.output, rule=None if given.called else rule, tumour=given.tumour, normal=given.normal)
    return 0


def write(source: Path, target: Path, *, rule: SomaticRule | None, tumour: str, normal: str | None) -> None:
    """The file with ``##tumor_sample`` (and ``##normal_sample``), by which `modality.variants` tells a pair.

    Args:
        source: normalised, one allele a line, with FORMAT/AD; with a rule also FORMAT/DP.
        target: bgzipped.
        rule: decides; None keeps genotypes and FILTER as they are.
        tumour: sample.
        normal: sample.
    """
    import pysam

    with pysam.VariantFile(str(source)) as given:
        header: Any = given.header.copy()
        if not any(line.key == "tumor_sample" for line in header.records):
            header.add_line(f"##tumor_sample={tumour}")
            if normal is not None:
                header.add_line(f"##normal_sample={normal}")
        if rule is not None:
            for name, meaning in MEANING.items():
                header.filters.add(name, None, None, meaning)
            if "GT" not in header.formats:
                header.formats.add("GT", 1, "String", "Genotype")
        with pysam.VariantFile(str(target), "wz", header=header) as made:
            for record in given:
                # A record knows its own header alone: through the text, into the one with more lines.
                line: Any = _within(record, header)
                if rule is None or _judge(line, rule, tumour, normal):
                    made.write(line)


def _within(record: Any, header: Any) -> Any:
    record.translate(header)
    return record


def _judge(line: Any, rule: SomaticRule, tumour: str, normal: str | None) -> bool:
    """Set FILTER and genotypes; False where too few reads bear the allele for it to be worth a line."""
    alt, depth = _reads(line.samples[tumour])
    if alt < rule.min_reads:
        return False
    normal_alt, normal_depth = (0, 0) if normal is None else _reads(line.samples[normal])
    against = reasons_against(rule, alt=alt, depth=depth, normal_alt=normal_alt, normal_depth=normal_depth)
    line.filter.clear()
    for reason in against or ["PASS"]:
        line.filter.add(reason)
    line.samples[tumour]["GT"] = (0, 1)
    if normal is not None:
        line.samples[normal]["GT"] = (0, 1) if "in_normal" in against else (0, 0)
    return True


def _reads(sample: Any) -> tuple[int, int]:
    """Reads with the allele, and all at the place."""
    counts = [number or 0 for number in sample.get("AD") or (0, 0)]
    alt = counts[1] if len(counts) > 1 else 0
    return alt, max(sample.get("DP") or 0, sum(counts))


if __name__ == "__main__":
    sys.exit(main())
