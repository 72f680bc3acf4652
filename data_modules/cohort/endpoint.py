"""The outcome that a cohort's configuration declares: which values of which column are which class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_modules.columns import texts
from data_modules.errors import CohortError, Problem, some
from fusion.contract import EndpointSpec

REST = "*"
"""Instead of a class's values: all that no other class lists."""


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
    """

    name: str
    table: str
    column: str
    classes: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    ignore: tuple[str, ...] = ()
    note: str = ""

    @property
    def spec(self) -> EndpointSpec:
        """What `fusion` must know of it."""
        kind = "binary" if len(self.classes) == 2 else "multiclass"
        return EndpointSpec(name=self.name, kind=kind, classes=self.classes, note=self.note)  # type: ignore[arg-type]

    @property
    def known(self) -> frozenset[str]:
        """Values that are listed, those that drop the patient among them."""
        return frozenset(self.ignore).union(*self.values)

    def label(self, value: str) -> int:
        """Position of a value's class, -1 where it is of none."""
        for place, values in enumerate(self.values):
            if value in values:
                return place
        rest = [place for place, values in enumerate(self.values) if values == (REST,)]
        return rest[0] if rest and value not in self.ignore else -1


def read_endpoint(cohort: str, name: str | None, endpoints: Mapping[str, Mapping[str, Any]]) -> Endpoint:
    """The declared endpoint that is predicted.

    It takes either ``positive`` and ``negative`` lists of values, with names in ``classes``, or in ``classes`` a
    mapping of class to its values.

    Raises:
        CohortError: a declaration that cannot be right.
    """
    if not endpoints or (name is not None and name not in endpoints):
        what = f"endpoint {name!r} is not declared" if endpoints else "no endpoint is declared"
        remedy = f"Set endpoint to one of {some(list(endpoints))}" if endpoints else "Declare one in cohort.endpoints"
        raise CohortError(cohort, [Problem(what=what, remedy=remedy)])
    name = name or next(iter(endpoints))
    key, facts = f"cohort.endpoints.{name}", dict(endpoints[name])
    problems = []
    by_class, wrong = _classes(key, facts)
    problems += wrong
    ignore = texts(facts.pop("ignore", None))
    if set(facts) - {"note"} != {"table", "column"}:
        known = "table, column, positive, negative, ignore, classes, note"
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
