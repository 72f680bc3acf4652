"""Several endpoints trained together: the first is primary and decides, the others are secondary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from data_modules.cohort.endpoint import Endpoint, read_endpoint
from data_modules.columns import TableSpec
from data_modules.errors import CohortError, Problem
from fusion.contract import some


def read_endpoints(
    cohort: str, names: str | Sequence[str] | None, endpoints: Mapping[str, Mapping[str, Any]]
) -> tuple[Endpoint, ...]:
    """The declared endpoints that are predicted, the primary one first.

    Args:
        cohort: its name, for messages.
        names: of one or several; None takes the first that is declared.
        endpoints: as declared.

    Raises:
        CohortError: a list without or with equal names, or a declaration that cannot be right.
    """
    if names is None or isinstance(names, str):
        return (read_endpoint(cohort, names, endpoints),)
    asked = [str(one) for one in names]
    if not asked or len(set(asked)) < len(asked):
        remedy = f"List each of {some(list(endpoints))} once at most, the one that decides first: endpoint=[pcr,rcb]"
        raise CohortError(cohort, [Problem(what=f"endpoint is {asked}", remedy=remedy)])
    return tuple(read_endpoint(cohort, one, endpoints) for one in asked)


def places_of(endpoint: Endpoint) -> list[tuple[str, str, str, str]]:
    """Where it names a column: its node, the table, the column, and the key of the latter."""
    node = f"cohort.endpoints.{endpoint.name}"
    keys = ("column",) if endpoint.time is None else ("event", "time", "entry")[: len(endpoint.columns)]
    return [(node, endpoint.table, column, f"{node}.{key}") for key, column in zip(keys, endpoint.columns, strict=True)]


def timed(endpoint: Endpoint, specs: Mapping[str, TableSpec], problems: list[Problem]) -> Endpoint:
    """The endpoint with the unit of its column of times; what is no number, or of two units, is one of `problems`."""
    if endpoint.time is None:
        return endpoint
    columns, key = specs[endpoint.table].columns, f"cohort.endpoints.{endpoint.name}"
    time, entry = columns[endpoint.time], None if endpoint.entry is None else columns[endpoint.entry]
    for role, column in (("time", time), ("entry", entry)):
        if column is not None and column.kind != "number":
            what = f"{key}.{role} {column.name!r} is of kind {column.kind}"
            remedy = f"Set cohort.tables.{endpoint.table}.columns.{column.name}.kind: number"
            problems.append(Problem(what=what, remedy=remedy))
    unit = endpoint.unit or time.unit or ""
    if entry is not None and entry.unit and unit and entry.unit != unit:
        what = f"{key}.entry {entry.name!r} is in {entry.unit}, and {key}.time {time.name!r} in {unit}"
        remedy = f"Bring both to one unit in the file, or mend cohort.tables.{endpoint.table}.columns.{entry.name}.unit"
        problems.append(Problem(what=what, remedy=remedy))
    return replace(endpoint, unit=unit)
