"""Settings made of plain mappings: what a YAML holds, whole, with every problem told at once."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin

from fusion.contract.settings import (
    KINDS,
    Settings,
    SettingsError,
    bare,
    hints,
    item_hints,
    member_for,
    members,
    range_problems,
)

S = TypeVar("S", bound=Settings)


def read_settings(kind: type[S], given: Mapping[str, Any], *, at: str) -> S:
    """Settings of a node of the configuration.

    Args:
        kind: of the settings.
        given: the node, or keyword arguments; nested nodes are plain mappings, Hydra's containers or settings.
        at: the node's key, for messages, e.g. ``modality.slides``.

    Raises:
        SettingsError: every unknown key, value of a wrong kind and value out of range.
    """
    reader = _Reader(pending=False)
    made = reader.node(kind, given, at)
    if reader.problems:
        raise SettingsError(reader.problems)
    return made  # type: ignore[no-any-return]


def settings_problems(
    kind: type[Settings], given: Mapping[str, Any], *, at: str, beside: Iterable[str] = ()
) -> list[str]:
    """What `read_settings` would refuse of a node whose interpolations (``${…}``) are not resolved yet.

    Args:
        kind: of the settings.
        given: the node.
        at: its key.
        beside: keys that the node may have and the settings do not, to be suggested for what is misspelt.
    """
    reader = _Reader(pending=True)
    reader.node(kind, given, at, beside=tuple(beside))
    return reader.problems


def suggest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """`` Did you mean …?`` with the nearest of the known keys, else a list of them; empty where they are many."""
    names = list(map(str, known))
    near = difflib.get_close_matches(word, names, n=2, cutoff=0.6)
    dot = f"{prefix}." if prefix else ""
    if near:
        return f" Did you mean {' or '.join(dot + name for name in near)}?"
    return f" Known here: {', '.join(names)}." if names and len(names) <= 30 else ""


class _Later:
    """Stands for a value that an interpolation will give."""


_LATER = _Later()
_UNREAD = object()
"""Stands for a value that has a problem."""


@dataclass
class _Reader:
    """Reads one node; `pending`: interpolations are not resolved yet, and ``???`` may still be filled in."""

    pending: bool
    problems: list[str] = field(default_factory=list)

    def node(self, kind: type[Settings], given: Any, at: str, *, beside: tuple[str, ...] = ()) -> Any:
        """A settings object, or `_UNREAD`, or `_LATER` where it cannot be made before interpolations are resolved."""
        if isinstance(given, kind):
            return given
        before = len(self.problems)
        known = {one.name: one for one in fields(kind) if one.init}
        values: dict[str, Any] = {}
        for key, value in given.items():
            if key in known and value is None and known[key].default_factory is not MISSING:
                continue  # a node that is null has its defaults
            if key in known:
                values[key] = self.value(hints(kind)[key], value, f"{at}.{key}")
            else:
                self.problems.append(f"Unknown key '{at}.{key}'.{suggest(str(key), (*known, *beside), at)}")
        for name, one in known.items():
            if name not in values and one.default is MISSING and one.default_factory is MISSING:
                self.problems.append(f"{at}.{name} is needed: give {at}.{name}=<value>.")
        if len(self.problems) > before:
            return _UNREAD
        try:
            if any(value is _LATER for value in values.values()):
                self.problems += [f"{at}.{problem}" for problem in _conflicts_so_far(kind, values)]
                return _LATER
            return kind(**values)
        except SettingsError as error:
            self.problems += [f"{at}.{problem}" for problem in error.problems]
            return _UNREAD

    def value(self, hint: Any, given: Any, at: str) -> Any:
        """A value of a field, converted: lists become tuples, nodes settings."""
        if self.pending and isinstance(given, str) and ("${" in given or given == "???"):
            return _LATER
        given = os.fspath(given) if isinstance(given, os.PathLike) else given
        own = member_for(hint, given)
        if own is None:
            self.problems.append(f"{at} must be {_wanted(hint)}, not {_shown(given)}.{_unquoted(hint, given)}")
            return _UNREAD
        kind = bare(own)
        before = len(self.problems)
        if isinstance(kind, type) and issubclass(kind, Settings):
            return self.node(kind, given, at)
        if get_origin(kind) is tuple:
            made = self._items(kind, given, at)
        elif isinstance(given, Mapping) and get_origin(kind) is not None:
            made = self._entries(kind, given, at)
        else:
            made = given
        if len(self.problems) > before or made is _LATER:
            return _UNREAD if len(self.problems) > before else made
        found = range_problems(hint, made, at)
        self.problems += found
        return _UNREAD if found else made

    def _items(self, kind: Any, given: Sequence[Any], at: str) -> Any:
        wanted = item_hints(kind, len(given))
        if len(wanted) != len(given):
            self.problems.append(f"{at} must be a list of {len(wanted)}, not {_shown(given)}.")
            return _UNREAD
        made = tuple(
            self.value(one, _as_text(one, item), f"{at}[{number}]")
            for number, (one, item) in enumerate(zip(wanted, given, strict=True))
        )
        return _LATER if any(item is _LATER for item in made) else made

    def _entries(self, kind: Any, given: Mapping[Any, Any], at: str) -> Any:
        names, inner = get_args(kind)
        made: dict[str, Any] = {}
        for key, value in given.items():
            if get_origin(names) is Literal and key not in get_args(names):
                self.problems.append(f"Unknown key '{at}.{key}'.{suggest(str(key), get_args(names), at)}")
            made[str(key)] = self.value(inner, value, f"{at}.{key}")
        return _LATER if any(value is _LATER for value in made.values()) else made


class _LaterError(Exception):
    """A value is asked for that an interpolation will give."""


def _conflicts_so_far(kind: type[Settings], values: Mapping[str, Any]) -> Sequence[str]:
    """What the fields that are known say together; nothing where a value that comes later is asked for."""

    class Partly(kind):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            if values.get(name) is _LATER:
                raise _LaterError(name)
            return super().__getattribute__(name)

    known = object.__new__(Partly)
    for one in fields(kind):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        object.__setattr__(known, one.name, values.get(one.name, default))
    try:
        return list(known.conflicts())
    except _LaterError:
        return []


def _as_text(hint: Any, item: Any) -> Any:
    """In a list of names, one that YAML reads as a number."""
    number = isinstance(item, int) and not isinstance(item, bool)
    return str(item) if number and member_for(hint, item) is None and member_for(hint, "") is not None else item


def _unquoted(hint: Any, given: Any) -> str:
    """What to do where text is wanted and YAML made a boolean of it."""
    if not isinstance(given, bool) or member_for(hint, "") is None:
        return ""
    return " YAML takes yes, no, on and off for true and false: quote the word, e.g. 'no'."


def _wanted(hint: Any) -> str:
    """The kinds of value a type allows, in words."""
    words = []
    for one in members(hint):
        kind = bare(one)
        origin = get_origin(kind)
        if kind is type(None):
            words.append("null")
        elif origin is Literal:
            words.append("one of " + ", ".join("null" if option is None else str(option) for option in get_args(kind)))
        elif origin is tuple:
            words.append("a list")
        elif kind in KINDS:
            words.append(KINDS[kind])
        elif isinstance(kind, type) and issubclass(kind, Settings):
            words.append(f"a mapping with the keys {', '.join(part.name for part in fields(kind))}")
        else:
            words.append("a mapping")
    return " or ".join(dict.fromkeys(words))


def _shown(value: Any) -> str:
    """A value as YAML would have it, without the names of Hydra's classes."""
    if isinstance(value, Mapping):
        return repr(dict(value))
    return repr(list(value)) if isinstance(value, Sequence) and not isinstance(value, str) else repr(value)
