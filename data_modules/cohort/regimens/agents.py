"""``cohort.therapy.agents``: the agents of each regimen, from a file or from the YAML; checked, never guessed.

    agents: regimens.csv       # a row an agent: regimen, agent; and any of class, atc, rxnorm, dose, unit, order

or the same in place::

    agents:
      arm 1: [{agent: one drug, class: its class, order: 1}, {agent: another, dose: 80, unit: mg/m2}]
      observation: []

In a file ``none`` is the agent of a regimen without any. Agents are the same where they share a code or, without one,
a name. Nothing of any agent is known here: a code or class that the cohort does not give is missing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modules.cohort.regimens.doses import comparable, unit_of
from data_modules.cohort.regimens.rows import FIELDS, KEY, NEEDED, NONE, Row, empty, rows_of_file, rows_of_yaml
from data_modules.errors import CohortError, Problem
from data_modules.readers.numbers import to_number
from fusion.contract import Agent, some

_ATC = re.compile(r"[A-Z]\d{2}[A-Z]{2}\d{2}")
_CLASS = 5
"""Characters of an ATC code's fourth level: the chemical subgroup."""


@dataclass(frozen=True, kw_only=True)
class Regimens:
    """What a cohort says of its regimens.

    Attributes:
        agents: regimen → its agents, by name; doses of one agent in one unit.
        notes: what is missing or was put together, each a sentence.
    """

    agents: Mapping[str, tuple[Agent, ...]]
    notes: tuple[str, ...]


def read_regimens(cohort: str, given: str | Mapping[str, Any], root: Path) -> Regimens:
    """Read and check the agents of regimens.

    Args:
        cohort: its name.
        given: a file below the root, or regimen → list of agents.
        root: the cohort's folder.

    Raises:
        CohortError: everything that is wrong, by row.
    """
    strange: list[str] = []
    rows = list(rows_of_file(cohort, root / given, strange) if isinstance(given, str) else rows_of_yaml(cohort, given))
    names = _one_name(rows)
    problems = list(_problems(rows, names))
    if problems:
        raise CohortError(cohort, problems)
    notes = (
        [f"{KEY}: columns {some(strange)} are not read; known are {', '.join((*NEEDED, *FIELDS))}"] if strange else []
    )
    found: dict[str, list[Agent]] = {row.regimen: [] for row in rows}
    facts = _facts(rows, names, notes)
    for row in rows:
        if not empty(row):
            found[row.regimen].append(_agent(row, names, facts))
    agents = {name: tuple(sorted(several, key=lambda one: one.name)) for name, several in sorted(found.items())}
    return Regimens(agents=agents, notes=tuple(f"{note}." for note in [*notes, *_missing(agents)]))


def _code(row: Row) -> tuple[str, str] | None:
    """What tells an agent whatever it is called."""
    if row["atc"]:
        return "ATC", row["atc"].upper()
    return ("RxNorm", row["rxnorm"]) if row["rxnorm"] else None


def _one_name(rows: list[Row]) -> dict[str, str]:
    """Name in lower case → the name that stands for the agent: the first with its code, or as it is first written."""
    names: dict[str, str] = {}
    by_code: dict[tuple[str, str], str] = {}
    for row in rows:
        low, code = row["agent"].lower(), _code(row)
        name = names.setdefault(low, by_code.get(code, row["agent"]) if code else row["agent"])
        if code:
            by_code.setdefault(code, name)
    return names


