"""The cells of a declared column as values: numbers, levels, or missing where nothing is known."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_modules.cohort.spellings import code_notes, spelt_alike
from data_modules.cohort.yaml_words import YAML_WORDS, quoting
from data_modules.columns import MISSING, Column, TableSpec
from data_modules.errors import Problem
from data_modules.readers.measured import Measured, measured, perhaps_thousands, units_of
from data_modules.readers.numbers import decimal_of, is_unknown, to_number, to_numbers

if TYPE_CHECKING:
    import pandas as pd

_AGES = 10
"""Distinct numbers above which a column whose kind is not declared is probably no category."""

_LEVELS = 20
"""Distinct words above which a column of which most stand once is probably no category."""


@dataclass(frozen=True, kw_only=True)
class Values:
    """A column's values.

    Attributes:
        cells: by its kind, NaN or None where missing.
        problems: cells that are none.
        notes: what a user may want to declare otherwise.
    """

    cells: pd.Series[Any]
    problems: list[Problem]
    notes: list[str]


def decimal_sign(spec: TableSpec, raw: pd.DataFrame, key: str) -> tuple[str, list[Problem], list[str]]:
    """The decimal sign of a table's columns of numbers, as declared or found; a problem where it stays open."""
    if spec.format.decimal is not None:
        return spec.format.decimal, [], []
    names = [column.name for column in spec.columns.values() if column.kind == "number" and column.name in raw]
    found = decimal_of(raw[name].tolist() for name in names)
    thousands = {name: cells for name in names if (cells := set(perhaps_thousands(_known(raw[name]))))}
    if found == "." and thousands:
        examples = tuple(
            f"row {row}: {value!r}"
            for name, cells in thousands.items()
            for row, value in raw[name].items()
            if value in cells
        )
        what = f"{spec.source} has numbers with a point that may be a decimal sign or stand between thousands"
        remedy = f"Set {key}.decimal to '.' where it is the decimal sign, to ',' where it stands between thousands"
        return ".", [Problem(what=what, remedy=remedy, examples=examples)], []
    if found is None:
        examples = tuple(
            f"row {row}: {value!r}" for name in names for row, value in raw[name].items() if "," in str(value)
        )
        what = f"{spec.source} has numbers with a comma that may be a decimal sign or stand between thousands"
        remedy = f"Set {key}.decimal to ',' where it is the decimal sign, to '.' where it stands between thousands"
        return ",", [Problem(what=what, remedy=remedy, examples=examples)], []
    return found, [], ["the decimal sign is a comma"] if found == "," else []


