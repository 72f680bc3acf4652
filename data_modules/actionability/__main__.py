"""``python -m data_modules.actionability``: patients' variants beside a release of CIViC, as JSON and as a page.

  python -m data_modules.actionability --civic civic_2024 --variants somatic.maf --build GRCh37 \
      --disease "Breast Cancer" --out actionability

A VCF (.vcf, .vcf.gz) is read as it is, with what VEP, SnpEff or ANNOVAR say. A table has a row a variant: a MAF, or any
CSV or TSV with a patient, a gene and what is known of the change (protein,
coding or genomic HGVS, coordinates, consequence; alteration: amplification, deletion, fusion or A::B).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fusion.contract import FusionError

MENDABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, match, write ``actionability.json`` and ``.html``; exit code 2 on what the user can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modules.actionability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--civic", type=Path, required=True, help="folder of one release's TSV files")
    parser.add_argument("--variants", type=Path, required=True, help="a VCF, a MAF, or a table, one variant a row")
    parser.add_argument("--out", type=Path, required=True, help="folder for actionability.json and .html")
    parser.add_argument("--build", help="of the coordinates, where no column says it: GRCh37 or GRCh38")
    parser.add_argument("--disease", action="append", default=[], help="tumour type as CIViC names it; may be repeated")
    parser.add_argument("--level", default="B", help="evidence below it is folded away: A to E (default: %(default)s)")
    parser.add_argument("--kinds", default="Predictive", help="evidence types, comma-separated (default: %(default)s)")
    parser.add_argument("--column", action="append", default=[], metavar="WHAT=COLUMN", help="e.g. gene=SYMBOL")
    given = parser.parse_args(arguments)
    try:
        _run(given)
    except FusionError as error:
        sys.stderr.write(f"{error}\n")
        return MENDABLE
    return 0


def _run(given: argparse.Namespace) -> None:
    from data_modules.actionability.changes import read_changes
    from data_modules.actionability.listing import Wanted, listing
    from data_modules.actionability.page import page
    from data_modules.actionability.release import read_release
    from data_modules.actionability.vcf import is_vcf, read_vcf
    from data_modules.hashes import file_hash, write_text_atomic
    from data_modules.readers.unreadable import UnreadableError

    wrong = [one for one in given.column if "=" not in one]
    if wrong:
        raise FusionError(f"--column {wrong[0]}: write it as gene=SYMBOL.")
    columns = dict(one.split("=", 1) for one in given.column)
    wanted = Wanted(diseases=tuple(given.disease), level=given.level.upper(), kinds=tuple(given.kinds.split(",")))
    release = read_release(given.civic)
    if not given.variants.is_file():
        raise FusionError(f"--variants {given.variants}: there is no such file.")
    try:
        if is_vcf(given.variants):
            changes = read_vcf(given.variants, build=given.build)
        else:
            changes = read_changes(given.variants, build=given.build, columns=columns)
    except UnreadableError as error:
        raise FusionError(str(error)) from error
    listed = listing(changes, release, wanted)
    listed["variants"] = {"file": given.variants.name, "sha256": file_hash(given.variants)}
    write_text_atomic(given.out / "actionability.json", json.dumps(listed, indent=1))
    write_text_atomic(given.out / "actionability.html", page(listed))
    account, shown = listed["account"], given.out / "actionability.html"
    sys.stdout.write(
        f"CIViC of {release.date}: {account['patients_with_evidence']} of {account['patients']} patients have "
        f"evidence; {account['variants_matched']} of {account['variants']} variants are in it.\n{shown}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
