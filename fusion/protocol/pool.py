"""Tasks in processes of their own: each result as it comes, and of a failure which task it was and what it was at.

`concurrent.futures` says of a killed process only that the pool is broken, and waits for the others before it says so.
Here every process has a pipe of its own, so that the task it died of is known, what others finished is handed over, and
all processes are gone when the failure is told.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from fusion.contract import FusionError
from fusion.contract.devices import be_worker

T = TypeVar("T")
Tell = Callable[[Any], None]
Work = Callable[[Any, Tell], Any]
"""A task and a way to tell the parent how it goes → its result."""

_MEMORY = ("not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task failed, as plain text that any process can read.

    Attributes:
        said: the error in a sentence.
        details: its traceback, for the log; empty of a process that was killed.
        memory: whether memory ran out, or most likely did.
        mendable: whether `said` is meant for the user as it is.
    """

    said: str
    details: str = ""
    memory: bool = False
    mendable: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """An error raised by the task."""
        mendable = next((one for one in _causes(error) if isinstance(one, FusionError)), None)
        memory = isinstance(error, MemoryError) or any(word in str(error).lower() for word in _MEMORY)
        text = " ".join(str(error).split())[:500]
        return cls(
            said=str(mendable) if mendable is not None else f"{type(error).__name__}{f': {text}' if text else ''}",
            details="".join(traceback.format_exception(error)),
            memory=memory,
            mendable=mendable is not None,
        )

    @classmethod
    def of_exit(cls, code: int | None) -> Failure:
        """A process that ended without a word."""
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            killed = -code == signal.SIGKILL
            why = ": most likely memory ran out" if killed else ""
            return cls(said=f"its process was ended by signal {-code} ({name}){why}", memory=killed)
        return cls(said=f"its process ended by itself with code {code}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


class TaskFailedError(Exception, Generic[T]):
    """A task failed; `task` is which, `failure` why."""

    def __init__(self, task: T, failure: Failure) -> None:
        super().__init__(failure.said)
        self.task = task
        self.failure = failure


@dataclass
class _Worker(Generic[T]):
    process: BaseProcess
    pipe: Connection
    task: T | None = None


def run_tasks(
    tasks: Sequence[T],
    *,
    workers: int,
    start: Callable[..., Work],
    arguments: tuple[Any, ...],
    told: Callable[[T, Any], None],
) -> Iterator[tuple[T, Any]]:
    """Run tasks in `workers` spawned processes, yielding each with its result as it finishes.

    Args:
        tasks: picklable.
        workers: processes.
        start: called once in each process with `arguments`; what it returns does the tasks.
        arguments: picklable.
        told: what a task tells on its way.

    Raises:
        TaskFailedError: one failed. Results of others that had finished by then were yielded before; all processes
            are gone.
    """
    # Spawned, not forked: the JVM, OpenMP and OpenSlide do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pending = list(reversed(tasks))
    running: list[_Worker[T]] = []
    try:
        for number in range(min(workers, len(tasks))):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, start, arguments, number), daemon=True)
            process.start()
            there.close()
            running.append(_Worker(process=process, pipe=here))
            _give(running[-1], pending.pop())
        while any(worker.task is not None for worker in running):
            ready = wait([worker.pipe for worker in running if worker.task is not None])
            failed: list[tuple[T, Failure]] = []
            for worker in running:
                if worker.pipe in ready and worker.task is not None:
                    task = worker.task
                    kind, content = _hear(worker)
                    if kind == "told":
                        told(task, content)
                    elif kind == "failed":
                        worker.task = None
                        failed.append((task, content))
                    else:
                        worker.task = None
                        yield task, content
                        if pending and not failed:
                            _give(worker, pending.pop())
            if failed:
                yield from _finished(running)
                raise TaskFailedError(*failed[0])
    finally:
        for worker in running:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()


def _give(worker: _Worker[T], task: T) -> None:
    worker.task = task
    with suppress(BrokenPipeError):  # it died between two tasks: hearing from it says so
        worker.pipe.send(task)


def _hear(worker: _Worker[T]) -> tuple[str, Any]:
    try:
        kind, content = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        worker.process.join()
        return "failed", Failure.of_exit(worker.process.exitcode)
    return kind, content


def _finished(running: Sequence[_Worker[T]]) -> Iterator[tuple[T, Any]]:
    """Results that lie in the pipes already."""
    for worker in running:
        while worker.task is not None and worker.pipe.poll():
            kind, content = _hear(worker)
            if kind != "told":
                task, worker.task = worker.task, None
                if kind == "done":
                    yield task, content


def _serve(pipe: Connection, start: Callable[..., Work], arguments: tuple[Any, ...], number: int) -> None:
    """What a process does: start, then one task after another, until the parent ends it."""
    be_worker(number)
    threading.Thread(target=end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    work: Work | None = None
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            work = work or start(*arguments)
            result = work(task, lambda content: pipe.send(("told", content)))
        except Exception as error:
            pipe.send(("failed", Failure.of(error)))
        else:
            pipe.send(("done", result))


def end_with_parent() -> None:
    """A worker whose parent was killed would work on for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
