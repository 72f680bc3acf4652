"""The process wall around Hail: start the child that holds the JVM, pass its progress on, and say why it failed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from data_modules.ingest.variants.hail.java import find_java
from data_modules.ingest.variants.settings import SparkSettings
from fusion.contract import FusionError, Progress

_HEAP_WORDS = (
    "OutOfMemoryError",
    "GC overhead limit",
    "must be at least",  # Spark: System memory … must be at least 471859200
    "Invalid maximum heap size",
    "Could not reserve enough space",
    "Too small maximum heap",
    "Initial heap size set to a larger value",
)
_GONE_WORDS = (
    "Answer from Java side is empty",
    "Error while sending or receiving",
    "Py4JNetworkError",
    "JAVA_GATEWAY_EXITED",
)
_MASTER_WORDS = ("All masters are unresponsive", "Failed to connect to master", "Application has been killed")
_STARTING = "starting Hail"
_LEAST_SPACE = 256 << 10
"""Bytes; a disk with less free is full, whatever else is said."""
_OWN = re.compile(r"(?:fusion|data_modules)\.[\w.]*Error: ")
"""A FusionError, or one of its kind, as Python prints it."""
_LINE = re.compile(r"HailException: (\S+):offset \d+: error while parsing line\n([^\t\n]+)\t(\d+)\t")
_PARSE = re.compile(r"VCFParseError: (.+)")


def run_job(job: Path, *, module: str, log: Path, spark: SparkSettings, progress: Progress) -> None:
    """Run the Hail process to its end, passing its progress on; on every way out it and its JVM are gone.

    Args:
        job: JSON file; the process works in its folder, so that what Spark drops there never shows elsewhere.
        module: what the process runs; it is given the path of `job`.
        log: what Hail logs; what the process and its JVM print goes beside it, with the ending ``.err``.
        spark: for the time limits and for messages.
        progress: told of each step.

    Raises:
        FusionError: there is no Java, or the process failed; the message says why where that is known, and where the
            log is.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    printed = log.with_suffix(".err")
    with printed.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(job.resolve())],
            stdout=subprocess.PIPE,
            stderr=stderr,
            stdin=subprocess.PIPE,  # never written to: its end tells the process of ours
            cwd=job.parent,
            env=_environment(spark),
            start_new_session=True,
        )
        whole = _Alarm(spark.timeout, process)
        # On a cluster without room for an executor Spark waits for ever, so the start has a limit of its own.
        start = None if is_local(spark) else _Alarm(spark.start_timeout, process)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                told = json.loads(line)
                if start is not None and told["step"] != _STARTING:
                    start.cancel()
                progress(told["step"], told["done"], told["total"])
            code = process.wait()
        finally:
            for alarm in (whole, start):
                if alarm is not None:
                    alarm.cancel()
            _end(process)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
    if start is not None and start.rang:
        raise FusionError(
            f"{spark.master} has given Hail no executor in {spark.start_timeout:g} seconds. Its workers lack free "
            f"cores, or memory for spark.executor_memory={spark.executor_memory}: lower it, or free some; where "
            f"applications queue, raise spark.start_timeout. Log: {log}"
        )
    if whole.rang:
        raise FusionError(
            f"Hail has not finished in {spark.timeout:g} seconds on {spark.master}. A cluster without free memory or "
            f"cores waits for ever: check spark.executor_memory and spark.executor_cores, or raise spark.timeout. "
            f"Log: {log}"
        )
    if code != 0:
        raise _failure(code, printed.read_text(encoding="utf-8", errors="replace"), log, spark)


class _Alarm:
    """Ends a process after some seconds, unless it is cancelled; `rang` says whether it did."""

    def __init__(self, seconds: float, process: subprocess.Popen[bytes]) -> None:
        self.rang = False
        self._process = process
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        self.rang = True
        _end(self._process)

    def cancel(self) -> None:
        self._timer.cancel()


def _environment(spark: SparkSettings) -> dict[str, str]:
    environment = find_java().environment()
    package_root = str(Path(__file__).resolve().parents[4])
    paths = [package_root, *filter(None, [environment.get("PYTHONPATH")])]
    settings = {
        **environment,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",  # Hail warns of every Java but 11
    }
    loopback = is_local(spark) or re.match(r"spark://(127\.0\.0\.1|localhost):", spark.master) is not None
    if loopback:
        settings.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return settings


def is_local(spark: SparkSettings) -> bool:
    """Whether Spark runs in the driver's own JVM."""
    return spark.master.startswith("local")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its JVM, which share a process group."""
    # macOS answers PermissionError for a group of zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(code: int, printed: str, log: Path, spark: SparkSettings) -> FusionError:
    """The one sentence behind a long Java traceback."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    told = [line for line in lines if _OWN.match(line)]
    if told:
        return FusionError(told[-1].partition(": ")[2])
    if any(word in printed for word in _HEAP_WORDS):
        executor = f" (spark.executor_memory={spark.executor_memory} where an executor lacked it)"
        return FusionError(
            f"Hail ran out of memory with spark.driver_memory={spark.driver_memory}. Raise spark.driver_memory"
            f"{'' if is_local(spark) else executor}, see conf/spark. Log: {log}"
        )
    # What was printed lies on that disk too, and may have found no room.
    if "No space left on device" in printed or shutil.disk_usage(log.parent).free < _LEAST_SPACE:
        return FusionError(
            f"no space left on the disk of the cache folder {log.parent.parent} while Hail wrote to it; free some, or "
            f"set `cache` to a folder on another disk. Log: {log}"
        )
    if code < 0:
        return FusionError(
            f"Hail was ended by signal {-code} ({signal.Signals(-code).name}); if nobody did so, memory ran out: lower "
            f"spark.driver_memory={spark.driver_memory} or use a machine with more. Run again. Log: {log}"
        )
    if any(word in printed for word in _MASTER_WORDS):
        return FusionError(f"no Spark master answers at {spark.master}. Set spark.master, or start it. Log: {log}")
    line = _LINE.search(printed)
    if line:
        parse = _PARSE.search(printed)
        said = parse[1][:200] if parse else "it cannot be parsed"
        name = Path(line[1]).name
        return FusionError(f"{name}: the line of {line[2]}:{line[3]} cannot be read: {said}. Mend it. Log: {log}")
    if any(word in printed for word in _GONE_WORDS):
        return FusionError(
            "the Java process of Hail ended in the middle of its work: somebody ended it, or memory ran out (then "
            f"lower spark.driver_memory={spark.driver_memory}). Nothing half made counts. Run again. Log: {log}"
        )
    words = ("Error:", "Exception:", "error:")
    why = next((line for line in reversed(lines) if any(word in line for word in words)), lines[-1] if lines else "?")
    return FusionError(f"Hail failed: {why[:400]} Log: {log}, {log.with_suffix('.err').name}")
