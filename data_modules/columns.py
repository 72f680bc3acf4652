"""What a configuration declares of a cohort's tables and of each of their columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from data_modules.errors import CohortError, Problem
from data_modules.readers.measured import Limits
from data_modules.readers.tables import TableFormat
from fusion.contract import some

if TYPE_CHECKING:
    import pandas as pd

Time = Literal["baseline", "post_baseline", "outcome"]
Kind = Literal["number", "category", "ordered"]
Reduce = Literal["first", "last", "min", "max", "mean", "count"]
"""How several rows of a patient become one."""

_ROWS = ("reduce", "order", "until", "rows")
_FORMAT = tuple(one.name for one in fields(TableFormat))

MISSING = (
    "", "'--", "--", "NA", "N/A", "nan", "Not Reported", "not reported", "Unknown", "unknown", "Not Available",
    "[Not Available]", "[Not Applicable]", "[Not Evaluated]", "[Unknown]", "[Discrepancy]", "Not Allowed To Collect",
)  # fmt: skip
"""What GDC, its biotabs and spreadsheets write where nothing is known. A declared level is never missing."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A declared column.

    Attributes:
        name: in the file's header.
        given: whether the kind was declared, rather than taken for a category.
        time: when its value is known; only ``baseline`` may be an input.
        kind: ``ordered`` needs `levels`, lowest first.
        levels: the only values allowed, for ``category`` and ``ordered``.
        unit: of numbers.
        label: for reports.
        missing: values that mean nothing is known, beside `MISSING`.
        reduce: how a patient's rows become one; None takes the table's.
        measured: column of the same table that says when it was measured or begun, counted from time zero of an
            endpoint in time; what is later is refused.
        limits: what ``<0.5`` and ``>100`` count as in a column of numbers: the limit's ``value``, or ``half`` of a
            lower one; None refuses them.
        optional: whether files of this layout may lack it; then it is no input, and no endpoint of it can be predicted.
    """

    name: str
    time: Time
    kind: Kind = "category"
    levels: tuple[str, ...] = ()
    unit: str | None = None
    label: str
    missing: tuple[str, ...] = ()
    given: bool = True
    reduce: Reduce | None = None
    measured: str | None = None
    limits: Limits | None = None
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A declared table.

    Attributes:
        name: key in ``cohort.tables``.
        file: relative to the cohort's root; its suffix tells the separator.
        reader: instead of a file, a function of the root that returns a frame with the patient id as its index.
        id: column of the patient id or barcode.
        id_pattern: regular expression whose first group is the patient id, for barcodes of samples.
        columns: by name; of those that do not say so themselves, ``time`` of the table says when they are known.
        skip_rows: lines under the header that hold no patient, by number (in a plain file 2 is the first).
        reduce: how several rows of a patient become one, where a column declares nothing else.
        order: column by which a patient's rows follow one another.
        until: up to where in `order` rows are of baseline: a number, a date, or the column of each patient's own.
        rows: column → values of the rows that count, where a file holds others, e.g. of another sample of a patient.
        format: how the file is written, where that is declared: separator, decimal, encoding, sheet.
    """

    name: str
    file: str | None = None
    reader: Callable[[Path], pd.DataFrame] | None = None
    id: str
    id_pattern: str | None = None
    columns: Mapping[str, Column]
    skip_rows: tuple[int, ...] = ()
    reduce: Reduce | None = None
    order: str | None = None
    until: str | None = None
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    format: TableFormat = field(default_factory=TableFormat)

    @property
    def source(self) -> str:
        """What messages and cohort.csv call it."""
        return self.file or self.name


