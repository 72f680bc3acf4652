"""``check_aligned <sample> <flagstat> <out>``: exit code 2 where no read of a sample lies on the reference."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from data_modules.hashes import write_text_atomic


def counts(flagstat: str) -> tuple[int, int]:
    """Primary reads, and those of them that are mapped, by ``samtools flagstat``.

    Raises:
        ValueError: it is no output of flagstat.
    """
    found = [re.search(rf"^(\d+) \+ \d+ {name}", flagstat, re.MULTILINE) for name in (r"primary$", r"primary mapped")]
    if found[0] is None or found[1] is None:
        raise ValueError("no output of samtools flagstat of version 1.13 or later")
    return int(found[0][1]), int(found[1][1])


def main(arguments: Sequence[str]) -> int:
    """Write the two numbers."""
    sample, flagstat, out = arguments
    reads, mapped = counts(Path(flagstat).read_text(encoding="utf-8"))
    if not mapped:
        sys.stderr.write(
            f"sample {sample}: no reads aligned (0 of {reads}). The reads are of something else than the reference "
            "(reads.reference), or the files are mixed up.\n"
        )
        return 2
    write_text_atomic(Path(out), f"{mapped} of {reads} reads aligned\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
