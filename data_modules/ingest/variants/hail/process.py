"""What every child process with Hail needs: its stdout kept for progress, Hail started and ended.

Imported by the jobs (`hail_job`, `maf_job`, `matrix_table_job`) alone; hail itself is imported where it is used.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_LIGHT = 8_000_000
"""Genotypes below which the JVM compiles lightly: a fifth less processor time at 4 million, a half more at 40."""

_HOT_ONLY = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)
"""Ten times the usual: Hail's query compiler, which runs once, is not worth its own optimising, the reader is."""


class Teller:
    """Progress to the parent, a JSON line a step, on the real stdout; what the JVM prints goes to stderr.

    A parent that was killed takes this process and its JVM along: its end of their stdin closes.

    Args:
        total: how many steps there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._told: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        if stat.S_ISFIFO(os.fstat(0).st_mode) and os.getpgrp() == os.getpid():  # as `run_job` starts it
            threading.Thread(target=_end_with_parent, daemon=True).start()

    def __call__(self, step: str, done: int) -> None:
        self._told.write(json.dumps({"step": step, "done": done, "total": self.total}) + "\n")


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def start_hail(job: Mapping[str, Any], *, genotypes: int = 0) -> Any:
    """Initialise Hail as the job says and return the module.

    On a cluster one empty task is run, which shows that there are executors.

    Args:
        job: ``spark``, ``scratch``, ``log``, and ``reference``, the genome build of the files.
        genotypes: about how many there are to read.
    """
    import hail as hl
    from hail.backend import py4j_backend

    # Hail asks its JVM over a local connection, and asks again for ever when that breaks: on a full disk, for one.
    py4j_backend.sync_retry_transient_errors = _once
    spark = job["spark"]
    scratch = Path(job["scratch"])
    # Spark leaves folders in Java's temporary one when it is killed: they go with the scratch folder.
    (scratch / "java").mkdir(exist_ok=True)
    # A lack of memory ends the JVM, whichever of its threads meets it, so that nobody waits for an answer.
    options = [f'"-Djava.io.tmpdir={scratch / "java"}"', "-XX:+ExitOnOutOfMemoryError"]
    options += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"] if genotypes < _LIGHT else _HOT_ONLY
    conf = {"spark.driver.extraJavaOptions": " ".join(options), "spark.ui.enabled": "false"}
    for key in ("driver_memory", "executor_memory"):
        if spark.get(key):
            conf[f"spark.{key.replace('_', '.')}"] = str(spark[key])
    if spark.get("executor_cores"):
        conf["spark.executor.cores"] = str(spark["executor_cores"])
    hl.init(
        master=spark["master"],
        log=job["log"],
        quiet=True,
        tmp_dir=spark.get("scratch") or str(scratch / "hail"),
        local_tmpdir=(scratch / "hail").as_uri(),
        spark_conf={**conf, **spark.get("conf", {})},
        default_reference=job["reference"],
    )
    if not is_local(spark):
        hl.utils.range_table(1, n_partitions=1)._force_count()
    return hl


def _once(call: Callable[[], Any]) -> Any:
    return call()


def end_hail(job: Mapping[str, Any]) -> None:
    """Leave no JVM behind. In local mode it is killed, which `hl.stop` takes ten seconds for; a cluster is told."""
    import hail as hl
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    scratch = str(job["spark"].get("scratch") or "")
    if "://" in scratch:  # the job's own; nobody but Hail can reach it
        with suppress(Exception):
            hl.current_backend().fs.rmtree(scratch)
    if not is_local(job["spark"]):
        hl.stop()
    if gateway is not None:
        gateway.proc.kill()
        gateway.proc.wait()


def is_local(spark: Mapping[str, Any]) -> bool:
    """Whether Spark runs in the driver's own JVM."""
    return str(spark["master"]).startswith("local")
