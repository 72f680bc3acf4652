"""The cells of a declared column as values: numbers, levels, or missing where nothing is known."""

from __future__ import annotations

import math
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
    where = f"{key}.columns.{column.name}"
    declared = raw.isin([*column.levels, *listed])
    missing = raw.isin((*MISSING, *column.missing)) & ~declared
    quotes = quoting(raw[~declared & ~missing].tolist(), column.missing, where, "missing")
    if quotes is not None:
        concerned = raw[~missing & raw.str.lower().map(YAML_WORDS).isin(column.missing)]
        problems = _named(spec, column, concerned, rows, "words that may be meant by its missing", quotes)
        return Values(cells=raw.astype(object).mask(missing, None), problems=problems, notes=[])
    if column.kind == "number":
        codes = {to_number(code, decimal) for code in column.missing}
        missing |= raw.map(is_unknown) | to_numbers(raw, decimal).isin(codes - {math.nan})
        values = to_numbers(raw.mask(missing), decimal)
        values, problems, notes = _measured(spec, column, raw[~missing], values, rows, where, decimal=decimal)
        return Values(cells=values, problems=problems, notes=[*notes, *code_notes(column.name, values, where)])
    values = raw.astype(object).mask(missing, None)
    if column.levels:
        wrong = raw[~declared & ~missing]
        what, remedy = "values outside its levels", f"Mend them or add them to {where}.levels"
        words = list(dict.fromkeys(value for value in wrong if is_unknown(value)))
        if words:
            remedy += f", or to {where}.missing where they say that nothing is known: [{_yaml(words)}]"
        remedy = quoting(wrong.tolist(), column.levels, where, "levels") or remedy
        return Values(cells=values, problems=_named(spec, column, wrong, rows, what, remedy), notes=[])
    wrong = raw[raw.map(is_unknown) & ~missing & ~declared]
    words = list(dict.fromkeys(wrong))
    what = "words that may say that nothing is known, or be a category"
    remedy = f"Set {where}.missing: [{_yaml(words)}] where nothing is known, or list all categories in {where}.levels"
    problems = _named(spec, column, wrong, rows, what, remedy)
    if not problems and column.time == "baseline":
        what = "one word in several spellings, each of which would be a category of its own"
        remedy = f"Spell it in one way, or list all categories in {where}.levels"
        problems = _named(spec, column, spelt_alike(raw[~missing]), rows, what, remedy)
    notes = [*_maybe_numbers(column, raw[~missing], where, decimal), *_maybe_text(column, raw[~missing])]
    return Values(cells=values, problems=problems, notes=notes)


_COUNT = {None: "", "value": "that limit", "half": "that limit, below one as half of it"}


def _measured(
    spec: TableSpec,
    column: Column,
    known: pd.Series[str],
    values: pd.Series[Any],
    rows: pd.Series[int],
    where: str,
    *,
    decimal: str,
) -> tuple[pd.Series[Any], list[Problem], list[str]]:
    """Cells that are no plain numbers as such, where that is certain; what is wrong with the others; what was found."""
    odd = known[values[known.index].isna()]
    if odd.empty:
        return values, [], []
    declared = spec.format.decimal is not None
    read = {row: measured(cell, decimal=decimal, declared=declared) for row, cell in odd.items()}
    wrong = odd[[read[row] is None for row in odd.index]]
    what, remedy = "values that are no numbers", f"Mend them or add them to {where}.missing"
    problems = _named(spec, column, wrong, rows, what, remedy)
    found = {row: cell for row, cell in read.items() if cell is not None}
    plain = len(known) - len(odd)
    units = units_of([*found.values(), *[Measured(number=0.0)] * plain])
    given = {"", str(column.unit)} if column.unit else set()
    if not set(units) <= given if given else len(units) > 1:
        told = ", ".join(f"{unit or 'none'} ({number})" for unit, number in units.most_common())
        named = next(unit for unit in units if unit)
        what = f"values in several units, {told}"
        if len(units) == 1:
            what = f"values in {named}, and is declared in {column.unit}"
        remedy = f"Write all of them in one unit; where all are in {named}, set {where}.unit: '{named}'"
        concerned = odd[[row in found and bool(found[row].unit) for row in odd.index]]
        problems += _named(spec, column, concerned, rows, what, remedy)
    beyond = odd[[row in found and bool(found[row].limit) for row in odd.index]]
    if column.limits is None:
        what = "values beyond a limit of their assay"
        remedy = (
            f"Set {where}.limits: value, which takes the limit, or half, which takes half of a lower one; or add them "
            f"to {where}.missing"
        )
        problems += _named(spec, column, beyond, rows, what, remedy)
    counted = {row: cell.value(column.limits or "value") for row, cell in found.items()}
    values = values.where(~values.index.isin(list(counted)), values.index.map(counted.get))
    notes = [f"column {column.name!r}: {unit!r} after its numbers is read as their unit" for unit in units if unit]
    if len(beyond):
        notes.append(f"column {column.name!r}: {len(beyond)} values beyond a limit count as {_COUNT[column.limits]}")
    return values, problems, notes if not problems else []


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


def _named(
    spec: TableSpec, column: Column, wrong: pd.Series[str], rows: pd.Series[int], what: str, remedy: str
) -> list[Problem]:
    if wrong.empty:
        return []
    by_row = dict(zip(rows.to_numpy(), rows.index, strict=True))
    wrong = wrong[[isinstance(by_row.get(row), str) for row in wrong.index]]  # of rows without a patient this is told
    if wrong.empty:
        return []
    examples = tuple(f"{by_row[row]}, row {row}: {value!r}" for row, value in wrong.items())
    what = f"{spec.source}: column {column.name!r} has {what}"
    return [Problem(what=what, remedy=remedy, examples=examples, column=column.name)]
