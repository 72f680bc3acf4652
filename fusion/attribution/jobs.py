"""Patients explained side by side: worker processes of one thread, a fold's members loaded once in each."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.apply.trained import load_members
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import Settings, explain_patient
from fusion.attribution.store import Store
from fusion.protocol.workers import end_with_parent

if TYPE_CHECKING:
    from fusion.contract import EndpointSpec
    from fusion.protocol.setup import Setup

CHUNK = 16
"""Patients a job: small enough that no worker waits long for the other at the end."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Patients of one fold.

    Attributes:
        fold: its name.
        models: where the run keeps its members.
        train: for each member, whom it was trained on.
        patients: to explain, with the names they have in the output.
    """

    fold: str
    models: Path
    train: tuple[tuple[str, ...], ...]
    patients: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all tasks share; plain data, for spawned processes."""

    config: Mapping[str, Any]
    endpoint: EndpointSpec
    settings: Settings
    store: Store


class Worker:
    """Explains patients; keeps the members of the last fold."""

    def __init__(self, job: Job, setup: Setup) -> None:
        self._job = job
        self._setup = setup
        self._fold: str | None = None
        self._members: list[ExplainedMember] = []

    def run(self, task: Task, step: Callable[[], None]) -> None:
        """Explain and save the patients of a task."""
        members = self._members_of(task)
        for patient, name in task.patients:
            explanation = explain_patient(members, patient, self._job.settings)
            if name != patient:
                # Names of slides tell whose they are.
                for slides in explanation.facts.get("slides", {}).values():
                    slides["files"] = [f"slide {number + 1}" for number in range(len(slides["files"]))]
            self._job.store.save(name, explanation)
            step()

    def _members_of(self, task: Task) -> list[ExplainedMember]:
        from omegaconf import OmegaConf

        if self._fold != task.fold:
            loaded = load_members(
                task.models,
                task.fold,
                arm=self._job.settings.arm,
                config=OmegaConf.create(dict(self._job.config)),
                endpoint=self._job.endpoint,
                modalities=self._setup.modalities,
            )
            self._members = [ExplainedMember(member, task.train[member.index]) for member in loaded]
            self._fold = task.fold
        return self._members


def run_tasks(
    job: Job, setup: Setup, tasks: Sequence[Task], *, workers: int | None, step: Callable[[int], None]
) -> None:
    """Run all tasks in `workers` processes (null: one a core); with one, in this process."""
    import torch

    count = max(1, min(workers or len(os.sched_getaffinity(0)), len(tasks)))
    if count > 1:
        _run_in_pool(job, tasks, step, count)
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        worker = Worker(job, setup)
        for task in tasks:
            worker.run(task, lambda: step(1))
    finally:
        torch.set_num_threads(threads)


def chunks(fold: str, models: Path, train: Any, patients: Sequence[tuple[str, str]]) -> list[Task]:
    """A fold's patients as tasks of `CHUNK`."""
    return [
        Task(fold=fold, models=models, train=train, patients=tuple(patients[start : start + CHUNK]))
        for start in range(0, len(patients), CHUNK)
    ]


_worker: Worker | None = None
_steps: Any = None


def _run_in_pool(job: Job, tasks: Sequence[Task], step: Callable[[int], None], count: int) -> None:
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

    # Spawned, not forked: OpenMP and OpenSlide do not survive a fork.
    context = multiprocessing.get_context("spawn")
    steps = context.Queue()
    with ProcessPoolExecutor(count, mp_context=context, initializer=_start, initargs=(job, steps)) as pool:
        pending = {pool.submit(_run_task, task) for task in tasks}
        try:
            while pending:
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                while not steps.empty():
                    step(steps.get())
                for future in done:
                    future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        while not steps.empty():
            step(steps.get())


def _start(job: Job, steps: Any) -> None:
    """Runs once in each worker."""
    global _worker, _steps
    import torch
    from omegaconf import OmegaConf

    from fusion.protocol.setup import open_setup

    threading.Thread(target=end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    setup = open_setup(OmegaConf.create(dict(job.config)), lambda step, done, total: None, require_labels=False)
    _worker, _steps = Worker(job, setup), steps


def _run_task(task: Task) -> None:
    assert _worker is not None
    _worker.run(task, lambda: _steps.put(1))
