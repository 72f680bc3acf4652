"""What Java prints on its way down → the one sentence that a user can act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_modules.ingest.variants.hail.runner import _failure
from data_modules.ingest.variants.settings import SparkSettings

LOCAL = SparkSettings(driver_memory="1g")
CLUSTER = SparkSettings(master="spark://host:7077", driver_memory="1g", executor_memory="2g")
SMALL = (
    "java.lang.IllegalArgumentException: System memory 67108864 must be at least 471859200. Please increase heap size "
    "using the --driver-memory option or spark.driver.memory in Spark configuration.\n\tat org.apache.spark\n"
)
HEAP = "Terminating due to java.lang.OutOfMemoryError: Java heap space\nTraceback\nConnectionError: refused\n"


@pytest.mark.parametrize(
    ("code", "printed", "spark", "said"),
    [
        (1, HEAP, LOCAL, "out of memory with spark.driver_memory=1g. Raise spark.driver_memory, see conf/spark."),
        (1, HEAP, CLUSTER, "Raise spark.driver_memory (spark.executor_memory=2g where an executor lacked it)"),
        (1, SMALL, SparkSettings(driver_memory="64m"), "out of memory with spark.driver_memory=64m. Raise"),
        (-9, "", LOCAL, "ended by signal 9 (SIGKILL); if nobody did so, memory ran out: lower spark.driver_memory=1g"),
        (1, "java.io.IOException: No space left on device\n", LOCAL, "no space left on the disk of the cache folder"),
        (1, "x\nAll masters are unresponsive! Giving up.\n", CLUSTER, "no Spark master answers at spark://host:7077"),
        (
            1,
            "a\nfusion.contract.errors.FusionError: a.vcf, line 3: bad.\n",
            LOCAL,
            "a.vcf, line 3: bad.",
        ),
        (1, "data_modules.ingest.variants.files.maf.MafError: a.maf: bad.\n", LOCAL, "a.maf: bad."),
        (1, "Error summary: HailException: what is this\nlast\n", LOCAL, "Hail failed: Error summary: HailException"),
    ],
)
def test_the_sentence_behind_a_traceback(
    tmp_path: Path, code: int, printed: str, spark: SparkSettings, said: str
) -> None:
    assert said in str(_failure(code, printed, tmp_path / "hail.log", spark))
    assert ("MafError" in printed) <= str(_failure(code, printed, tmp_path / "hail.log", spark)).startswith(said)
