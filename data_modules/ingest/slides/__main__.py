"""``python -m data_modules.ingest.slides``: ingest a cohort's slides alone, e.g. ahead of time or on several machines.

    python -m data_modules.ingest.slides cohort=mine
    python -m data_modules.ingest.slides cohort=mine execution=slurm slurm.partition=cpu
    python -m data_modules.ingest.slides cohort=mine modality.slides.tile.size=224 modality.slides.tile.mpp=0.5
    python -m data_modules.ingest.slides cohort=mine modality@modality.slides=slides_embedded

Started several times, on one machine or on several that share the folder `cache`, the runs share the work. A run that
was stopped goes on where it was. Slides that fail are listed; the rest go on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from data_modules.ingest.common.command import run_command
from fusion.contract import some

if TYPE_CHECKING:
    from data_modules.modalities.slides.slides import Slides


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, ingest, and say where quality table and contact sheets lie; exit code 2 on what the user can mend."""
    return run_command(
        arguments,
        program="python -m data_modules.ingest.slides",
        description=__doc__ or "",
        kind=_kind,
        lacking="slides to ingest",
        summary=_summary,
    )


def _kind() -> type[Slides]:
    from data_modules.modalities.slides.slides import Slides

    return Slides


def _summary(modality: Slides) -> str:
    found = modality.ingested
    tiles = sum(int(entry.record()["tiles_kept"]) for entry in found.entries.values())
    what = "pixels" if modality.embedding is None else f"{modality.embedding.encoder} embeddings"
    lines = [f"{modality.key}: {len(found.entries)} slides, {tiles} tiles ({what})"]
    if found.errors:
        lines.append(f"  {len(found.errors)} failed: {some(list(found.errors.values()))}")
    lines.append(f"  quality.csv and contact sheets in {found.folder}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
