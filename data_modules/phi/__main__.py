"""``python -m data_modules.phi``: what in a folder would tell who a patient is, before it leaves the machine.

  python -m data_modules.phi runs/mine/2026-01-01_12-00-00            # report, model card, figures, W&B files of a run
  python -m data_modules.phi images --ids clinical.csv --column patient_id

Looked at: names of files, texts, DICOM tags (PS3.15), labels and notes of slides. Places are told and identifiers never
printed. Not looked at: text burned into pixels, unless DICOM says that it is there. Exit code 0 nothing found, 3 found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fusion.contract import FusionError

MENDABLE, FOUND = 2, 3
_SHOWN = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, tell; exit code 3 where something identifies a patient, 2 on what the user can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modules.phi", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a run folder, any other folder, or a file")
    parser.add_argument("--ids", type=Path, help="table of identifiers; a run folder's own is its cohort.csv")
    parser.add_argument("--column", default="patient_id", help="of that table (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except FusionError as error:
        sys.stderr.write(f"{error}\n")
        return MENDABLE


def _run(given: argparse.Namespace) -> int:
    from data_modules.phi.ids import Ids, read_ids
    from data_modules.phi.scan import scan

    table = given.ids or given.folder / "cohort.csv"
    known = read_ids(table, given.column) if given.ids or table.is_file() else []
    found = scan(given.folder, Ids(known=known))
    if given.json:
        told = {
            "files": found.files, "ids": len(known), "ids_too_short": found.unsearched, "unread": found.unread,
            "findings": [one.record() for one in found.findings],
        }  # fmt: skip
        sys.stdout.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        return FOUND if found.identifies else 0
    order = sorted(found.findings, key=lambda one: one.weight != "identifies")
    lines = [f"{one.weight:>10}  {one.place}: {one.where}: {one.what}" for one in order[:_SHOWN]]
    lines += [f"… and {len(order) - _SHOWN} more (--json shows all)"] if len(order) > _SHOWN else []
    lines += [f"not looked into  {place}: {why}" for place, why in list(found.unread.items())[:_SHOWN]]
    searched = f"{len(known) - found.unsearched} ids searched for" if known else "no ids to search for (--ids)"
    short = f", {found.unsearched} too short to be" if found.unsearched else ""
    verdict = "FOUND" if found.identifies else "nothing found that identifies a patient"
    lines.append(f"{verdict}: {found.files} files, {searched}{short}.")
    sys.stdout.write("\n".join(lines) + "\n")
    return FOUND if found.identifies else 0


if __name__ == "__main__":
    sys.exit(main())
