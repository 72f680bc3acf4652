"""A job of a sweep that is watched while it trains, and given up where others are ahead of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PRUNED = "pruned"
"""Status of a run that was given up."""

Behind = Callable[[int, float], bool]
"""Outer folds done, the inner metric so far → whether to give up."""

_BEHIND: ContextVar[Behind | None] = ContextVar("behind", default=None)


class PrunedError(Exception):
    """The job is given up; what it finished is kept."""


@contextmanager
def watching(behind: Behind) -> Iterator[None]:
    """Watch the jobs that run within."""
    before = _BEHIND.set(behind)
    try:
        yield
    finally:
        _BEHIND.reset(before)


def watched() -> bool:
    """Whether anybody wants to know."""
    return _BEHIND.get() is not None


def report(step: int, value: float) -> None:
    """Tell who watches how a job goes.

    Raises:
        PrunedError: it is behind others.
    """
    behind = _BEHIND.get()
    if behind is not None and behind(step, value):
        raise PrunedError(f"given up after {step} folds: inner metric {value:.4f}")
