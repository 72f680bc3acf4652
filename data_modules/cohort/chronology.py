"""What comes before what, for endpoints in time: nothing measured after time zero is an input, one unit for all times.

Whoever must live to be treated or measured seems to live longer by it (immortal time; Suissa, Am J Epidemiol
167:492–499, 2008).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.cohort.endpoint import outcome_columns
from data_modules.columns import Column, TableSpec
from data_modules.errors import Problem

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles

DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
"""Of units that can be compared."""

_MIXED = (30.4375, 365.25, 12.0)
"""Factors between units that are taken for one another: days for months, days for years, months for years."""
_NEAR = 0.1
_FEWEST = 5
_LIFE = 120 * 365.25


def measured_later(source: CohortFiles) -> list[Problem]:
    """Baseline columns of which a declared ``measured`` says that some patients have them from after time zero."""
    if source.endpoint.time is None:
        return []
    problems: list[Problem] = []
    for name, spec in source.specs.items():
        for column in spec.columns.values():
            if column.measured is not None and column.time == "baseline":
                problems += _later(source, name, spec, column)
    return problems


def _later(source: CohortFiles, name: str, spec: TableSpec, column: Column) -> Iterator[Problem]:
    key = f"cohort.tables.{name}.columns.{column.name}"
    when = spec.columns.get(str(column.measured))
    if when is None or when.kind != "number":
        what = f"{key}.measured is {column.measured!r}"
        yield Problem(what=what, remedy=f"Name a column of kind number that cohort.tables.{name}.columns declares")
        return
    table = source.read(name)
    has = table.frame[column.name].notna()
    known = table.frame[when.name]
    late = has & (known > 0)
    zero = source.endpoint.time_zero or "time zero"
    if late.any():
        examples = tuple(f"{one}, row {table.rows[one]}: {known[one]:g}" for one in table.frame.index[late])
        yield Problem(
            what=f"{spec.source}: {column.name!r} is declared baseline and was measured or begun after {zero}",
            remedy=(
                f"Declare {key}.time: post_baseline, blank it for these patients, or move time zero: who lives to have "
                "it seems to live longer by it (immortal time)"
            ),
            examples=examples,
            column=column.name,
        )
    undated = has & known.isna()
    if undated.any():
        examples = tuple(f"{one}, row {table.rows[one]}" for one in table.frame.index[undated])
        yield Problem(
            what=f"{spec.source}: {when.name!r} does not say when {column.name!r} was measured or begun",
            remedy=(
                f"Fill it in, or take {key}.measured away, which says that all of it was known at {zero}; without "
                "either, immortal time cannot be excluded"
            ),
            examples=examples,
            column=when.name,
        )


def mixed_units(source: CohortFiles, times: pd.Series[float]) -> list[Problem]:
    """Times that are too long for their unit, and times of other columns that differ by a factor between units.

    Args:
        source: the cohort.
        times: of the endpoint, index patient_id.
    """
    endpoint = source.endpoint
    unit = DAYS.get(endpoint.unit)
    if unit is None:
        return []
    key = f"cohort.endpoints.{endpoint.name}.unit"
    problems = []
    longest = float(times.max())
    if longest * unit > _LIFE:
        what = f"{endpoint.time!r} goes up to {longest:g} {endpoint.unit}, longer than a life"
        problems.append(Problem(what=what, remedy=f"Mend the values or {key}", column=endpoint.time))
    for name, spec in source.specs.items():
        ends = [column for column in spec.columns.values() if _is_time(source, name, column)]
        if not ends:
            continue
        frame = source.read(name).frame
        for column in ends:
            other = frame[column.name].reindex(times.index)
            found = _factor(times * unit, other * DAYS[str(column.unit)])
            if found is not None:
                what = (
                    f"{endpoint.time!r} in {endpoint.unit} and {spec.source}: {column.name!r} in {column.unit} differ "
                    f"by a factor of {found:.1f}, as if one were in another unit"
                )
                remedy = f"Mend the values, {key} or cohort.tables.{name}.columns.{column.name}.unit"
                problems.append(Problem(what=what, remedy=remedy, column=column.name))
    return problems


def _is_time(source: CohortFiles, table: str, column: Column) -> bool:
    """Another time to an outcome: a number with a unit of time, known only afterwards or of another endpoint."""
    mine = table == source.endpoint.table and column.name in (source.endpoint.time, source.endpoint.entry)
    after = column.time != "baseline" or column.name in outcome_columns(source.outcomes, table)
    return not mine and after and column.kind == "number" and column.unit in DAYS


def _factor(mine: pd.Series[float], other: pd.Series[float]) -> float | None:
    """How many times longer the one is for most patients, where that is a factor between units; both in days."""
    both = (mine > 0) & (other > 0)
    if both.sum() < _FEWEST:
        return None
    ratio = (mine[both] / other[both]).to_numpy(np.float64)
    middle = float(np.median(ratio))
    low, high = np.quantile(ratio, [0.25, 0.75])
    together = high <= low * (1 + 2 * _NEAR)
    times = max(middle, 1 / middle)
    near = any(abs(times / one - 1) <= _NEAR for one in _MIXED)
    return times if together and near else None
