"""``cohort.therapy``: which columns name the regimen, and within which strata regimens were dealt out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from data_modules.columns import TableSpec, texts
from data_modules.errors import CohortError, Problem
from fusion.contract import Agent, Therapy, some

_KEY = "cohort.therapy"
_KNOWN = ("table", "columns", "strata", "control", "min_patients", "agents")
LEAST = 10


@dataclass(frozen=True, kw_only=True)
class TherapySpec:
    """As declared.

    Attributes:
        table: key in ``cohort.tables``.
        columns: that name the regimen; of several, their values joined.
        strata: table and column of each part of the strata within which regimens were dealt out.
        control: regimens that others are compared with one by one.
        min_patients: training patients of a stratum from which a regimen is a candidate.
        agents: file of the regimens' agents below the root, or regimen → agents; None where none are given.
    """

    table: str
    columns: tuple[str, ...]
    strata: tuple[tuple[str, str], ...]
    control: tuple[str, ...]
    min_patients: int
    agents: str | Mapping[str, Any] | None = None


def read_therapy(cohort: str, given: Any, specs: Mapping[str, TableSpec]) -> TherapySpec | None:
    """The declaration, checked against the tables'; None where none is made.

    Raises:
        CohortError: it names what is not declared or not known at baseline, or lacks its table or columns.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping) or not {"table", "columns"} <= set(given):
        remedy = f"Set it to {{table: …, columns: […], strata: [table.column, …]}} ({_KEY})"
        raise CohortError(cohort, [Problem(what=f"{_KEY} is {given!r}", remedy=remedy)])
    problems = []
    strange = sorted(set(given) - set(_KNOWN))
    if strange:
        problems.append(Problem(what=f"{_KEY} has unknown keys {some(strange)}", remedy=f"Known: {', '.join(_KNOWN)}"))
    least = given.get("min_patients", LEAST)
    if type(least) is not int or least < 2:
        remedy = "Set it to a whole number of 2 or more"
        problems.append(Problem(what=f"{_KEY}.min_patients is {least!r}", remedy=remedy))
    agents = given.get("agents")
    if agents is not None and not isinstance(agents, str | Mapping):
        remedy = "Set it to a file of cohort.root, or to regimen: [{agent: …}, …]"
        problems.append(Problem(what=f"{_KEY}.agents is {agents!r}", remedy=remedy))
    table, columns = str(given["table"]), texts(given["columns"])
    if not columns:
        problems.append(Problem(what=f"{_KEY}.columns is {given['columns']!r}", remedy="Name at least one column"))
    strata = [tuple(str(one).split(".", 1)) for one in texts(given.get("strata"))]
    places = [(f"{_KEY}.columns", (table, column)) for column in columns]
    for key, place in [*places, *((f"{_KEY}.strata", place) for place in strata)]:
        problems += _problems(key, place, specs)
    if problems:
        raise CohortError(cohort, problems)
    return TherapySpec(
        table=table,
        columns=columns,
        strata=tuple((place[0], place[1]) for place in strata),
        control=texts(given.get("control")),
        min_patients=least,
        agents=agents,
    )


def _problems(key: str, place: tuple[str, ...], specs: Mapping[str, TableSpec]) -> list[Problem]:
    """What speaks against a column."""
    name = ".".join(place)
    if len(place) < 2 or place[0] not in specs or place[1] not in specs[place[0]].columns:
        remedy = f"Name a column of cohort.tables ({some(list(specs))})" + (
            " as table.column" if key.endswith("strata") else f", or mend {_KEY}.table"
        )
        return [Problem(what=f"{key} names {name!r}, which is not declared", remedy=remedy)]
    time = specs[place[0]].columns[place[1]].time
    if time != "baseline":
        what = f"{key} names {name!r}, which is known only after baseline (time: {time})"
        return [Problem(what=what, remedy="A regimen and its strata are what was decided at baseline")]
    return []


def therapy_of(
    cohort: str,
    read: Callable[[str], pd.DataFrame],
    spec: TherapySpec,
    patient_ids: Sequence[str],
    agents: Mapping[str, tuple[Agent, ...]] | None = None,
) -> Therapy:
    """The regimen and the stratum of patients.

    Args:
        cohort: its name.
        read: gives a table of it, index patient_id.
        spec: of its therapy.
        patient_ids: in this order.
        agents: of regimens, where they are given; a regimen that is not among them counts as not known.

    Raises:
        CohortError: a table that cannot be read, or a control that nobody was given.
    """
    regimens = regimens_of(read(spec.table), spec).reindex(pd.Index(list(patient_ids), name="patient_id"))
    regimens = regimens.where(regimens.notna() if agents is None else regimens.isin(list(agents)), None)
    strange = sorted(set(spec.control) - set(regimens.dropna()))
    if strange:
        remedy = f"Given were {some(sorted(set(regimens.dropna())), 20)}"
        raise CohortError(
            cohort, [Problem(what=f"{_KEY}.control names {some(strange)}, which nobody was given", remedy=remedy)]
        )
    return Therapy(
        regimens=regimens,
        strata=strata_of(read, spec, patient_ids),
        by=names_of(spec),
        table=spec.table,
        columns=spec.columns,
        control=spec.control,
        min_patients=spec.min_patients,
        agents=agents or {},
    )


def regimens_of(table: pd.DataFrame, spec: TherapySpec) -> pd.Series[Any]:
    """The regimen of everybody in the declared table, index patient_id; None where it is not known."""
    return _joined([table[column].map(_told, na_action="ignore") for column in spec.columns], " / ")


def names_of(spec: TherapySpec) -> tuple[str, ...]:
    """The columns of the strata, as ``table.column``."""
    return tuple(f"{name}.{column}" for name, column in spec.strata)


def strata_of(read: Callable[[str], pd.DataFrame], spec: TherapySpec, patient_ids: Sequence[str]) -> pd.Series[Any]:
    """The stratum of patients, whom nobody need have treated yet; arguments as of `therapy_of`."""
    index = pd.Index(list(patient_ids), name="patient_id")
    parts = [
        read(name)[column].reindex(index).map(lambda one, column=column: f"{column}={_told(one)}",
                                                      na_action="ignore")
        for name, column in spec.strata
    ]  # fmt: skip
    return _joined(parts, " ") if parts else pd.Series("all patients", index=index, dtype=object)


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _joined(parts: Sequence[pd.Series[Any]], between: str) -> pd.Series[Any]:
    """Texts of every patient joined; None where any is missing."""
    rows = zip(*parts, strict=True)
    values = [between.join(row) if all(isinstance(one, str) for one in row) else None for row in rows]
    return pd.Series(values, index=parts[0].index, dtype=object)
