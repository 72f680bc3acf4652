"""A Hail MatrixTable as VCF: ``python -m data_modules.ingest.variants.hail.matrix_table_job job.json``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from data_modules.ingest.variants.hail.process import Teller, end_hail, start_hail
from fusion.contract import FusionError


def main(path: Path) -> None:
    """Run the job of a JSON file, then end the JVM and this process."""
    job = json.loads(path.read_text(encoding="utf-8"))
    tell = Teller(2)
    tell("starting Hail", 0)
    hl = start_hail(job)
    try:
        tell("reading the MatrixTable", 1)
        matrix = hl.read_matrix_table(job["path"])
        lacking = {"locus", "alleles"} - set(matrix.row) or {"GT"} - set(matrix.entry)
        if lacking:
            raise FusionError(
                f"{job['path']} has no field {', '.join(sorted(lacking))}: it is no MatrixTable of variants."
            )
        hl.export_vcf(matrix, job["out"])
    finally:
        end_hail(job)
    shutil.rmtree(job["scratch"], ignore_errors=True)
    tell("MatrixTable read", 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # as in `hail_job`
