"""Outer folds in worker processes: one thread each, nothing shared but the configuration and the cached ingest."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import Fold

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from fusion.protocol.setup import Setup
    from fusion.run.result import FoldResult

_steps: Queue[int] | None = None
"""In a worker: where finished units of work are reported."""


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
    """
    workers = worker_count(config.workers, len(folds))
    if workers == 1:
        yield from _run_here(config, setup, folds, folder, step)
    else:
        yield from _run_in_pool(config, folds, folder, step, workers)


def _run_here(
    config: Any, setup: Setup, folds: Sequence[Fold], folder: Callable[[Fold], Path], step: Callable[[int], None]
) -> Iterator[tuple[Fold, FoldResult]]:
    from fusion.protocol.crossval import fit_fold

    _one_thread()
    for fold in folds:
        yield fold, fit_fold(config, setup, fold, folder(fold), lambda: step(1))


def _run_in_pool(
    config: Any, folds: Sequence[Fold], folder: Callable[[Fold], Path], step: Callable[[int], None], workers: int
) -> Iterator[tuple[Fold, FoldResult]]:
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

    from omegaconf import OmegaConf

    # Spawned, not forked: the JVM, OpenMP and OpenSlide do not survive a fork.
    context = multiprocessing.get_context("spawn")
    steps: Queue[int] = context.Queue()
    plain = OmegaConf.to_container(config, resolve=True)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(steps,)) as pool:
        pending = {pool.submit(_fold_in_worker, plain, fold, str(folder(fold))): fold for fold in folds}
        try:
            while pending:
                done, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                while not steps.empty():
                    step(steps.get())
                for future in done:
                    yield pending.pop(future), future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start(steps: Queue[int]) -> None:
    """Runs once in each worker."""
    global _steps
    _steps = steps
    threading.Thread(target=end_with_parent, daemon=True).start()
    _one_thread()


def end_with_parent() -> None:
    """A worker whose parent was killed would train on for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one_thread() -> None:
    import sklearn.linear_model  # noqa: F401 — loads the libraries whose thread pools are limited below
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)  # BLAS and OpenMP too: a pool a core in a worker a core would fight over them


def _fold_in_worker(plain: Any, fold: Fold, folder: str) -> FoldResult:
    from omegaconf import OmegaConf

    from fusion.protocol.crossval import fit_fold
    from fusion.protocol.setup import open_setup

    config = OmegaConf.create(plain)
    setup = open_setup(config, lambda step, done, total: None)
    return fit_fold(config, setup, fold, Path(folder), _report)


def _report() -> None:
    if _steps is not None:
        _steps.put(1)
