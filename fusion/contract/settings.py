"""Settings in the shape of the YAML: frozen dataclasses that say which values they take.

    @dataclass(frozen=True, kw_only=True)
    class TileSettings(Settings):
        size: Annotated[int, Range(low=1)] = 64

        def conflicts(self) -> list[str]: ...

A field's type is the kind of its value, a mark in `Annotated` its range, and `conflicts` what several fields cannot say
together. An object that breaks any of it cannot be made. Modules of settings import nothing heavy, so that
`fusion.config` can read them before anything runs; `fusion.contract.reading` makes them of plain mappings.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin, get_type_hints, runtime_checkable

from fusion.contract.errors import FusionError

KINDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list: "a list",
    dict: "a mapping",
    None: "null",
}
"""How messages name the types of YAML."""


class SettingsError(FusionError):
    """Values that settings cannot have.

    Attributes:
        problems: a sentence each, which begins with the key.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@runtime_checkable
class Mark(Protocol):
    """What stands in `Annotated` beside a field's type."""

    def against(self, value: Any) -> str | None:
        """What speaks against a value, as the end of a sentence that begins with the key; None for nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`, both among them; `above` and `below` are ends that are not."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None

    def against(self, value: Any) -> str | None:
        """Where a number lies outside; NaN does."""
        inside = (
            (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
            and value == value
        )
        return None if inside else f"must be {self._text()}, not {value}"

    def _text(self) -> str:
        ends = (("at least", self.low), ("above", self.above), ("at most", self.high), ("below", self.below))
        return " and ".join(f"{word} {end:.15g}" for word, end in ends if end is not None)


@dataclass(frozen=True)
class Expression:
    """Text that is a regular expression."""

    def against(self, value: Any) -> str | None:
        """What Python's `re` says against it."""
        try:
            re.compile(value)
        except re.error as error:
            return f"is no regular expression: {value!r} ({error})"
        return None


Share = Annotated[float, Range(low=0, high=1)]
Positive = Annotated[float, Range(above=0)]
NotNegative = Annotated[float, Range(low=0)]
Count = Annotated[int, Range(low=1)]
"""At least one."""
Whole = Annotated[int, Range(low=0)]
"""At least zero."""
Pattern = Annotated[str, Expression()]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A node of the configuration.

    Raises:
        SettingsError: a value is outside the range of its field, or fields contradict one another.
    """

    def __post_init__(self) -> None:
        problems = [
            problem
            for one in fields(self)
            for problem in range_problems(hints(type(self))[one.name], getattr(self, one.name), one.name)
        ]
        problems = problems or list(self.conflicts())
        if problems:
            raise SettingsError(problems)

    def conflicts(self) -> Sequence[str]:
        """What fields say together that cannot be: sentences that begin with the key below this node."""
        return ()


def hints(kind: Any) -> dict[str, Any]:
    """Field → type, marks included."""
    return _hints(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def members(hint: Any) -> tuple[Any, ...]:
    """The types of which a value may be one, without the marks around a union."""
    if get_origin(hint) in (Union, UnionType):
        return tuple(member for one in get_args(hint) for member in members(one))
    return (hint,)


def bare(hint: Any) -> Any:
    """A type without its marks."""
    return bare(get_args(hint)[0]) if get_origin(hint) is Annotated else hint


def fits(hint: Any, value: Any) -> bool:
    """Whether a value is of a kind, as far as that is seen from outside: members of lists and mappings are not read."""
    kind = bare(hint)
    origin = get_origin(kind)
    if kind is Any:
        return True
    if kind is type(None) or kind is None:
        return value is None
    if origin is Literal:
        return type(value) in {type(option) for option in get_args(kind)}
    if origin is tuple:
        return isinstance(value, Sequence) and not isinstance(value, str)
    if isinstance(kind, type) and issubclass(kind, Settings):
        return isinstance(value, Mapping | kind)
    if kind is dict or origin is not None:
        return isinstance(value, Mapping)
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)


def member_for(hint: Any, value: Any) -> Any:
    """Of the types that a value may have, the one that it has; None without any."""
    return next((one for one in members(hint) if fits(one, value)), None)


def range_problems(hint: Any, value: Any, at: str) -> list[str]:
    """What the marks of a type say against a value of that kind, members of lists and mappings included.

    Args:
        hint: the type.
        value: of it; what is of another kind is passed over.
        at: its key.
    """
    own = member_for(hint, value)
    if own is None or isinstance(value, Settings):
        return []
    against = [mark.against(value) for mark in getattr(own, "__metadata__", ()) if isinstance(mark, Mark)]
    problems = [f"{at} {text}." for text in against if text is not None]
    kind = bare(own)
    if get_origin(kind) is Literal:
        problems += _choice_problems(hint, value, at)
    elif isinstance(value, Mapping) and get_origin(kind) is not None:
        inner = get_args(kind)[1]
        problems += [problem for key, one in value.items() for problem in range_problems(inner, one, f"{at}.{key}")]
    elif get_origin(kind) is tuple:
        problems += [
            problem
            for number, (one, inner) in enumerate(zip(value, item_hints(kind, len(value)), strict=False))
            for problem in range_problems(inner, one, f"{at}[{number}]")
        ]
    return problems


def item_hints(kind: Any, length: int) -> tuple[Any, ...]:
    """The types of a tuple's members."""
    given = get_args(kind)
    return (given[0],) * length if given[1:] == (...,) else given


def _choice_problems(hint: Any, value: Any, at: str) -> list[str]:
    """Text that is none of the choices."""
    kinds = [bare(one) for one in members(hint)]
    choices = [option for kind in kinds if get_origin(kind) is Literal for option in get_args(kind)]
    if value in choices:
        return []
    numbers = [KINDS[kind] for kind in kinds if kind in (int, float)]
    listed = not_one_of(value, [*choices, *([None] if type(None) in kinds else [])])
    return [f"{at} {listed.replace('must be', f'must be {numbers[0]} or', 1) if numbers else listed}"]


def not_one_of(value: Any, choices: Sequence[Any]) -> str:
    """``must be one of …, not …``, with the nearest spelling."""
    names = ["null" if item is None else str(item) for item in choices]
    near = difflib.get_close_matches(str(value), names, n=1)
    return f"must be one of {', '.join(names)}, not {value!r}." + (f" Did you mean {near[0]}?" if near else "")
