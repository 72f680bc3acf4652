"""Which column holds the patient, and which pattern finds a patient in the names of files, samples and barcodes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from data_modules.drafting.tables import Table
from data_modules.drafting.words import is_id, tokens
from data_modules.readers.numbers import is_unknown

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 0.5
"""Share of a source's names that have to be known patients' for it to be joined to them."""

MOST_CHOICES = 6
"""Patterns that are offered to choose samples by."""

_FIRST = 40
_FLOAT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_RUNS = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z0-9]+")
_PARTS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]+")


@dataclass(frozen=True, kw_only=True)
class Join:
    """How the names of a source become patients.

    Attributes:
        patients: of this source, in the order of its names.
        pattern: regular expression whose group is the patient; None where a name is the patient.
        column: of a table.
        reason: in words.
        shared: how many of the patients are the cohort's by other sources.
        sheet: file, column of names and column of patients of the table that says whose they are.
    """

    patients: tuple[str, ...]
    pattern: str | None = None
    column: str | None = None
    reason: str = ""
    shared: int = 0
    sheet: tuple[str, str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A pattern that finds at most one sample of a patient.

    Attributes:
        pattern: regular expression whose group is the patient.
        patients: how many have such a sample.
        example: a name that it matches.
    """

    pattern: str
    patients: int
    example: str


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What there is to choose from.

    Attributes:
        several: patients with several samples.
        choices: of the most patients first; none where nothing behind the patient tells samples apart.
    """

    several: int
    choices: tuple[Choice, ...]


def shape_of(ids: Collection[str]) -> str | None:
    r"""A regular expression that all ids match in full, as narrow as they are: ``SIM-BR-\d{4}``; None where unlike."""
    for cut, one_of in ((_RUNS, _run), (_PARTS, _part)):
        rows = [cut.findall(one) for one in ids]
        if not rows or len({len(row) for row in rows}) != 1:
            continue
        parts = [one_of(column) for column in zip(*rows, strict=True)]
        if all(part is not None for part in parts):
            return "".join(part for part in parts if part is not None)
    return None


def _run(values: Sequence[str]) -> str | None:
    if len(set(values)) == 1:
        return re.escape(values[0]).replace("\\-", "-")
    kinds = {"digits" if value.isdigit() else "letters" if value.isalpha() else "other" for value in values}
    if len(kinds) != 1 or "other" in kinds:
        return None
    return (r"\d" if kinds == {"digits"} else "[A-Za-z]") + _times(values)


def _part(values: Sequence[str]) -> str | None:
    if len(set(values)) == 1:
        return re.escape(values[0]).replace("\\-", "-")
    return "[A-Za-z0-9]" + _times(values) if all(value.isalnum() for value in values) else None


def _times(values: Sequence[str]) -> str:
    lengths = {len(value) for value in values}
    return "+" if len(lengths) > 1 else "" if lengths == {1} else f"{{{lengths.pop()}}}"


def join_names(names: Iterable[str], known: Collection[str], *, paths: bool = False) -> Join | None:
    """How names become known patients; None where too few of them do.

    Args:
        names: of samples or barcodes, or of files below the cohort's root where `paths`.
        known: patients.
        paths: names of files: their endings do not count, and folders are looked at where names do not tell.
    """
    names, known = list(dict.fromkeys(names)), set(known)
    if not names or not known:
        return None
    bare = [_bare(name) if paths else name for name in names]
    exact = [name for name in bare if name in known]
    if len(exact) >= ENOUGH * len(names):
        what = "a file's name less its endings" if paths else "the name"
        return Join(
            patients=tuple(dict.fromkeys(bare)), shared=len(set(exact)),
            reason=f"{what} is the patient for {len(exact)} of {len(names)}",
        )  # fmt: skip
    shape = shape_of(known)
    if shape is None:
        return None
    for pattern in (f"^({shape})", f"(?<![A-Za-z0-9])({shape})(?![0-9])"):
        found = [_search(pattern, name, paths=paths) for name in names]
        hits = [one for one in found if one in known]
        if len(hits) >= ENOUGH * len(names):
            return Join(
                patients=tuple(dict.fromkeys(one for one in found if one)), pattern=pattern, shared=len(set(hits)),
                reason=f"it finds a patient of other files in {len(hits)} of {len(names)} names, e.g. {names[0]}",
            )  # fmt: skip
    return None


def patient_in(name: str, pattern: str | None, *, paths: bool) -> str | None:
    """The patient of one name, by the pattern of a `Join`; see `join_names`."""
    if pattern is not None:
        return _search(pattern, name, paths=paths)
    return _bare(name) if paths else name


def _bare(name: str) -> str:
    from data_modules.patient_ids import bare_name

    return bare_name(name.rpartition("/")[2])


def _search(pattern: str, name: str, *, paths: bool) -> str | None:
    for place in (name.rpartition("/")[2], name) if paths else (name,):
        match = re.search(pattern, place)
        if match is not None:
            return match[1]
    return None


def candidates(table: Table) -> dict[str, list[str]]:
    """Columns that may hold the patient → their values, known ones."""
    found: dict[str, list[str]] = {}
    for place, name in enumerate(table.frame.columns):
        if place >= _FIRST and not is_id(name):
            continue
        values = [value for value in table.frame[name] if not is_unknown(value)]
        distinct = set(values)
        if len(values) < 0.9 * len(table.frame) or len(distinct) < 2:
            continue
        numbers = all(value.lstrip("+-").isdigit() for value in distinct)
        if any(_FLOAT.fullmatch(value) for value in distinct):
            continue
        unique = len(distinct) == len(values)
        if is_id(name) or (unique and not numbers) or (unique and place == 0):
            found[name] = values
    return found


def join_tables(tables: Sequence[Table], others: Mapping[str, Sequence[str]]) -> dict[str, Join]:
    """The column of the patient in each table, by what the sources of a folder share.

    Args:
        tables: of patients.
        others: further sources → names in them: samples, files.

    Returns:
        Table key → its join; tables that nothing joins to the others are not in it.
    """
    choices = {table.key: candidates(table) for table in tables}
    every = [(key, name) for key, columns in choices.items() for name in columns]
    if not every:
        return {}
    best = max(every, key=lambda one: _support(one, choices, others))
    frames = {table.key: table.frame for table in tables}
    known = dict.fromkeys(_people(frames[best[0]], best[1], choices[best[0]]) or choices[best[0]][best[1]])
    joins: dict[str, Join] = {}
    # Twice: a patient of a table that is joined late may be what joins another.
    for _ in range(2):
        for table in tables:
            found = _join(choices[table.key], known, alone=len(tables) == 1)
            if found is not None:
                joins[table.key] = found
                if len(found.patients) == len(set(found.patients)) and found.pattern is None:
                    known |= dict.fromkeys(found.patients)
    return {key: _counted(key, join, joins) for key, join in joins.items()}


def _people(frame: pd.DataFrame, samples: str, columns: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Patients of a table whose best column names their samples: another column, with which all these begin."""
    for name, values in columns.items():
        if name == samples or len(set(values)) >= len(set(columns[samples])) or len(set(values)) < 2:
            continue
        pairs = [(one, sample) for one, sample in zip(frame[name], frame[samples], strict=True) if not is_unknown(one)]
        if all(sample.startswith(one) and sample[len(one) :][:1] in "-_. /" for one, sample in pairs):
            return values
    return ()


