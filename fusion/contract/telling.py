"""How far it is with what modalities read when first asked for it, by whomever: listings, headers, hashes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

from fusion.contract.modality import Progress

QUIET = 1.0
"""Seconds within which nothing is said: most cohorts are read by then."""
_EVERY = 0.2
"""Seconds between two calls of the `Progress`: of 100,000 files each would cost as much as its header."""

Item = TypeVar("Item")


class Telling:
    """What to say of such reading; nothing in other processes, whatever it says in this one.

    Args:
        to: takes step, done and total; None takes nothing.
        clock: seconds, from any beginning.
    """

    def __init__(self, to: Progress | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._to = to
        self._clock = clock

    def __getstate__(self) -> dict[str, object]:
        """Another process says nothing: a display is of one process alone."""
        return {"_to": None, "_clock": time.monotonic}

    def count(self, step: str, total: int) -> Callable[[int], None]:
        """A function to be called with how many more are done."""
        began = told = self._clock()
        done, said = 0, False

        def more(units: int) -> None:
            nonlocal told, done, said
            done += units
            now = self._clock()
            due = now - began >= QUIET and now - told >= _EVERY
            if self._to is not None and (due or (said and done >= total)):
                told, said = now, True
                self._to(step, done, total)

        return more

    def each(self, step: str, items: Iterable[Item], total: int) -> Iterator[Item]:
        """The items, each counted once it is done with."""
        more = self.count(step, total)
        for item in items:
            yield item
            more(1)


@runtime_checkable
class Tells(Protocol):
    """A modality that says how far it is with what it reads when first asked.

    Attributes:
        telling: what it says that to.
    """

    telling: Telling
