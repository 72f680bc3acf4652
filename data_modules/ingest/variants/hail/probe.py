"""One small query, to see that Hail runs: ``python -m data_modules.ingest.variants.hail.probe job.json``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from data_modules.ingest.variants.hail.process import Teller, end_hail, start_hail

ROWS = 1000


def main(path: Path) -> None:
    """Sum the numbers below `ROWS` in Hail, and say how long that took after its start."""
    job = json.loads(path.read_text(encoding="utf-8"))
    tell = Teller(2)
    tell("starting Hail", 0)
    hl = start_hail(job)
    try:
        tell("asking Hail", 1)
        begin = time.perf_counter()
        table = hl.utils.range_table(ROWS, n_partitions=1)
        answer = int(table.aggregate(hl.agg.sum(table.idx)))
        seconds = time.perf_counter() - begin
    finally:
        end_hail(job)
    Path(job["out"]).write_text(json.dumps({"answer": answer, "seconds": seconds}), encoding="utf-8")
    tell("answered", 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # as in `hail_job`
