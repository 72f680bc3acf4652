"""One progress display for a whole job, on stderr so that stdout stays the user's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

EVERY = 30.0
"""Seconds between two lines on a step, where there is no terminal."""


FIRST = 3
"""Units, or a twentieth of all, after which the time that is left is guessed."""


class JobProgress:
    """A bar a step; implements `fusion.contract.Progress`.

    Where there is no terminal, a line at a step's beginning, and every so often one with how far it is and about how
    long it takes yet.

    Args:
        clock: seconds, from any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.steps: dict[str, float] = {}
        self._clock = clock
        self._begin = clock()
        self._told: dict[str, _Told] = {}
        self._current, self._done, self._total = "", 0, 0
        # In a notebook, too, there is none, whatever it says of colours.
        self._console = Console(stderr=True, force_jupyter=False, force_terminal=sys.stderr.isatty())
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

    def pause(self) -> None:
        """Leave the terminal as it is, before something is asked there; bars do not come back."""
        self._bars.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total or None)
            self._told[step] = _Told(began=self._clock(), first=done, last=self._clock())
            if not self._console.is_terminal:
                self._console.print(f"{step} …", highlight=False)
        elif not self._console.is_terminal:
            self._tell(step, done, total)
        self._bars.update(self._tasks[step], completed=done, total=total or None)

    def _tell(self, step: str, done: int, total: int) -> None:
        """A line, where the last is long enough ago."""
        told, now = self._told[step], self._clock()
        if now - told.last < EVERY or done <= told.first:
            return
        told.last = now
        left = (now - told.began) / (done - told.first) * (total - done)
        # The first units say little: they may be quick, or wait for one another.
        enough = done - told.first >= max(FIRST, total / 20)
        time_left = f", about {rough(left)} left" if enough and done < total else ""
        of = f" of {total}" if total else ""
        self._console.print(f"{step}: {done}{of}{time_left}", highlight=False, markup=False, soft_wrap=True)

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
        return self._clock() - self._begin

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


@dataclass
class _Told:
    """When a step began, how much was done then, and when it was last told."""

    began: float
    first: int
    last: float


def rough(seconds: float) -> str:
    """A time that is guessed: 40 s, 3 min, 2 h."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
