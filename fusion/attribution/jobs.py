"""Patients explained side by side: worker processes of one thread, a fold's members loaded once in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.apply.trained import Member, load_members
from fusion.attribution.members import ExplainedMember
from fusion.attribution.patient import Settings, explain_patient
from fusion.attribution.plain import ExplainedPlain
from fusion.attribution.scale import scale_of
from fusion.attribution.store import Store
from fusion.contract import FusionError
from fusion.contract.devices import cores, device_of
from fusion.protocol import pool

if TYPE_CHECKING:
    from fusion.contract import EndpointSpec
    from fusion.protocol.setup import Setup

CHUNK = 16
"""Patients a job: small enough that no worker waits long for the other at the end."""
_LESS = "tiles, or chunk of the run's encoder (config.yaml, model.encoders.<modality>.chunk)"


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
    """What all tasks share; plain data, for spawned processes.

    Attributes:
        config: of the run, as its cohort is opened again.
        endpoint: of the run, the primary one, and
        secondary: those trained beside it.
        settings: of the explanations, which may be of one of the latter.
        store: where they go.
    """

    config: Mapping[str, Any]
    endpoint: EndpointSpec
    settings: Settings
    store: Store
    secondary: tuple[EndpointSpec, ...] = ()

    @property
    def explained(self) -> EndpointSpec:
        """The endpoint that is explained."""
        return next((one for one in self.secondary if one.name == self.settings.endpoint), self.endpoint)

    def seen(self, member: Member) -> Member:
        """A member as of that endpoint."""
        return member.secondary.get(self.explained.name, member)


class Worker:
    """Explains patients; keeps the members of the last fold."""

    def __init__(self, job: Job, setup: Setup) -> None:
        self._job = job
        self._setup = setup
        self._device = device_of(job.config)
        self._fold: str | None = None
        self._members: list[ExplainedMember] = []
        self._plain: ExplainedPlain | None = None

    def run(self, task: Task, step: Callable[[], None]) -> None:
        """Explain and save the patients of a task."""
        with self._device.memory_told(_LESS):
            members = self._members_of(task)
        for patient, name in task.patients:
            with self._device.memory_told(_LESS):
                explanation = explain_patient(members, patient, self._job.settings, plain=self._plain)
            if name != patient:
                # Names of slides tell whose they are.
                for slides in explanation.facts.get("slides", {}).values():
                    slides["files"] = [f"slide {number + 1}" for number in range(len(slides["files"]))]
            self._job.store.save(name, explanation)
            step()

    def _members_of(self, task: Task) -> list[ExplainedMember]:
        from omegaconf import OmegaConf

        if self._fold != task.fold:
            everybody = sorted({patient for part in task.train for patient in part})
            loaded = load_members(
                task.models,
                task.fold,
                arm=self._job.settings.arm,
                config=OmegaConf.create(dict(self._job.config)),
                endpoint=self._job.endpoint,
                modalities=self._setup.modalities,
                secondary=() if self._job.explained is self._job.endpoint else self._job.secondary,
                readings=self._setup.readings,
            )
            scale = scale_of(self._job.explained, self._job.settings.horizon, self._job.settings.of_class)
            self._members = [
                ExplainedMember(self._job.seen(member), task.train[member.index], device=self._device, scale=scale)
                for member in loaded
            ]
            first = self._members[0].member
            self._plain = None if first.base is None else ExplainedPlain(first, everybody, scale=scale)
            self._fold = task.fold
        return self._members


def run_tasks(
    job: Job, setup: Setup, tasks: Sequence[Task], *, workers: int | None, step: Callable[[int], None]
) -> None:
    """Run all tasks in `workers` processes (null: one a core); with one, in this process."""
    import torch

    count = max(1, min(workers or cores(), len(tasks)))
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


def _run_in_pool(job: Job, tasks: Sequence[Task], step: Callable[[int], None], count: int) -> None:
    try:
        for _ in pool.run_tasks(tasks, workers=count, start=_start, arguments=(job,), told=lambda task, told: step(1)):
            pass
    except pool.TaskFailedError as error:
        raise _failed(error, count) from error


def _failed(error: pool.TaskFailedError[Task], count: int) -> Exception:
    """Whose explanation failed, and what may help."""
    named = ", ".join(name for _, name in error.task.patients[:3])
    where = f"Explaining {named}{' …' if len(error.task.patients) > 3 else ''} by fold {error.task.fold} failed"
    if error.failure.memory:
        return FusionError(
            f"{where}: {error.failure.said}. Lower workers (now {count}), steps or tiles, or use a machine with more "
            "memory. Finished patients are kept; the same command goes on from them."
        )
    if error.failure.mendable:
        return FusionError(error.failure.said)
    return RuntimeError(f"{where}:\n{error.failure.details or error.failure.said}")


def _start(job: Job) -> pool.Work:
    """Runs once in each worker."""
    import torch
    from omegaconf import OmegaConf

    from fusion.protocol.setup import open_setup

    torch.set_num_threads(1)
    setup = open_setup(OmegaConf.create(dict(job.config)), lambda step, done, total: None, require_labels=False)
    worker = Worker(job, setup)
    return lambda task, tell: worker.run(task, lambda: tell(None))
