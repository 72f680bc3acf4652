"""One outer fold as a task: fit, score, write into the run folder. The same wherever it runs: here, Ray, SLURM."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import Fold
from fusion.contract.devices import device_of
from fusion.protocol.pool import Tell, Work
from fusion.run.record import now

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup

Task = tuple[Fold, str]
"""A fold and the run folder."""


def start(plain: Any) -> Work:
    """Build everything anew from a resolved configuration, once in each process; what comes back does folds."""
    from omegaconf import OmegaConf

    from fusion.protocol.setup import open_setup

    config = OmegaConf.create(plain)
    return fold_work(config, lambda: open_setup(config, lambda step, done, total: None))


def fold_work(config: Any, open_setup: Callable[[], Setup]) -> Work:
    """What does folds; every sum is made by one thread, so that results are the same to the last bit anywhere.

    The work takes a `Task` and tells of each part before it begins (its name), after each unit (None) and after each
    epoch (its row of the curves); it gives the fold's name, with all results saved: whoever lost the answer finds them
    in the run folder. Networks are kept as they are trained, and an interrupted fold goes on after the last of them.
    """
    from fusion.protocol.crossval import fit_fold
    from fusion.run.folder import RunFolder

    _one_thread()
    setup = open_setup()

    def work(task: Task, tell: Tell) -> str:
        fold, folder = task[0], RunFolder(Path(task[1]))
        begun, started = time.perf_counter(), now()
        where = {"repeat": fold.repeat, "fold": fold.index}
        result = fit_fold(
            config,
            setup,
            fold,
            folder.models(fold.name),
            lambda: tell(None),
            entering=tell,
            unfinished=folder.unfinished(fold.name),
            epoch=lambda arm, member, row: tell({"arm": arm, **where, "member": member, **row}),
        )
        seconds = round(time.perf_counter() - begun, 2)
        made = {"started": started, "seconds": seconds, "accelerator": _accelerator(config)}
        folder.save_fold(fold.name, replace(result, made=made))
        return fold.name

    return work


def _one_thread() -> None:
    import sklearn.linear_model  # noqa: F401 — loads the libraries whose thread pools are limited below
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)  # BLAS and OpenMP too: a pool a core in a worker a core would fight over them


def _accelerator(config: Any) -> str:
    """What networks train on under this configuration: a GPU's name, or ``cpu``."""
    return device_of(config.get("trainer") or {}).told