def plain(value: Any) -> Any:
    """Configuration nodes as dicts, lists and scalars; other objects as they are."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(part) for part in value]
    return value


def texts(values: Any) -> tuple[str, ...]:
    """A list of values as text; one text alone is a list of itself."""
    if isinstance(values, str):
        return (values,)
    return tuple(str(value) for value in values or ()) if isinstance(values, Sequence) else ()


def table_spec(cohort: str, name: str, config: Mapping[str, Any]) -> TableSpec:
    """A table's declaration from its configuration.

    Raises:
        CohortError: a key or value that a declaration does not know.
    """
    key = f"cohort.tables.{name}"
    config = dict(config)
    columns = config.pop("columns", None) or {}
    wrong = _shape_problems(key, config, columns)
    if wrong:
        raise CohortError(cohort, wrong)
    form = {name: config.pop(name, None) for name in _FORMAT}
    time = config.pop("time", None)
    problems = [*_unknown(key, config, {"file", "reader", "id", "id_pattern", "skip_rows", "time", *_ROWS, *_FORMAT})]
    written = TableFormat(**form)
    problems += [
        Problem(what=what.partition(". ")[0], remedy=what.partition(". ")[2].rstrip("."))
        for what in written.problems(key)
    ]
    if bool(config.get("file")) == bool(config.get("reader")):
        problems.append(Problem(what=f"{key} needs either file or reader", remedy=f"Set {key}.file"))
    problems += _rows_problems(key, config, columns)
    if time not in (None, *get_args(Time)):
        what, remedy = f"{key}.time is {time!r}", f"Set it to one of {', '.join(get_args(Time))}"
        problems.append(Problem(what=what, remedy=remedy))
        time = None
    config.setdefault("id", "patient_id")
    if config.get("until") is not None:
        config["until"] = str(config["until"])
    declared: dict[str, Column] = {}
    for header, facts in columns.items():
        own = {**({"time": time} if time else {}), **(facts or {})}
        column, wrong = _column(f"{key}.columns.{header}", str(header), own)
        problems += wrong
        if column is not None:
            declared[column.name] = column
    if problems:
        raise CohortError(cohort, problems)
    skipped = tuple(config.pop("skip_rows", None) or ())
    config["rows"] = {str(column): texts(values) for column, values in (config.get("rows") or {}).items()}
    return TableSpec(name=name, columns=declared, format=written, skip_rows=skipped, **config)


def _shape_problems(key: str, config: dict[str, Any], columns: Any) -> list[Problem]:
    """Values of another kind than a declaration has; numbers are made text where a name is wanted."""
    problems = []
    for name in ("file", "id", "id_pattern", "order", "encoding", "separator", "sheet"):
        value = config.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            config[name] = str(value)
        elif value is not None and not isinstance(value, str):
            problems.append(Problem(what=f"{key}.{name} is {value!r}", remedy="Set it to text, in quotes"))
    try:
        re.compile(str(config.get("id_pattern") or ""))
    except re.error as error:
        what = f"{key}.id_pattern={config['id_pattern']!r} is no regular expression ({error})"
        problems.append(Problem(what=what, remedy="Mend it"))
    skipped = config.get("skip_rows") or []
    if not isinstance(skipped, list) or not all(type(one) is int for one in skipped):
        what, remedy = f"{key}.skip_rows is {skipped!r}", "Set it to a list of numbers of lines, e.g. [2, 3]"
        problems.append(Problem(what=what, remedy=remedy))
    chosen = config.get("rows") or {}
    if not isinstance(chosen, Mapping) or not all(
        values and isinstance(values, str | list) for values in chosen.values()
    ):
        what = f"{key}.rows is {chosen!r}"
        problems.append(
            Problem(what=what, remedy="Map a column to the values of the rows that count: {visit: [baseline]}")
        )
    if not isinstance(columns, Mapping):
        what, remedy = f"{key}.columns is {columns!r}", "Map each column to what it is: {age: {time: baseline}}"
        return [*problems, Problem(what=what, remedy=remedy)]
    for header, facts in columns.items():
        if facts is not None and not isinstance(facts, Mapping):
            remedy = "Map it to what it is: {time: baseline, kind: number}"
            problems.append(Problem(what=f"{key}.columns.{header} is {facts!r}", remedy=remedy))
            continue
        for part in ("levels", "missing"):
            values = (facts or {}).get(part)
            if values is not None and not isinstance(values, str | list):
                what, remedy = f"{key}.columns.{header}.{part} is {values!r}", "Set it to a list of values"
                problems.append(Problem(what=what, remedy=remedy))
        levels = texts((facts or {}).get("levels"))
        twice = sorted({level for level in levels if levels.count(level) > 1})
        if twice:
            what = f"{key}.columns.{header}.levels lists {some(twice)} twice"
            problems.append(Problem(what=what, remedy="List each level once"))
    return problems


def _rows_problems(key: str, config: Mapping[str, Any], columns: Mapping[str, Any]) -> list[Problem]:
    """What the declaration of several rows a patient lacks."""
    rules = {str(config.get("reduce")), *(str((facts or {}).get("reduce")) for facts in columns.values())}
    possible = [name for name in get_args(Reduce) if name != "count"]  # which makes another column of each
    problems = []
    if config.get("reduce") not in (None, *possible):
        remedy = f"Set it to one of {', '.join(possible)}"
        problems.append(Problem(what=f"{key}.reduce is {config['reduce']!r}", remedy=remedy))
    if rules & {"first", "last"} and config.get("order") is None:
        what = f"{key} takes the {' and '.join(sorted(rules & {'first', 'last'}))} of a patient's rows"
        problems.append(Problem(what=what, remedy=f"Set {key}.order to the column that says which comes first"))
    if config.get("order") is not None and config.get("until") is None:
        what = f"{key} has an order, and does not say which rows are of baseline"
        remedy = (
            f"Set {key}.until to a number or date of {config['order']!r}, to the column of each patient's baseline, or "
            "to .inf where all rows are"
        )
        problems.append(Problem(what=what, remedy=remedy))
    return problems


def _column(key: str, name: str, facts: Mapping[str, Any]) -> tuple[Column | None, list[Problem]]:
    problems = _unknown(
        key, facts, {"time", "kind", "levels", "unit", "label", "missing", "reduce", "measured", "limits", "optional"}
    )
    if facts.get("limits") not in (None, *get_args(Limits)):
        what = f"{key}.limits is {facts['limits']!r}"
        problems.append(Problem(what=what, remedy=f"Set it to {' or '.join(get_args(Limits))}"))
    reduce = facts.get("reduce")
    time, kind = facts.get("time"), facts.get("kind", "number" if reduce == "count" else "category")
    if reduce not in (None, *get_args(Reduce)):
        what = f"{key}.reduce is {reduce!r}"
        problems.append(Problem(what=what, remedy=f"Set it to one of {', '.join(get_args(Reduce))}"))
    possible = {"mean": ("number",), "count": ("number",), "min": ("number", "ordered"), "max": ("number", "ordered")}
    if kind not in possible.get(str(reduce), (kind,)):
        what = f"{key}.reduce is {reduce!r} and its kind {kind!r}"
        remedy = f"Set {key}.kind to {' or '.join(possible[str(reduce)])}, or {key}.reduce to first or last"
        problems.append(Problem(what=what, remedy=remedy))
    if time not in get_args(Time):
        what = f"{key}.time is {time!r}" if time else f"{key} does not say when its value is known"
        problems.append(Problem(what=what, remedy=f"Set {key}.time to one of {', '.join(get_args(Time))}"))
    if kind not in get_args(Kind):
        problems.append(Problem(what=f"{key}.kind is {kind!r}", remedy=f"Set it to one of {', '.join(get_args(Kind))}"))
    if kind == "ordered" and not facts.get("levels"):
        problems.append(Problem(what=f"{key} is ordered without levels", remedy=f"List {key}.levels, lowest first"))
    if not isinstance(facts.get("optional", False), bool):
        what = f"{key}.optional is {facts['optional']!r}"
        problems.append(Problem(what=what, remedy="Set it to true or false"))
    if problems:
        return None, problems
    levels, missing = (texts(facts.get(part)) for part in ("levels", "missing"))
    label = facts.get("label") or name.replace("_", " ")
    return (
        Column(
            name=name,
            time=cast(Time, time),
            kind=kind,
            levels=levels,
            missing=missing,
            given="kind" in facts or reduce == "count",
            reduce=reduce,
            unit=facts.get("unit"),
            label=label,
            measured=None if facts.get("measured") is None else str(facts["measured"]),
            limits=facts.get("limits"),
            optional=facts.get("optional", False),
        ),
        [],
    )


def _unknown(key: str, given: Mapping[str, Any], known: set[str]) -> list[Problem]:
    strange = sorted(set(given) - known)
    if not strange:
        return []
    return [Problem(what=f"{key} has unknown keys {some(strange)}", remedy=f"Known keys: {', '.join(sorted(known))}")]
