"""Cohort tables: what a configuration declares of each column, and reading a table by that declaration.

Only declared columns are read, and only those known at baseline may become inputs. Rows are counted as a text editor
shows them: the header is row 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast, get_args

import pandas as pd

from data_modules.errors import AbsentFileError, CohortError, Problem, some
from data_modules.patient_ids import PatientIds
from fusion.contract import FusionError

Time = Literal["baseline", "post_baseline", "outcome"]
Kind = Literal["number", "category", "ordered"]

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
        time: when its value is known; only ``baseline`` may be an input.
        kind: ``ordered`` needs `levels`, lowest first.
        levels: the only values allowed, for ``category`` and ``ordered``.
        unit: of numbers.
        label: for reports.
        missing: values that mean nothing is known, beside `MISSING`.
    """

    name: str
    time: Time
    kind: Kind = "category"
    levels: tuple[str, ...] = ()
    unit: str | None = None
    label: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A declared table.

    Attributes:
        name: key in ``cohort.tables``.
        file: relative to the cohort's root; its suffix tells the separator.
        reader: instead of a file, a function of the root that returns a frame with the patient id as its index.
        id: column of the patient id or barcode.
        id_pattern: regular expression whose first group is the patient id, for barcodes of samples.
        columns: by name.
        skip_rows: rows under the header that hold no patient, by number (2 is the first under the header).
    """

    name: str
    file: str | None = None
    reader: Callable[[Path], pd.DataFrame] | None = None
    id: str
    id_pattern: str | None = None
    columns: Mapping[str, Column]
    skip_rows: tuple[int, ...] = ()

    @property
    def source(self) -> str:
        """What messages and cohort.csv call it."""
        return self.file or self.name


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """A table as read.

    Attributes:
        frame: index patient_id, one column a declared one: float64 for numbers, else text or None.
        rows: index patient_id, the row in the file.
        problems: what is wrong; with any, `frame` holds what could be read.
    """

    frame: pd.DataFrame
    rows: pd.Series[int]
    problems: tuple[Problem, ...]


def plain(value: Any) -> Any:
    """Configuration nodes as dicts, lists and scalars; other objects as they are."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(part) for part in value]
    return value


def table_spec(cohort: str, name: str, config: Mapping[str, Any]) -> TableSpec:
    """A table's declaration from its configuration.

    Raises:
        CohortError: a key or value that a declaration does not know.
    """
    key = f"cohort.tables.{name}"
    config = dict(config)
    columns = config.pop("columns", None) or {}
    problems = [*_unknown(key, config, {"file", "reader", "id", "id_pattern", "skip_rows"})]
    if bool(config.get("file")) == bool(config.get("reader")):
        problems.append(Problem(what=f"{key} needs either file or reader", remedy=f"Set {key}.file"))
    config.setdefault("id", "patient_id")
    declared: dict[str, Column] = {}
    for header, facts in columns.items():
        column, wrong = _column(f"{key}.columns.{header}", str(header), facts or {})
        problems += wrong
        if column is not None:
            declared[column.name] = column
    if problems:
        raise CohortError(cohort, problems)
    return TableSpec(name=name, columns=declared, **{**config, "skip_rows": tuple(config.get("skip_rows") or ())})


def _column(key: str, name: str, facts: Mapping[str, Any]) -> tuple[Column | None, list[Problem]]:
    problems = _unknown(key, facts, {"time", "kind", "levels", "unit", "label", "missing"})
    time, kind = facts.get("time"), facts.get("kind", "category")
    if time not in get_args(Time):
        what = f"{key}.time is {time!r}" if time else f"{key} does not say when its value is known"
        problems.append(Problem(what=what, remedy=f"Set {key}.time to one of {', '.join(get_args(Time))}"))
    if kind not in get_args(Kind):
        problems.append(Problem(what=f"{key}.kind is {kind!r}", remedy=f"Set it to one of {', '.join(get_args(Kind))}"))
    if kind == "ordered" and not facts.get("levels"):
        problems.append(Problem(what=f"{key} is ordered without levels", remedy=f"List {key}.levels, lowest first"))
    if problems:
        return None, problems
    levels, missing = (tuple(str(value) for value in facts.get(part) or ()) for part in ("levels", "missing"))
    label = facts.get("label") or name.replace("_", " ")
    return (
        Column(
            name=name,
            time=cast(Time, time),
            kind=kind,
            levels=levels,
            missing=missing,
            unit=facts.get("unit"),
            label=label,
        ),
        [],
    )


def _unknown(key: str, given: Mapping[str, Any], known: set[str]) -> list[Problem]:
    strange = sorted(set(given) - known)
    if not strange:
        return []
    return [Problem(what=f"{key} has unknown keys {some(strange)}", remedy=f"Known keys: {', '.join(sorted(known))}")]


