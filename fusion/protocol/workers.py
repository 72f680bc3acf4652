"""Outer folds in worker processes: one thread each, nothing shared but the configuration and the cached ingest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import Fold, FusionError
from fusion.protocol.pool import Failure, TaskFailedError, Tell, Work, run_tasks
from fusion.run.files import replace_file
from fusion.run.record import now

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup
    from fusion.run.result import FoldResult

Task = tuple[Fold, str]
"""A fold and the folder of its models."""


class FoldFailedError(FusionError):
    """A fold could not be finished; the message says which, at which arm, why, and what may help."""


def worker_count(asked: int | None, folds: int) -> int:
    """`workers` of the configuration, or as many as there are cores this process may use; never more than folds."""
    return max(1, min(asked or len(os.sched_getaffinity(0)), folds))


def run_folds(
    config: Any,
    setup: Setup,
    folds: Sequence[Fold],
    folder: Callable[[Fold], Path],
    step: Callable[[int], None],
) -> Iterator[tuple[Fold, FoldResult]]:
    """Fit and score folds, yielding each as it finishes.

    With one worker all happens in this process. Every process uses one thread for tensors: the sums, and so the
    predictions, are then the same to the last bit whatever `workers` is.

    Raises:
        FoldFailedError: a fold failed. What others had finished by then was yielded before, and no process is left.
    """
    from omegaconf import OmegaConf

    workers = worker_count(config.workers, len(folds))
    at: dict[str, str] = {}

    def told(task: Task, content: str | None) -> None:
        if content is None:
            step(1)
        else:
            at[task[0].name] = content

    tasks = [(fold, str(folder(fold))) for fold in folds]
    try:
        if workers == 1:
            results = _run_here(config, setup, tasks, told)
        else:
            plain = OmegaConf.to_container(config, resolve=True)
            results = run_tasks(tasks, workers=workers, start=_start, arguments=(plain,), told=told)
        for (fold, _), result in results:
            yield fold, result
    except TaskFailedError as error:
        raise _failed(config, error, at, workers) from error


def _run_here(
    config: Any, setup: Setup, tasks: Sequence[Task], told: Callable[[Task, str | None], None]
) -> Iterator[tuple[Task, FoldResult]]:
    work = _worker(config, lambda: setup)
    for task in tasks:
        try:
            result = work(task, lambda content, task=task: told(task, content))  # type: ignore[misc]
        except Exception as error:
            raise TaskFailedError(task, Failure.of(error)) from error
        yield task, result


def _one_thread() -> None:
    import sklearn.linear_model  # noqa: F401 — loads the libraries whose thread pools are limited below
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)  # BLAS and OpenMP too: a pool a core in a worker a core would fight over them


def _start(plain: Any) -> Work:
    """Runs once in each worker, which builds everything anew."""
    from omegaconf import OmegaConf

    from fusion.protocol.setup import open_setup

    config = OmegaConf.create(plain)
    return _worker(config, lambda: open_setup(config, lambda step, done, total: None))


def _worker(config: Any, open_setup: Callable[[], Setup]) -> Work:
    from fusion.protocol.crossval import fit_fold

    _one_thread()
    setup = open_setup()

    def work(task: Task, tell: Tell) -> FoldResult:
        fold, folder = task
        begun, started = time.perf_counter(), now()
        result = fit_fold(config, setup, fold, Path(folder), lambda: tell(None), entering=tell)
        seconds = round(time.perf_counter() - begun, 2)
        return replace(result, made={"started": started, "seconds": seconds, "accelerator": _accelerator(config)})

    return work


def _accelerator(config: Any) -> str:
    """What Lightning trains on under this configuration: a GPU's name, or ``cpu``."""
    import torch

    asked = str((config.get("trainer") or {}).get("accelerator", "auto"))
    on_gpu = asked in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    return torch.cuda.get_device_name() if on_gpu else "cpu"


def _failed(config: Any, error: TaskFailedError[Task], at: dict[str, str], workers: int) -> FoldFailedError:
    """Which fold, at what, why; what may help; and where the traceback is."""
    (fold, folder), failure = error.task, error.failure
    told = [f"Fold {fold.name} failed at {at.get(fold.name, 'its start')}: {failure.said.rstrip('.')}."]
    if failure.memory:
        data = config.get("datamodule") or {}
        sizes = [f"datamodule.{key} (now {data[key]})" for key in ("batch_size", "tiles_per_patient") if data.get(key)]
        told.append(f"Lower {', '.join([f'workers (now {workers})', *sizes])}, or use a machine with more memory.")
    if failure.details and not failure.mendable:
        log = Path(folder).with_suffix(".log")
        replace_file(log, lambda partial: partial.write_text(failure.details, encoding="utf-8"))
        told.append(f"Traceback: {log}.")
    told.append("Finished folds are kept; resume=true goes on from them.")
    return FoldFailedError(" ".join(told))
