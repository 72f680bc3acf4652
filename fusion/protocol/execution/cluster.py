"""Tasks on a cluster, whichever it is: handed over, listened to, begun again where a node was lost."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fusion.protocol.execution.node import SIGN
from fusion.protocol.execution.places import Place
from fusion.protocol.pool import Failure, TaskFailedError
from fusion.run.files import replace_file

T = TypeVar("T")

SECONDS = 0.5
"""Between two looks at what tasks tell."""


class LostError(Exception):
    """A task ended without an answer: its node or its process is gone."""

    def __init__(self, said: str, *, memory: bool = False) -> None:
        super().__init__(said)
        self.memory = memory


class Cluster(Protocol):
    """What can run `fusion.protocol.execution.node.serve` somewhere."""

    def submit(self, text: str) -> Any:
        """Hand over a task; what comes back stands for it."""
        ...

    def finished(self, waiting: Collection[Any], seconds: float) -> list[Any]:
        """Those that ended, after at most so long."""
        ...

    def answer(self, handle: Any) -> str:
        """What a finished task gave.

        Raises:
            LostError: it ended without an answer.
        """
        ...

    def close(self) -> None:
        """End whatever still runs."""
        ...


@dataclass
class _Listening:
    """Reads what a task has told since the last look."""

    path: Path
    at: int = 0

    def heard(self) -> list[Any]:
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.at)
                new = stream.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]  # a line may be half written
        self.at += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


@dataclass
class _Running:
    """An attempt at a task; `units` is how many units of work earlier attempts have told of already."""

    name: str
    listening: _Listening
    attempt: int
    units: int = 0
    done: int = 0

    def heard(self) -> list[Any]:
        """What is new: a task that is begun again tells of its units anew."""
        new = []
        for content in self.listening.heard():
            if content is None:
                self.done += 1
                if self.done <= self.units:
                    continue
            new.append(content)
        return new


def run_on(
    cluster: Cluster,
    tasks: Mapping[str, T],
    place: Place,
    *,
    retries: int,
    told: Callable[[T, Any], None],
    say: Callable[[str], None] = lambda text: None,
    lost: Callable[[T, Failure], Any] | None = None,
) -> Generator[tuple[T, Any]]:
    """Run tasks, yielding each with what it gave as it finishes.

    Args:
        cluster: closed at the end.
        tasks: name → the task that it is to the caller.
        place: what they share.
        retries: how often a task is begun again whose node was lost.
        told: what a task tells on its way.
        say: told of lost nodes.
        lost: what to yield for a task that lost its node too often; None: that is a failure.

    Raises:
        TaskFailedError: a task failed, or lost its node too often; none runs any longer.
    """
    token, folder = secrets.token_hex(16), place.folder
    replace_file(folder / SIGN, lambda partial: partial.write_text(token, encoding="utf-8"))
    running: dict[Any, _Running] = {}

    def begin(name: str, attempt: int, units: int = 0) -> None:
        file = f"{name}.{token[:8]}.{attempt}.jsonl"
        handle = cluster.submit(place.text(name, token, file))
        running[handle] = _Running(name, _Listening(folder / file), attempt, units)

    def given(handle: Any) -> tuple[T, Any] | None:
        """A task that ended and what is yielded of it; None where it begins again."""
        one = running.pop(handle)
        one.listening.path.unlink(missing_ok=True)
        task = tasks[one.name]
        try:
            answer = json.loads(cluster.answer(handle))
        except LostError as error:
            if one.attempt <= retries:
                say(f"{place.named(one.name)}: {error}; it begins again ({one.attempt} of {retries} times).")
                begin(one.name, one.attempt + 1, max(one.units, one.done))
                return None
            failure = Failure(said=f"{error}, {one.attempt} times", memory=error.memory)
            if lost is None:
                raise TaskFailedError(task, failure) from error
            return task, lost(task, failure)
        if "failed" in answer:
            raise TaskFailedError(task, _on(answer["host"], Failure(**answer["failed"])))
        return task, answer.get("result")

    try:
        for name in tasks:
            begin(name, 1)
        while running:
            ended = cluster.finished(list(running), SECONDS)
            for one in running.values():
                for content in one.heard():
                    told(tasks[one.name], content)
            failed: TaskFailedError[T] | None = None
            for handle in ended:
                try:
                    found = given(handle)
                except TaskFailedError as error:
                    failed = failed or error
                    continue
                if found is not None:
                    yield found
            if failed is not None:
                raise failed
    finally:
        cluster.close()
        _swept(folder, [one.listening.path for one in running.values()])


def _swept(folder: Path, files: Iterable[Path]) -> None:
    """Leave nothing of a run that has ended: the files that tasks told in, the sign, and folders that are empty."""
    for path in (*files, folder / SIGN):
        path.unlink(missing_ok=True)
    for empty in (folder, folder.parent):
        try:
            empty.rmdir()
        except OSError:
            break


def _on(host: str, failure: Failure) -> Failure:
    details = f"On node {host}:\n{failure.details}" if failure.details else ""
    # What a user mends there, a device that is lacking, is not mended here.
    said = (
        f"{failure.said.rstrip('.')} (node {host})" if failure.mendable and host not in failure.said else failure.said
    )
    return Failure(said=said, details=details, memory=failure.memory, mendable=failure.mendable)
