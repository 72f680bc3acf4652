"""``python -m data_modules.ingest.volumes``: ingest a cohort's radiology volumes alone, e.g. ahead of time.

    python -m data_modules.ingest.volumes cohort=mine
    python -m data_modules.ingest.volumes cohort=mine execution=slurm slurm.partition=cpu
    python -m data_modules.ingest.volumes cohort=mine modality.mri.spacing=1.5 modality.mri.crop=mask

Started several times, on one machine or on several that share the folder `cache`, the runs share the work. A run that
was stopped goes on where it was. Patients whose volumes fail are listed; the rest go on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from data_modules.ingest.common.command import run_command
from fusion.contract import some

if TYPE_CHECKING:
    from data_modules.modalities.volumes.volumes import Volumes


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, ingest, and say where quality table and contact sheets lie; exit code 2 on what the user can mend."""
    return run_command(
        arguments,
        program="python -m data_modules.ingest.volumes",
        description=__doc__ or "",
        kind=_kind,
        lacking="volumes to ingest",
        summary=_summary,
    )


def _kind() -> type[Volumes]:
    from data_modules.modalities.volumes.volumes import Volumes

    return Volumes


def _summary(modality: Volumes) -> str:
    found = modality.ingested
    volumes = sum(len(entry.record()) for entry in found.entries.values())
    lines = [f"{modality.key}: {len(found.entries)} patients, {volumes} volumes"]
    if found.errors:
        lines.append(f"  {len(found.errors)} failed: {some(list(found.errors.values()))}")
    lines.append(f"  quality.csv and contact sheets in {found.folder}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
