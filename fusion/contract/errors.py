"""The error that a user can mend, and how it names what there is much of."""

from __future__ import annotations

from collections.abc import Sequence


class FusionError(Exception):
    """What a user can mend: printed without a traceback, exit code 2. Says what, where, and the config key."""


def some(values: Sequence[object], shown: int = 5, *, rest: str = "more") -> str:
    """The first few values and how many more there are: ``A, B, C and 4 more``."""
    head = ", ".join(str(value) for value in values[:shown])
    return f"{head} and {len(values) - shown} {rest}" if len(values) > shown else head
