"""The outcome that a cohort's configuration declares: which values of which column are which class, event or grade."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from data_modules.columns import texts
from data_modules.errors import CohortError, Problem
from fusion.contract import EndpointKind, EndpointSpec, some

REST = "*"
"""Instead of a class's values: all that no other class lists."""

SURVIVAL: Literal["survival"] = "survival"
OF_CLASSES = ("binary", "multiclass", "ordinal")
"""Kinds of endpoint that map values to classes; without a kind their number tells binary from multiclass."""

COMPETING = "another event"
"""What reports call competing events that a list of values declares."""

ZERO = ("refuse", "drop")
"""What becomes of a time of 0."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A declared outcome.

    Attributes:
        name: key in ``cohort.endpoints``.
        table: key in ``cohort.tables``.
        column: of that table.
        classes: names, two of them the negative and the positive class.
        values: of the column that count as each of `classes`; `REST` alone stands for all others.
        ignore: values that drop the patient, e.g. an outcome that was not evaluable.
        note: for reports, e.g. that a label is a proxy.
        kind: binary, multiclass, ordinal or survival. Of survival `column` tells events from censored patients.
        time: column of the same table, of survival: until the event or the last visit.
        entry: column of the same table, of survival: when patients came under observation, counted as `time` is.
        unit: of `time`; empty: as the column declares it.
        horizons: of survival, in that unit.
        time_zero: of survival, what times count from, for messages and reports, e.g. ``diagnosis``.
        competing: of survival, what ends the wait for the event, each with its values: such patients are censored then.
        zero: ``refuse``, or ``drop`` patients whose time is 0: seen once, they say nothing of what comes after.
    """

    name: str
    table: str
    column: str
    classes: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    ignore: tuple[str, ...] = ()
    note: str = ""
    kind: EndpointKind = "binary"
    time: str | None = None
    unit: str = ""
    horizons: tuple[float, ...] = ()
    zero: str = "refuse"
    time_zero: str = ""
    competing: tuple[tuple[str, tuple[str, ...]], ...] = ()
    entry: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, none of which may be an input."""
        return tuple(one for one in (self.column, self.time, self.entry) if one is not None)

    @property
    def spec(self) -> EndpointSpec:
        """What `fusion` must know of it."""
        return EndpointSpec(
            name=self.name,
            kind=self.kind,
            classes=self.classes,
            note=self.note,
            unit=self.unit,
            horizons=self.horizons,
            time_zero=self.time_zero,
            competing=tuple(name for name, _ in self.competing),
        )

    @property
    def known(self) -> frozenset[str]:
        """Values that are listed, those that drop the patient among them."""
        return frozenset(self.ignore).union(*self.values, *(values for _, values in self.competing))

    def spelt(self, value: str) -> str:
        """A value as it is listed: a spreadsheet's ``1.0`` is ``1``, where no ``1.0`` is listed."""
        whole = value.partition(".")[0]
        return whole if value not in self.known and re.fullmatch(r"-?\d+\.0+", value) else value

    def label(self, value: str) -> int:
        """Position of a value's class, -1 where it is of none."""
        for place, values in enumerate(self.values):
            if value in values:
                return place
        if any(value in values for _, values in self.competing):
            return 0  # of the event alone, whoever had another was last seen without it
        rest = [place for place, values in enumerate(self.values) if values == (REST,)]
        return rest[0] if rest and value not in self.ignore else -1