def column_values(
    spec: TableSpec,
    column: Column,
    raw: pd.Series[str],
    rows: pd.Series[int],
    key: str,
    *,
    decimal: str,
    listed: Collection[str],
) -> Values:
    """A column by its kind.

    Args:
        spec: the table.
        column: its declaration.
        raw: cells, stripped.
        rows: the row of each in the file.
        key: config key of the table.
        decimal: sign of its numbers.
        listed: values that the endpoint lists: no words for *missing*.
    """
    place = _Place(spec=spec, column=column, rows=rows, key=f"{key}.columns.{column.name}")
    declared = raw.isin([*column.levels, *listed])
    missing = raw.isin((*MISSING, *column.missing)) & ~declared
    cells, odd = raw.astype(object).mask(missing, None), raw[~missing & ~declared]
    quotes = quoting(odd.tolist(), column.missing, place.key, "missing")
    if quotes is not None:
        concerned = raw[~missing & raw.str.lower().map(YAML_WORDS).isin(column.missing)]
        problems = place.problems(concerned, "words that may be meant by its missing", quotes)
        return Values(cells=cells, problems=problems, notes=[])
    if column.kind == "number":
        return _numbers(place, raw, missing, decimal)
    if column.levels:
        return Values(cells=cells, problems=_outside_levels(place, odd), notes=[])
    known = raw[~missing]
    problems = _perhaps_unknown(place, odd) or _several_spellings(place, known)
    notes = [*_maybe_numbers(column, known, place.key, decimal), *_maybe_text(column, known)]
    return Values(cells=cells, problems=problems, notes=notes)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a column's cells stand: the table, the declaration, each patient's row in the file, the config key."""

    spec: TableSpec
    column: Column
    rows: pd.Series[int]
    key: str

    def problems(self, wrong: pd.Series[str], what: str, remedy: str) -> list[Problem]:
        """What is wrong with some cells of patients; none where there is no such cell."""
        by_row = dict(zip(self.rows.to_numpy(), self.rows.index, strict=True))
        of_patients = {row: by_row[row] for row in wrong.index if isinstance(by_row.get(row), str)}
        if not of_patients:
            return []
        examples = tuple(f"{patient}, row {row}: {wrong[row]!r}" for row, patient in of_patients.items())
        what = f"{self.spec.source}: column {self.column.name!r} has {what}"
        return [Problem(what=what, remedy=remedy, examples=examples, column=self.column.name)]


def _outside_levels(place: _Place, wrong: pd.Series[str]) -> list[Problem]:
    remedy = f"Mend them or add them to {place.key}.levels"
    words = list(dict.fromkeys(value for value in wrong if is_unknown(value)))
    if words:
        remedy += f", or to {place.key}.missing where they say that nothing is known: [{_yaml(words)}]"
    remedy = quoting(wrong.tolist(), place.column.levels, place.key, "levels") or remedy
    return place.problems(wrong, "values outside its levels", remedy)


def _perhaps_unknown(place: _Place, odd: pd.Series[str]) -> list[Problem]:
    wrong = odd[[is_unknown(value) for value in odd]]
    what = "words that may say that nothing is known, or be a category"
    remedy = (
        f"Set {place.key}.missing: [{_yaml(list(dict.fromkeys(wrong)))}] where nothing is known, or list all "
        f"categories in {place.key}.levels"
    )
    return place.problems(wrong, what, remedy)


def _several_spellings(place: _Place, known: pd.Series[str]) -> list[Problem]:
    if place.column.time != "baseline":
        return []
    what = "one word in several spellings, each of which would be a category of its own"
    remedy = f"Spell it in one way, or list all categories in {place.key}.levels"
    return place.problems(spelt_alike(known), what, remedy)


def _numbers(place: _Place, raw: pd.Series[str], missing: pd.Series[bool], decimal: str) -> Values:
    """Cells as numbers, those that are measured values too; what is wrong with the others; what was found."""
    column = place.column
    codes = {to_number(code, decimal) for code in column.missing} - {math.nan}
    missing = missing | raw.map(is_unknown) | to_numbers(raw, decimal).isin(codes)
    values: pd.Series[Any] = to_numbers(raw.mask(missing), decimal)
    known = raw[~missing]
    odd = known[values[known.index].isna()]
    problems: list[Problem] = []
    notes: list[str] = []
    if not odd.empty:
        found = _measured(place, odd, decimal)
        units = units_of([*found.values(), *[Measured(number=0.0)] * (len(known) - len(odd))])
        beyond = odd[[row in found and bool(found[row].limit) for row in odd.index]]
        problems = [
            *_no_numbers(place, odd.drop(list(found))),
            *_several_units(place, odd[[row in found and bool(found[row].unit) for row in odd.index]], units),
            *_beyond_limits(place, beyond),
        ]
        counted = {row: cell.value(column.limits or "value") for row, cell in found.items()}
        values = values.where(~values.index.isin(list(counted)), values.index.map(counted.get))
        notes = [] if problems else _read_as(column, units, len(beyond))
    return Values(cells=values, problems=problems, notes=[*notes, *code_notes(column.name, values, place.key)])


def _measured(place: _Place, odd: pd.Series[str], decimal: str) -> dict[Any, Measured]:
    """Row → a number and what stands beside it, of the cells that are that for certain."""
    declared = place.spec.format.decimal is not None
    read = {row: measured(cell, decimal=decimal, declared=declared) for row, cell in odd.items()}
    return {row: cell for row, cell in read.items() if cell is not None}


def _no_numbers(place: _Place, wrong: pd.Series[str]) -> list[Problem]:
    return place.problems(wrong, "values that are no numbers", f"Mend them or add them to {place.key}.missing")


def _several_units(place: _Place, with_unit: pd.Series[str], units: Counter[str]) -> list[Problem]:
    """Cells of a unit where that is not the unit of all, or not the declared one."""
    given = place.column.unit
    if set(units) <= {"", str(given)} if given else len(units) <= 1:
        return []
    named = next(unit for unit in units if unit)
    told = ", ".join(f"{unit or 'none'} ({number})" for unit, number in units.most_common())
    what = f"values in several units, {told}"
    if len(units) == 1:
        what = f"values in {named}, and is declared in {given}"
    remedy = f"Write all of them in one unit; where all are in {named}, set {place.key}.unit: '{named}'"
    return place.problems(with_unit, what, remedy)


def _beyond_limits(place: _Place, beyond: pd.Series[str]) -> list[Problem]:
    if place.column.limits is not None:
        return []
    remedy = (
        f"Set {place.key}.limits: value, which takes the limit, or half, which takes half of a lower one; or add them "
        f"to {place.key}.missing"
    )
    return place.problems(beyond, "values beyond a limit of their assay", remedy)


_COUNT = {None: "", "value": "that limit", "half": "that limit, below one as half of it"}


def _read_as(column: Column, units: Collection[str], beyond: int) -> list[str]:
    notes = [f"column {column.name!r}: {unit!r} after its numbers is read as their unit" for unit in units if unit]
    if beyond:
        notes.append(f"column {column.name!r}: {beyond} values beyond a limit count as {_COUNT[column.limits]}")
    return notes


def _known(cells: pd.Series[str]) -> list[str]:
    return [cell for cell in cells.tolist() if cell not in MISSING and not is_unknown(cell)]


def _yaml(words: list[str]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)


def _maybe_numbers(column: Column, known: pd.Series[str], where: str, decimal: str) -> list[str]:
    """That a column whose kind nobody declared is all numbers."""
    if column.given or column.time == "outcome" or known.nunique() <= _AGES or to_numbers(known, decimal).isna().any():
        return []
    return [
        f"column {column.name!r} is read as categories, though all {len(known)} values are numbers "
        f"({known.nunique()} different ones): set {where}.kind: number, or kind: category if that is meant"
    ]


def _maybe_text(column: Column, known: pd.Series[str]) -> list[str]:
    """That most words of a column of categories stand for one patient alone."""
    counts = known.value_counts()
    if column.time != "baseline" or len(counts) <= _LEVELS or int((counts == 1).sum()) <= len(known) / 2:
        return []
    return [
        f"column {column.name!r} has {len(counts)} different words for {len(known)} rows, each of which is a category: "
        "is it text, a date or an id? Take it out of columns"
    ]
