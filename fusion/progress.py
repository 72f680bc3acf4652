"""One progress display for a whole job, on stderr so that stdout stays the user's."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class JobProgress:
    """A bar a step; implements `fusion.contract.Progress`. Prints one line a step where there is no terminal."""

    def __init__(self) -> None:
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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def __call__(self, step: str, done: int, total: int) -> None:
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total)
            if not self._console.is_terminal:
                self._console.print(f"{step} …", highlight=False)
        self._bars.update(self._tasks[step], completed=done, total=total)

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(text, highlight=False)
