"""One progress display for a whole job, on stderr so that stdout stays the user's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class JobProgress:
    """A bar a step; implements `fusion.contract.Progress`. Prints one line a step where there is no terminal."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._begin = time.perf_counter()
        self._current, self._done, self._total = "", 0, 0
        self._console = Console(stderr=True)
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total)
            if not self._console.is_terminal:
                self._console.print(f"{step} …", highlight=False)
        self._bars.update(self._tasks[step], completed=done, total=total)

    def start(self, step: str, total: int) -> None:
        """Begin a step that is counted with `advance`."""
        self._current, self._done, self._total = step, 0, total
        self(step, 0, total)

    def advance(self, count: int) -> None:
        """Count units of the step begun last."""
        self._done += count
        self(self._current, self._done, self._total)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure a part of the job, in seconds of wall time, into `steps`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] = self.steps.get(name, 0.0) + time.perf_counter() - begin

    @property
    def seconds(self) -> float:
        """Wall time since the display was made."""
        return time.perf_counter() - self._begin

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