def read_endpoint(cohort: str, name: str | None, endpoints: Mapping[str, Mapping[str, Any]]) -> Endpoint:
    """The declared endpoint that is predicted.

    It takes either ``positive`` and ``negative`` lists of values, with names in ``classes``, or in ``classes`` a
    mapping of class to its values; ``kind: ordinal`` says that these are grades, the least first. ``kind: survival``
    takes ``time``, ``event`` and ``entry`` columns, ``event_values``, ``censored_values`` and ``competing_values`` (a
    list, or a mapping of names to values), ``unit``, ``horizons``, ``zero`` and ``time_zero``.

    Raises:
        CohortError: a declaration that cannot be right.
    """
    if not endpoints or (name is not None and name not in endpoints):
        what = f"endpoint {name!r} is not declared" if endpoints else "no endpoint is declared"
        remedy = f"Set endpoint to one of {some(list(endpoints))}" if endpoints else "Declare one in cohort.endpoints"
        raise CohortError(cohort, [Problem(what=what, remedy=remedy)])
    name = name or next(iter(endpoints))
    key, facts = f"cohort.endpoints.{name}", dict(endpoints[name])
    kind = facts.pop("kind", None)
    if kind == SURVIVAL:
        return _survival(cohort, name, key, facts)
    problems = []
    if kind not in (None, *OF_CLASSES):
        what = f"{key}.kind is {kind!r}"
        remedy = f"Set it to {', '.join((*OF_CLASSES, SURVIVAL))}, or leave it out"
        problems.append(Problem(what=what, remedy=remedy))
    by_class, wrong = _classes(key, facts)
    problems += wrong
    if not problems and kind is not None and (len(by_class) == 2) != (kind == "binary"):
        what = f"{key}.kind is {kind}, and it has {len(by_class)} classes"
        problems.append(Problem(what=what, remedy="binary has two, multiclass and ordinal have three or more"))
    ignore = texts(facts.pop("ignore", None))
    if set(facts) - {"note"} != {"table", "column"}:
        known = "table, column, positive, negative, ignore, classes, kind, note"
        problems.append(Problem(what=f"{key} has the keys {some(sorted(endpoints[name]))}", remedy=f"It takes {known}"))
    if problems:
        raise CohortError(cohort, problems)
    return Endpoint(
        name=name,
        table=str(facts["table"]),
        column=str(facts["column"]),
        classes=tuple(by_class),
        values=tuple(by_class.values()),
        ignore=ignore,
        note=str(facts.get("note") or ""),
        kind=kind or ("binary" if len(by_class) == 2 else "multiclass"),
    )


def outcome_columns(endpoints: Mapping[str, Mapping[str, Any]], table: str) -> dict[str, str]:
    """Column of a table → the endpoint that it is of; of all endpoints that are declared, sound or not."""
    return {
        str(facts[key]): name
        for name, facts in reversed(list(endpoints.items()))
        if isinstance(facts, Mapping) and facts.get("table") == table
        for key in ("column", "event", "time", "entry")
        if facts.get(key) is not None
    }


_OF_SURVIVAL = {"table", "time", "event"}
_MAY = {
    "entry",
    "event_values",
    "censored_values",
    "competing_values",
    "ignore",
    "unit",
    "horizons",
    "zero",
    "time_zero",
    "note",
}


