"""Outer folds as tasks in processes of this machine, or of others (`execution`); nothing shared but files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import Fold, FusionError
from fusion.contract.devices import cores
from fusion.protocol.execution.cluster import run_on
from fusion.protocol.execution.opened import open_cluster
from fusion.protocol.execution.places import Folds
from fusion.protocol.fold_task import Task, fold_work, start
from fusion.protocol.pool import Failure, TaskFailedError, run_tasks
from fusion.run.files import replace_file

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup


class FoldFailedError(FusionError):
    """A fold could not be finished; the message says which, at which arm, why, and what may help."""


def worker_count(asked: int | None, folds: int) -> int:
    """`workers` of the configuration, or as many as there are cores this process may use; never more than folds."""
    return max(1, min(asked or cores(), folds))


def run_folds(
    config: Any,
    setup: Setup,
    folds: Sequence[Fold],
    run: Path,
    step: Callable[[int], None],
    *,
    say: Callable[[str], None] = lambda text: None,
    live: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Generator[Fold, None, None]:
    """Fit, score and save folds, yielding each as it finishes.

    With one worker all happens in this process. Every process uses one thread for tensors: the sums, and so the
    predictions, are then the same to the last bit whatever `workers` and `execution` are.

    Args:
        config: of the run.
        setup: opened, ingested.
        folds: that are not finished.
        run: the run folder, in which folds.json lies.
        step: called with 1 after each unit of work.
        say: told of nodes that were lost.
        live: told of each epoch of each network: arm, repeat, fold, member, epoch, losses and metrics.

    Raises:
        FoldFailedError: a fold failed. What others had finished by then was yielded before, and no process is left.
        FusionError: the cluster that `execution` names does not answer.
    """
    from omegaconf import OmegaConf

    workers = worker_count(config.workers, len(folds))
    at: dict[str, str] = {}

    def told(task: Task, content: Any) -> None:
        if content is None:
            step(1)
        elif isinstance(content, str):
            at[task[0].name] = content
        else:
            live(content)

    tasks = [(fold, str(run)) for fold in folds]
    results: Iterator[tuple[Task, Any]]
    try:
        if config.get("execution", "local") != "local" and tasks:
            results = _on_cluster(config, tasks, run, told, say)
        elif workers == 1:
            results = _run_here(config, setup, tasks, told)
        else:
            plain = OmegaConf.to_container(config, resolve=True)
            results = run_tasks(tasks, workers=workers, start=start, arguments=(plain,), told=told)
        for (fold, _), _ in results:
            yield fold
    except TaskFailedError as error:
        raise _failed(config, error, at, workers) from error


def _on_cluster(
    config: Any, tasks: Sequence[Task], run: Path, told: Callable[[Task, Any], None], say: Callable[[str], None]
) -> Iterator[tuple[Task, Any]]:
    from omegaconf import OmegaConf

    retries = config[str(config.execution)].retries
    place = Folds(run=run.absolute(), config=OmegaConf.to_container(config, resolve=True))
    cluster = open_cluster(config, logs=place.run / "logs" / "slurm")
    named = {fold.name: (fold, folder) for fold, folder in tasks}
    return run_on(cluster, named, place, retries=retries, told=told, say=say)


def _run_here(
    config: Any, setup: Setup, tasks: Sequence[Task], told: Callable[[Task, Any], None]
) -> Iterator[tuple[Task, Any]]:
    work = fold_work(config, lambda: setup)
    for task in tasks:
        try:
            result = work(task, lambda content, task=task: told(task, content))  # type: ignore[misc]
        except Exception as error:
            raise TaskFailedError(task, Failure.of(error)) from error
        yield task, result


def _failed(config: Any, error: TaskFailedError[Task], at: dict[str, str], workers: int) -> FoldFailedError:
    """Which fold, at what, why; what may help; and where the traceback is."""
    (fold, folder), failure = error.task, error.failure
    told = [f"Fold {fold.name} failed at {at.get(fold.name, 'its start')}: {failure.said.rstrip('.')}."]
    if failure.memory:
        data = config.get("datamodule") or {}
        sizes = [f"datamodule.{key} (now {data[key]})" for key in ("batch_size", "tiles_per_patient") if data.get(key)]
        told.append(f"Lower {', '.join([f'workers (now {workers})', *sizes])}, or use a machine with more memory.")
    if failure.details and not failure.mendable:
        log = Path(folder) / "models" / f"{fold.name}.log"
        replace_file(log, lambda partial: partial.write_text(failure.details, encoding="utf-8"))
        told.append(f"Traceback: {log}.")
    told.append("Finished folds are kept; resume=true goes on from them.")
    return FoldFailedError(" ".join(told))