def read_table(spec: TableSpec, root: Path, *, times: Sequence[Time] = get_args(Time)) -> ReadTable:
    """Read the declared columns of a table, one row a patient.

    Args:
        spec: its declaration.
        root: the cohort's folder.
        times: columns of other time points are read where they exist and are not missed where they do not.
    """
    key = f"cohort.tables.{spec.name}"
    raw, problem = _read(spec, root, key)
    if raw is None:
        empty = pd.Index([], name="patient_id", dtype=object)
        frame = pd.DataFrame({column: [] for column in spec.columns}, index=empty)
        return ReadTable(frame=frame, rows=pd.Series(0, index=empty), problems=(problem,) if problem else ())
    problems: list[Problem] = []
    needed = [column.name for column in spec.columns.values() if column.time in times]
    lacking = [column for column in needed if column not in raw.columns]
    for name in lacking:
        close = get_close_matches(name, raw.columns, n=1)
        hint = f"Did you mean {close[0]!r}? Mend" if close else "Mend"
        problems.append(
            Problem(
                what=f"{spec.source} has no column {name!r}",
                remedy=f"{hint} {key}.columns; it has {some(list(raw.columns), 8)}",
                column=name,
            )
        )
    ids, wrong = _patient_ids(spec, raw, key)
    problems += wrong
    rows = pd.Series(raw.index, index=ids, name="row", dtype="int64")
    columns: dict[str, pd.Series[Any]] = {}
    for column in spec.columns.values():
        if column.name in raw.columns:
            columns[column.name], wrong = _values(spec, column, raw[column.name], rows, key)
            problems += wrong
        else:
            columns[column.name] = pd.Series(
                None, index=raw.index, dtype="float64" if column.kind == "number" else object
            )
    frame = pd.DataFrame(columns, index=raw.index).set_axis(ids, axis=0)
    once = ids.notna() & ~ids.duplicated()
    return ReadTable(frame=frame[once], rows=rows[once], problems=tuple(problems))


def _read(spec: TableSpec, root: Path, key: str) -> tuple[pd.DataFrame | None, Problem | None]:
    """The table as text, indexed by row number."""
    if spec.reader is not None:
        try:
            frame = spec.reader(root).rename_axis("patient_id").reset_index()
        except FusionError as error:
            remedy = f"{key}.reader reads it under cohort.root"
            return None, Problem(what=str(error), remedy=remedy, absent=isinstance(error, AbsentFileError))
        raw = frame.astype(object).where(frame.notna(), "").astype(str)
        raw = raw.rename(columns={"patient_id": spec.id})
        return raw.set_axis(pd.RangeIndex(2, len(raw) + 2), axis=0), None
    path = root / str(spec.file)
    if not path.is_file():
        return None, Problem(what=f"there is no file {path}", remedy=f"Mend {key}.file or cohort.root", absent=True)
    separator = "," if ".csv" in path.suffixes else "\t"
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: pandas would shift or cut them and only warn.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            raw = pd.read_csv(
                path,
                sep=separator,
                dtype=str,
                keep_default_na=False,
                index_col=False,
                encoding="utf-8-sig",
                skip_blank_lines=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        return None, Problem(what=f"{path} is no {separator!r}-separated table ({error})", remedy="Write it anew")
    raw = raw.set_axis(pd.RangeIndex(2, len(raw) + 2), axis=0).drop(index=list(spec.skip_rows), errors="ignore")
    raw = raw[(raw.fillna("") != "").any(axis=1)].apply(lambda column: column.str.strip())
    short = raw.index[raw.isna().any(axis=1)]
    if len(short):
        what = f"{path} has rows with fewer fields than its header, e.g. row {short[0]}"
        return None, Problem(what=what, remedy="It may have been cut off: copy it anew")
    if spec.id not in raw.columns:
        remedy = f"Set {key}.id to one of its columns: {some(list(raw.columns), 8)}"
        return None, Problem(what=f"{path} has no column {spec.id!r} for the patient", remedy=remedy)
    if raw.empty:
        return None, Problem(what=f"{path} has no rows", remedy=f"Mend {key}.file", absent=True)
    return raw, None


def _patient_ids(spec: TableSpec, raw: pd.DataFrame, key: str) -> tuple[pd.Index[str], list[Problem]]:
    """Patient id of each row (None where there is none), and rows without one or sharing one."""
    problems = []
    matched, _ = PatientIds(pattern=spec.id_pattern).map(raw[spec.id].unique())
    ids = raw[spec.id].map(lambda value: matched.get(value))
    nobody = tuple(f"row {row}: {value!r}" for row, value in raw.loc[ids.isna(), spec.id].items())
    if nobody:
        remedy = f"Mend these rows or {key}.id_pattern"
        problems.append(
            Problem(what=f"{spec.source} has rows without a patient in {spec.id!r}", remedy=remedy, examples=nobody)
        )
    twice = ids[ids.duplicated(keep=False) & ids.notna()]
    if len(twice):
        examples = []
        for patient, rows in twice.groupby(twice).groups.items():
            same = ", identical" if len(raw.loc[list(rows)].drop_duplicates()) == 1 else ""
            examples.append(f"{patient} (rows {', '.join(map(str, rows))}{same})")
        problems.append(
            Problem(
                what=f"{spec.source} has patients with more than one row",
                remedy=f"Keep one row a patient, or mend {key}.id_pattern",
                examples=tuple(examples),
            )
        )
    return pd.Index(ids, name="patient_id", dtype=object), problems


def _values(
    spec: TableSpec, column: Column, raw: pd.Series[str], rows: pd.Series[int], key: str
) -> tuple[pd.Series[Any], list[Problem]]:
    """A column's values by its kind, NaN or None where missing."""
    missing = raw.isin((*MISSING, *column.missing)) & ~raw.isin(column.levels)
    if column.kind == "number":
        values = pd.to_numeric(raw.mask(missing), errors="coerce").astype("float64")
        values = values.where(values.abs() < float("inf"))
        wrong = raw[values.isna() & ~missing]
        what, remedy = "values that are no numbers", f"Mend them or add them to {key}.columns.{column.name}.missing"
    else:
        values = raw.astype(object).mask(missing, None)
        wrong = raw[~raw.isin(column.levels) & ~missing] if column.levels else raw.iloc[:0]
        what, remedy = "values outside its levels", f"Mend them or add them to {key}.columns.{column.name}.levels"
    if wrong.empty:
        return values, []
    examples = tuple(f"row {row}: {value!r}" for row, value in wrong.items())
    what = f"{spec.source}: column {column.name!r} has {what}"
    return values, [Problem(what=what, remedy=remedy, examples=examples, column=column.name)]