def _survival(cohort: str, name: str, key: str, facts: dict[str, Any]) -> Endpoint:
    """A time and whether the event was seen then.

    Raises:
        CohortError: a declaration that cannot be right.
    """
    problems = []
    if not set(facts) >= _OF_SURVIVAL or set(facts) - _OF_SURVIVAL - _MAY:
        known = ", ".join([*sorted(_OF_SURVIVAL), *sorted(_MAY)])
        what = f"{key} has the keys {some(sorted(facts), len(facts))}"
        problems.append(Problem(what=what, remedy=f"kind: survival needs table, time and event; it takes {known}"))
        raise CohortError(cohort, problems)
    classes = {
        "censored": texts(facts.get("censored_values", (0,))),
        "event": texts(facts.get("event_values", (1,))),
    }
    given = facts.get("competing_values") or {}
    competing = given if isinstance(given, Mapping) else {COMPETING: given}
    others = {str(name): texts(values) for name, values in competing.items()}
    taken = sorted(set(others) & set(classes))
    classes, problems = checked_classes(key, {**others, **classes})
    classes = {name: values for name, values in classes.items() if name not in others or name in taken}
    if taken:
        what = f"{key}.competing_values names {some(taken)}"
        problems.append(Problem(what=what, remedy="Give what competes a name of its own"))
    horizons = facts.get("horizons") or ()
    horizons = list(horizons) if isinstance(horizons, Sequence) and not isinstance(horizons, str) else [horizons]
    if not all(type(one) in (int, float) and one > 0 for one in horizons) or sorted(set(horizons)) != horizons:
        what = f"{key}.horizons is {facts['horizons']!r}"
        problems.append(Problem(what=what, remedy="List times above 0, each once, the earliest first: [12, 36, 60]"))
    if facts.get("zero", "refuse") not in ZERO:
        what = f"{key}.zero is {facts['zero']!r}"
        problems.append(Problem(what=what, remedy=f"Set it to {' or '.join(ZERO)}"))
    if facts["time"] == facts["event"]:
        what = f"{key}.time and event are one column, {facts['time']!r}"
        problems.append(Problem(what=what, remedy="Name the column of times and that of events"))
    entry = facts.get("entry")
    if entry is not None and entry in (facts["time"], facts["event"]):
        what = f"{key}.entry is {entry!r}, which is its {'time' if entry == facts['time'] else 'event'}"
        remedy = "Name the column that says when patients came under observation, or leave entry out"
        problems.append(Problem(what=what, remedy=remedy))
    if problems:
        raise CohortError(cohort, problems)
    return Endpoint(
        name=name,
        table=str(facts["table"]),
        column=str(facts["event"]),
        classes=tuple(classes),
        values=tuple(classes.values()),
        ignore=texts(facts.get("ignore")),
        note=str(facts.get("note") or ""),
        kind=SURVIVAL,
        time=str(facts["time"]),
        unit=str(facts.get("unit") or ""),
        horizons=tuple(float(one) for one in horizons),
        zero=str(facts.get("zero", "refuse")),
        time_zero=str(facts.get("time_zero") or ""),
        competing=tuple(others.items()),
        entry=None if entry is None else str(entry),
    )


def _classes(key: str, facts: dict[str, Any]) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Class → its values, taken out of `facts`."""
    given = facts.pop("classes", ("no response", "response"))
    lists = {part: texts(facts.pop(part, None)) for part in ("negative", "positive")}
    if isinstance(given, Mapping):
        if any(lists.values()):
            remedy = f"List the values of each class in {key}.classes alone"
            return {}, [Problem(what=f"{key} has positive or negative beside a mapping of classes", remedy=remedy)]
        return checked_classes(key, {str(name): texts(values) for name, values in given.items()})
    names = texts(given)
    problems = []
    if not all(lists.values()):
        problems.append(
            Problem(what=f"{key} lacks positive or negative values", remedy="List the values of each class")
        )
    both = [value for value in lists["positive"] if value in lists["negative"]]
    if both:
        problems.append(Problem(what=f"{key}: {some(both)} is both positive and negative", remedy="Mend the lists"))
    if len(names) != 2:
        remedy = "Name the negative, then the positive class, or map each class to its values"
        problems.append(Problem(what=f"{key}.classes is {list(names)}", remedy=remedy))
    found, wrong = checked_classes(key, dict(zip(names, (lists["negative"], lists["positive"]), strict=False)))
    return found, problems or wrong


def checked_classes(
    key: str, classes: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], list[Problem]]:
    """Classes as they are, and what is wrong with them."""
    problems = []
    if len(classes) < 2:
        problems.append(Problem(what=f"{key} has {len(classes)} class", remedy="Name two or more"))
    empty = [name for name, values in classes.items() if not values]
    if empty:
        problems.append(Problem(what=f"{key}: {some(empty)} has no values", remedy="List them"))
    renamed = [name for name, values in classes.items() if name in ("True", "False") and name not in values]
    if renamed:
        what = f"{key}: a class is called {some(renamed)}, as YAML takes yes, no, on and off for true and false"
        problems.append(Problem(what=what, remedy="Quote the words, e.g. 'yes'"))
    every = [value for values in classes.values() for value in values]
    twice = sorted({value for value in every if every.count(value) > 1})
    if twice:
        what = f"{key}: {some(twice)} stands in two places"
        problems.append(Problem(what=what, remedy=f"A value is of one class, and one class may be {REST!r}"))
    return dict(classes), problems
