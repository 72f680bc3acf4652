"""A cluster of this process, for what is asked of one and made of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any


class Here:
    """A task is done when its answer is asked for.

    Args:
        work: what is asked, and the number of the attempt, from 1 → the answer.
    """

    def __init__(self, work: Callable[[dict[str, Any], int], str]) -> None:
        self._work = work
        self.given: list[dict[str, Any]] = []
        self.closed = 0

    def submit(self, text: str) -> int:
        self.given.append(json.loads(text))
        return len(self.given)

    def finished(self, waiting: Collection[int], seconds: float) -> list[int]:
        return sorted(waiting)[:1]

    def answer(self, handle: int) -> str:
        return self._work(self.given[handle - 1], handle)

    def close(self) -> None:
        self.closed += 1
