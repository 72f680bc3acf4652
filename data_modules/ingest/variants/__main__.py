"""``python -m data_modules.ingest.variants``: ingest a cohort's variants alone, e.g. ahead of time or on a cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from data_modules.ingest.common.command import run_command

if TYPE_CHECKING:
    from data_modules.modalities.variants.stored import StoredVariants


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, ingest, and say what was kept; exit code 2 on what the user can mend."""
    return run_command(
        arguments,
        program="python -m data_modules.ingest.variants",
        description=f"{__doc__}\n\nSee also the keys of conf/spark: spark=local|cluster.",
        kind=_kind,
        lacking="variants",
        summary=_summary,
    )


def _kind() -> type[StoredVariants]:
    from data_modules.modalities.variants.stored import StoredVariants

    return StoredVariants


def _summary(modality: StoredVariants) -> str:
    """What was kept and dropped, an origin a paragraph."""
    lines = []
    for origin, store in modality.ingest.stores().items():
        lines.append(f"{modality.key}, {origin}: {len(store.variants)} variants × {len(store.samples)} samples")
        lines += [
            f"  {part}: " + ", ".join(f"{reason.replace('_', ' ')} {number}" for reason, number in counts.items())
            for part, counts in store.qc.items()
            if isinstance(counts, dict)
        ]
        lines.append(f"  in {store.folder}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
