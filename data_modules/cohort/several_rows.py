"""Tables of several rows a patient: how they become one, as each column declares; never in silence.

labs:
file: labs.csv
id: patient
order: day                 # column by which a patient's rows follow one another: numbers, or dates as 2024-01-31
until: 0                   # rows up to here are of baseline: a number, a date, or the column of each patient's date
columns:
crp: {time: baseline, kind: number, reduce: last}      # first, last, min, max, mean, count

Where a column says which rows are meant at all, ``rows: {sample_type: [Primary Tumor]}`` leaves the others out.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_modules.columns import MISSING, Column, TableSpec
from data_modules.errors import Problem
from data_modules.readers.numbers import is_unknown, to_number
from fusion.contract import some

if TYPE_CHECKING:
    import pandas as pd

_HOW = "first, last, min, max, mean or count"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Which rows count, and what follows what.

    Attributes:
        order: of each row a number, larger where later; NaN where the table declares no order.
        baseline: whether a row is of baseline; all where nothing is declared.
        problems: cells of the order that say nothing.
        notes: how many rows are of later.
    """

    order: pd.Series[float]
    baseline: pd.Series[bool]
    problems: list[Problem]
    notes: list[str]


def reduces(spec: TableSpec) -> bool:
    """Whether a table declares how several rows become one."""
    return (
        spec.reduce is not None
        or spec.order is not None
        or any(column.reduce is not None for column in spec.columns.values())
    )


def how(key: str) -> str:
    """The remedy for a table of several rows a patient that declares nothing."""
    return (
        f"Keep one row a patient, mend {key}.id_pattern, or declare how rows become one: {key}.reduce, or reduce of a "
        f"column ({_HOW}), with {key}.order and {key}.until where rows are of several days; or name the rows that "
        f"count by {key}.rows: {{<column>: [<values>]}}"
    )


def chosen_rows(spec: TableSpec, raw: pd.DataFrame, key: str) -> tuple[pd.DataFrame, Problem | None, list[str]]:
    """The rows that the table's ``rows`` name, what speaks against it, and who is left out by which values.

    Args:
        spec: the table.
        raw: its cells as text, indexed by line.
        key: config key of the table.
    """
    notes = []
    for name, values in spec.rows.items():
        if name not in raw.columns:
            remedy = f"Mend {key}.rows; it has {some(list(raw.columns), 8)}"
            return raw, Problem(what=f"{spec.source} has no column {name!r}", remedy=remedy), []
        counts = raw[name].value_counts()
        told = [f"{value!r} ({number})" for value, number in counts.items() if value not in values]
        chosen = raw[raw[name].isin(values)]
        if chosen.empty:
            what = f"{spec.source} has no row whose {name!r} is {some(list(map(repr, values)))}"
            return raw, Problem(what=what, remedy=f"Mend {key}.rows; there are {some(told)}"), []
        if told:
            left = len(raw) - len(chosen)
            notes.append(f"{left} of {len(raw)} rows are left out, as declared: {name} is {some(told)}")
        never = [repr(value) for value in values if value not in counts]
        if never:
            notes.append(f"no row has {name} {some(never)}, which {key}.rows names")
        raw = chosen
    return raw, None, notes


def placed_rows(spec: TableSpec, raw: pd.DataFrame, ids: pd.Series[Any], key: str) -> Rows:
    """The order of rows, and those of baseline.

    Args:
        spec: the table.
        raw: its cells as text, indexed by line.
        ids: patient of each row.
        key: config key of the table.
    """
    import pandas as pd

    nothing = pd.Series(math.nan, index=raw.index)
    every = pd.Series(True, index=raw.index)
    if spec.order is None:
        return Rows(order=nothing, baseline=every, problems=[], notes=[])
    names = [spec.order] + ([spec.until] if isinstance(spec.until, str) and spec.until in raw.columns else [])
    lacking = [name for name in names if name not in raw.columns]
    if lacking:
        what = f"{spec.source} has no column {lacking[0]!r}"
        problem = Problem(what=what, remedy=f"Mend {key}.order")
        return Rows(order=nothing, baseline=every, problems=[problem], notes=[])
    problems = []
    places: dict[str, pd.Series[float]] = {}
    for name in names:
        places[name] = raw[name].map(place).astype("float64")
        strange = raw[name][places[name].isna()]
        if len(strange):
            who = ids[strange.index]
            examples = tuple(
                f"{patient}, row {row}: {value!r}" for (row, value), patient in zip(strange.items(), who, strict=True)
            )
            what = f"{spec.source}: column {name!r} has cells that are neither numbers nor dates such as 2024-01-31"
            remedy = f"Mend them, or set {key}.order and {key}.until to other columns"
            problems.append(Problem(what=what, remedy=remedy, examples=examples))
    order = places[spec.order]
    if spec.until in places:
        limit: Any = places[str(spec.until)]
    else:
        limit = place(str(spec.until))
        if math.isnan(limit):
            what = f"{key}.until is {spec.until!r}"
            remedy = "Set it to a number, a date such as '2024-01-31', or a column of the file"
            problems.append(Problem(what=what, remedy=remedy))
    baseline = order <= limit
    later = int((~baseline).sum())
    notes = [f"{later} of {len(raw)} rows are of after {spec.until} and no part of baseline columns"] if later else []
    return Rows(order=order, baseline=baseline, problems=problems, notes=notes if not problems else [])


