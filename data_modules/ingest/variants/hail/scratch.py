"""A job's own folder within `spark.scratch`, which several ingests may share at the same time.

What Hail exports there are genotypes: they are removed when the job ends, and those of jobs that were killed when the
next one begins.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from data_modules.ingest.variants.settings import SparkSettings

_PREFIX = "oncofusion-"


@contextmanager
def own_scratch(spark: SparkSettings) -> Iterator[SparkSettings]:
    """The settings with a scratch folder that no other job has; without one, as they are.

    On this machine's disks the folder is made here and removed at the end, whatever happens. A URL is only extended:
    the job writes and removes what is there, for it has the connection (`data_modules.ingest.variants.hail.process`).
    """
    if spark.scratch is None:
        yield spark
        return
    name = f"{_PREFIX}{secrets.token_hex(8)}"
    if "://" in spark.scratch:
        yield replace(spark, scratch=f"{spark.scratch.rstrip('/')}/{name}")
        return
    shared = Path(spark.scratch).expanduser().resolve()
    shared.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(shared)
    lock = FileLock(_lock_of(shared / name), thread_local=False)
    with lock:
        (shared / name).mkdir()
        try:
            yield replace(spark, scratch=str(shared / name))
        finally:
            _remove(shared / name)


def _remove_abandoned(shared: Path) -> None:
    """Folders of jobs whose process is gone: nobody holds their locks."""
    for folder in shared.glob(f"{_PREFIX}*"):
        with suppress(Timeout, OSError), FileLock(_lock_of(folder), thread_local=False).acquire(blocking=False):
            _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")
