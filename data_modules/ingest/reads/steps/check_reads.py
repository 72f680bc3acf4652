"""``check_reads <out.json> <fastq> [<fastq>]``: read a unit from end to end; exit code 2 where it is damaged."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from data_modules.hashes import write_text_atomic
from data_modules.ingest.reads.fastq import look
from fusion.contract import FusionError


def main(arguments: Sequence[str]) -> int:
    """Write what was counted."""
    out, *files = (Path(one) for one in arguments)
    try:
        facts = look(files, first=None)
    except (FusionError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    write_text_atomic(
        out, json.dumps({path.name: asdict(fact) for path, fact in zip(files, facts, strict=True)}) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