def place(cell: str) -> float:
    """A number, or the day of a date; NaN for what is neither."""
    text = str(cell).strip()
    if text in ("inf", ".inf"):
        return math.inf
    number = to_number(text, ".")
    if not math.isnan(number):
        return number
    try:
        return float(datetime.date.fromisoformat(text[:10]).toordinal())
    except ValueError:
        return math.nan


def known_cells(column: Column, raw: pd.Series[str]) -> pd.Series[float]:
    """1 where a cell says anything, for a column that is counted."""
    unknown = raw.isin((*MISSING, *column.missing)) | raw.map(is_unknown)
    return (~unknown.astype(bool)).astype("float64")


def reduced(
    spec: TableSpec, column: Column, values: pd.Series[Any], ids: pd.Series[Any], rows: Rows, key: str
) -> tuple[dict[str, Any], list[Problem]]:
    """Patient → value of a column out of their rows, and what speaks against it.

    Args:
        spec: the table.
        column: its declaration.
        values: of each row, NaN or None where missing.
        ids: patient of each row, None for nobody.
        rows: see `placed_rows`.
        key: config key of the table.
    """
    rule = _rule(spec, column)
    use = rows.baseline if column.time == "baseline" else rows.baseline | True
    found: dict[str, Any] = {}
    open_: list[str] = []
    tied: list[str] = []
    for patient, lines in ids[ids.notna() & use].groupby(ids).groups.items():
        known = values[lines].dropna()
        if rule == "count":
            found[str(patient)] = float(known.sum())
        elif known.empty:
            found[str(patient)] = None
        elif _is_one(known):
            found[str(patient)] = known.iloc[0]
        elif rule is None:
            open_.append(f"{patient} (rows {', '.join(map(str, known.index))}: {', '.join(map(repr, known))})")
        elif rule in ("first", "last"):
            at = rows.order[known.index]
            chosen = known[at == (at.min() if rule == "first" else at.max())]
            if not _is_one(chosen):
                tied.append(f"{patient} (rows {', '.join(map(str, chosen.index))})")
            else:
                found[str(patient)] = chosen.iloc[0]
        else:
            found[str(patient)] = _of_all(rule, column, known)
    problems = []
    where = f"{key}.columns.{column.name}.reduce"
    if open_:
        what = f"{spec.source}: column {column.name!r} has several values of one patient"
        remedy = f"Set {where} to {_HOW}"
        problems.append(Problem(what=what, remedy=remedy, examples=tuple(open_), column=column.name))
    if tied:
        what = f"{spec.source}: column {column.name!r} has several values at the {rule} of a patient's {spec.order!r}"
        remedy = f"Mend {spec.order!r} there, or set {where} to another rule"
        problems.append(Problem(what=what, remedy=remedy, examples=tuple(tied), column=column.name))
    return found, problems


def _is_one(values: pd.Series[Any]) -> bool:
    return bool((values == values.iloc[0]).all())


def _rule(spec: TableSpec, column: Column) -> str | None:
    """A column's own rule, else the table's where it can be of such a column."""
    if column.reduce is not None:
        return column.reduce
    possible = {"number": ("min", "max", "mean"), "ordered": ("min", "max"), "category": ()}[column.kind]
    return spec.reduce if spec.reduce in (*possible, "first", "last") else None


def _of_all(rule: str, column: Column, known: pd.Series[Any]) -> Any:
    """The least, largest or mean value; of ordered levels by their order."""
    if column.kind == "ordered":
        places = {level: at for at, level in enumerate(column.levels)}
        return (min if rule == "min" else max)(known, key=lambda level: places.get(level, -1))
    return float(getattr(known.astype("float64"), rule)())