def _problems(rows: list[Row], names: Mapping[str, str]) -> Iterator[Problem]:
    """What cannot be right, by row."""
    told: dict[tuple[str, str], tuple[str, str]] = {}
    given: set[tuple[str, str]] = set()
    for row in rows:
        who = f"{row.where}: "
        if not row.regimen or not row["agent"]:
            lacking = "regimen" if not row.regimen else "agent"
            yield Problem(what=f"{who}no {lacking}", remedy=f"Name it; the agent of a regimen without any is {NONE}")
            continue
        name = names[row["agent"].lower()]
        if (row.regimen, name) in given or ((row.regimen, NONE) in given and not empty(row)):
            what = f"{who}{row['agent']} stands twice in {row.regimen}, or beside {NONE}"
            yield Problem(what=what, remedy="Give each agent of a regimen one row")
        given.add((row.regimen, NONE if empty(row) else name))
        if row["atc"] and not _ATC.fullmatch(row["atc"].upper()):
            what = f"{who}atc of {row['agent']} is {row['atc']!r}"
            yield Problem(what=what, remedy="An ATC code of the fifth level has seven characters, as A10BA02")
        if row["rxnorm"] and not row["rxnorm"].isdigit():
            what = f"{who}rxnorm of {row['agent']} is {row['rxnorm']!r}"
            yield Problem(what=what, remedy="RxNorm's concept number (RxCUI) is a whole number")
        if row["dose"] and not to_number(row["dose"], ".") > 0:
            yield Problem(what=f"{who}dose of {row['agent']} is {row['dose']!r}", remedy="Give a number above 0")
        if row["order"] and not (row["order"].isdigit() and int(row["order"]) > 0):
            what = f"{who}order of {row['agent']} is {row['order']!r}"
            yield Problem(what=what, remedy="Give its place in the sequence, from 1")
        for field in ("atc", "rxnorm", "class"):
            value = row[field].upper() if field == "atc" else row[field]
            if value and told.setdefault((name, field), (value, row.where))[0] != value:
                before, where = told[name, field]
                what = f"{who}{field} of {row['agent']} is {value!r}, and {before!r} in {where}"
                yield Problem(what=what, remedy="One agent has one code and one class")


def _facts(rows: list[Row], names: Mapping[str, str], notes: list[str]) -> dict[str, dict[str, str]]:
    """Agent → code and class from whichever of its rows gives them, and the unit of its doses where it has one."""
    facts: dict[str, dict[str, str]] = defaultdict(dict)
    units: dict[str, list[str]] = defaultdict(list)
    called: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        name = names[row["agent"].lower()] if row["agent"] else ""
        called[name].append(row["agent"])
        for field in ("class", "atc", "rxnorm"):
            if row[field]:
                facts[name].setdefault(field, row[field].upper() if field == "atc" else row[field])
        if row["dose"]:
            units[name].append(row["unit"])
    for name, several in called.items():
        others = sorted(set(several) - {name})
        if others:
            notes.append(f"{some(others)} and {name} are taken for one agent: the code or the name is the same")
    for name, found in units.items():
        written = list(dict.fromkeys(found))
        if not all(written):
            notes.append(f"{name} has a dose without a unit: its doses are not used")
        elif not comparable(written):
            notes.append(f"{name} is dosed in {' and in '.join(written)}, which do not convert: its doses are not used")
        else:
            facts[name]["unit"] = unit_of(written[0]).name
            if len(written) > 1:
                notes.append(f"doses of {name} in {' and in '.join(written)} are compared in {facts[name]['unit']}")
    return facts


def _agent(row: Row, names: Mapping[str, str], facts: Mapping[str, Mapping[str, str]]) -> Agent:
    name = names[row["agent"].lower()]
    known = facts.get(name, {})
    atc, unit = known.get("atc"), known.get("unit")
    dosed = bool(row["dose"]) and unit is not None
    return Agent(
        name=name,
        group=known.get("class") or (atc[:_CLASS] if atc else None),
        atc=atc,
        rxnorm=known.get("rxnorm"),
        dose=to_number(row["dose"], ".") * unit_of(row["unit"]).factor if dosed else None,
        unit=unit if dosed else None,
        order=int(row["order"]) if row["order"] else None,
    )


def _missing(agents: Mapping[str, tuple[Agent, ...]]) -> Iterator[str]:
    """Sentences on codes, classes, doses and places that are not given."""
    every = {one.name: one for several in agents.values() for one in several}
    bare = [name for name, one in every.items() if not (one.atc or one.rxnorm)]
    if bare:
        yield (
            f"{len(bare)} of {len(every)} agents have no ATC or RxNorm code ({some(bare)}): they are the same agent "
            "only where they are spelled alike"
        )
    classless = [name for name, one in every.items() if not one.group]
    if classless:
        named = some(classless)
        yield f"{len(classless)} of {len(every)} agents have no class ({named}): they share nothing with others"
    for field in ("dose", "order"):
        told = [(name, one) for name, several in agents.items() for one in several]
        dosed = {one.name for _, one in told if getattr(one, field) is not None}
        gaps = [f"{one.name} in {name}" for name, one in told if one.name in dosed and getattr(one, field) is None]
        if gaps:
            yield f"no {field} is given of {some(gaps)}, and one elsewhere: taken as the usual one"