def _counted(key: str, join: Join, joins: Mapping[str, Join]) -> Join:
    """How many of a table's patients other tables name."""
    mine = set(join.patients)
    shared = mine & {one for other, found in joins.items() if other != key for one in found.patients}
    told = f"{len(shared)} of its {len(mine)} ids are in other tables" if len(joins) > 1 else join.reason
    return replace(join, shared=len(shared), reason=told)


def _support(
    one: tuple[str, str], choices: Mapping[str, Mapping[str, Sequence[str]]], others: Mapping[str, Sequence[str]]
) -> tuple[float, float, int]:
    """How many other sources know a column's values, then how much it looks like the patient's."""
    key, name = one
    values = choices[key][name]
    ids = set(values)
    score = 0.0
    for other, columns in choices.items():
        if other != key:
            score += max((_overlap(ids, set(found)) for found in columns.values()), default=0.0)
    for names in others.values():
        join = join_names(names, ids, paths=any("/" in name or "." in name for name in names[:5]))
        score += 0.9 if join is not None else 0.0
    words = tokens(name)
    looks = 1.0 * ("patient" in words) + 0.5 * is_id(name) + 0.5 * (len(ids) == len(values)) - 0.5 * ("uuid" in words)
    return (round(score, 2), looks, len(ids))


def _overlap(left: set[str], right: set[str]) -> float:
    return len(left & right) / min(len(left), len(right)) if left and right else 0.0


def _join(columns: Mapping[str, Sequence[str]], known: Mapping[str, None], *, alone: bool) -> Join | None:
    """The column of a table that fits the known patients best."""
    found: list[tuple[tuple[float, float, float], Join]] = []
    for name, values in columns.items():
        ids = set(values)
        shared = ids & set(known)
        pattern = None
        patients = tuple(values)
        if len(shared) < 0.05 * len(ids):
            join = join_names(values, known)
            if join is None or join.pattern is None:
                continue
            pattern, shared = join.pattern, set(join.patients) & set(known)
            patients = tuple(match[1] for match in (re.search(pattern, value) for value in values) if match)
        reason = "an id by its name or its values" if alone else ""
        rank = (len(shared) / len(ids), pattern is None, "patient" in tokens(name))
        found.append((rank, Join(patients=patients, pattern=pattern, column=name, reason=reason, shared=len(shared))))
    return max(found, key=lambda one: one[0])[1] if found else None


def sample_choices(names: Iterable[str], pattern: str | None) -> Choices | None:
    """Patterns that take one sample a patient, for the user to choose; None where no patient has several.

    Args:
        names: of samples.
        pattern: that finds the patient in them; None where the name is the patient.
    """
    if pattern is None:
        return None
    found = [(name, match) for name in dict.fromkeys(names) if (match := re.search(pattern, name))]
    several = sum(number > 1 for number in Counter(match[1] for _, match in found).values())
    if not several:
        return None
    kinds: dict[str, list[tuple[str, str]]] = {}
    for name, match in found:
        behind = re.match(r"[^A-Za-z0-9]*[A-Za-z0-9]*", name[match.end() :])
        kinds.setdefault(behind[0] if behind else "", []).append((name, match[1]))
    made = []
    for kind, samples in kinds.items():
        if len({patient for _, patient in samples}) < len(samples):
            continue
        end = rf"{re.escape(kind)}\b" if kind else "$"
        made.append(Choice(pattern=pattern + end.replace("\\-", "-"), patients=len(samples), example=samples[0][0]))
    made.sort(key=lambda one: -one.patients)
    return Choices(several=several, choices=tuple(made[:MOST_CHOICES]))
