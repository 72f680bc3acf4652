"""What a page makes of a value that its run does not have: a dash, or nothing, and never the end of the run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import StrictUndefined


class Absent(StrictUndefined):
    """Reports are written after hours of training: a template that asks for what is not there must not end them.

    It is false and empty, it is equal to nothing and above nothing, what is asked of it is absent too, and it is shown
    as a dash; each with a warning, which tests have as an error, so that a misspelt key is still found. Whoever
    reckons with it still fails.
    """

    def _told(self) -> None:
        warnings.warn(f"a page lacks a value: {self._undefined_message}", RuntimeWarning, stacklevel=3)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._told()
        return self

    def __getitem__(self, name: Any) -> Any:
        self._told()
        return self

    def __bool__(self) -> bool:  # type: ignore[override]
        self._told()
        return False

    def __len__(self) -> int:  # type: ignore[override]
        self._told()
        return 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self._told()
        return iter(())

    def __contains__(self, item: object) -> bool:  # type: ignore[override]
        self._told()
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        self._told()
        return False

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        self._told()
        return True

    __hash__ = None  # type: ignore[assignment]
    __lt__ = __le__ = __gt__ = __ge__ = __eq__  # type: ignore[assignment]

    def __str__(self) -> str:  # type: ignore[override]
        self._told()
        return "—"

    def __format__(self, form: str) -> str:
        return str(self)

    def __html__(self) -> str:
        return str(self)


def or_dash(make: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of values that shows an absent one as a dash."""

    def shown(value: Any, *more: Any, **named: Any) -> Any:
        return str(value) if isinstance(value, Absent) else make(value, *more, **named)

    return shown
