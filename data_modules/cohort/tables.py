"""Reading a cohort table by what is declared of it.

Only declared columns are read, and only those known at baseline may become inputs. Rows are counted as a text editor
shows them: the first line of the file is row 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from data_modules.cohort.several_rows import chosen_rows, how, known_cells, placed_rows, reduced, reduces
from data_modules.cohort.values import column_values, decimal_sign
from data_modules.cohort.yaml_words import quoting
from data_modules.columns import TableSpec, Time
from data_modules.errors import AbsentFileError, Problem
from data_modules.patient_ids import PatientIds
from data_modules.readers.numbers import is_unknown
from data_modules.readers.tables import read_text_table
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import FusionError, some


@dataclass(frozen=True, kw_only=True)
class ReadTable:
    """A table as read.

    Attributes:
        frame: index patient_id, one column a declared one: float64 for numbers, else text or None.
        rows: index patient_id, the row in the file.
        problems: what is wrong; with any, `frame` holds what could be read.
        notes: what was found out about the file, each a sentence.
    """

    frame: pd.DataFrame
    rows: pd.Series[int]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def read_table(
    spec: TableSpec,
    root: Path,
    *,
    times: Sequence[Time] = get_args(Time),
    known: Mapping[str, frozenset[str]] | None = None,
    predicted: Sequence[str] = (),
) -> ReadTable:
    """Read the declared columns of a table, one row a patient.

    Args:
        spec: its declaration.
        root: the cohort's folder.
        times: columns of other time points are read where they exist and are not missed where they do not.
        known: column → values that the endpoint lists, which no word for *missing* can be among.
        predicted: columns of the endpoint, which no file may lack, optional or not.
    """
    key = f"cohort.tables.{spec.name}"
    raw, problem, notes = _read(spec, root, key)
    if raw is None:
        empty = pd.Index([], name="patient_id", dtype=object)
        frame = pd.DataFrame({column: [] for column in spec.columns}, index=empty)
        return ReadTable(frame=frame, rows=pd.Series(0, index=empty), problems=(problem,) if problem else ())
    needed = [
        column.name
        for column in spec.columns.values()
        if column.time in times and (not column.optional or column.name in predicted)
    ]
    problems = [_lacking(spec, name, raw, key) for name in needed if name not in raw.columns]
    ids, of_ids = _patient_ids(spec, raw, key)
    rows = pd.Series(raw.index, index=ids, name="row", dtype="int64")
    columns, of_cells, said = _columns(spec, raw, rows, key, known or {})
    problems += of_ids + of_cells
    found = [*notes, *said]
    once = ids.notna() & ~ids.duplicated()
    frame = pd.DataFrame(columns, index=raw.index).set_axis(ids, axis=0)[once]
    if reduces(spec):
        frame, of_rows, said = _one_row(spec, raw, frame.index, columns, pd.Series(ids, index=raw.index), key)
        problems += of_rows
        found += said
    said_of = tuple(f"{spec.source}: {note}." for note in found)
    return ReadTable(frame=frame, rows=rows[once], problems=tuple(problems), notes=said_of)


def _lacking(spec: TableSpec, name: str, raw: pd.DataFrame, key: str) -> Problem:
    """That a column is not in the file, and which one may be meant."""
    has = f"it has {some(list(raw.columns), 8)}"
    if spec.columns[name].optional:
        remedy = f"It is of the endpoint, which this file does not have: choose another (endpoint); {has}"
        return Problem(what=f"{spec.source} has no column {name!r}", remedy=remedy, column=name)
    close = [one for one in raw.columns if one.lower() == name.lower()]
    close = close or get_close_matches(name, raw.columns, n=1)
    words = quoting([one for one in raw.columns if not close and one not in spec.columns], [name], key, "columns")
    hint = f"Did you mean {close[0]!r}? Mend" if close else "Mend"
    remedy = f"{words}; {has}" if words else f"{hint} {key}.columns; {has}"
    return Problem(what=f"{spec.source} has no column {name!r}", remedy=remedy, column=name)


def _columns(
    spec: TableSpec, raw: pd.DataFrame, rows: pd.Series[int], key: str, known: Mapping[str, frozenset[str]]
) -> tuple[dict[str, pd.Series[Any]], list[Problem], list[str]]:
    """The cells of every declared column, of one that the file lacks all missing; what is wrong; what was found."""
    decimal, unsure, found = decimal_sign(spec, raw, key)
    columns: dict[str, pd.Series[Any]] = {}
    problems, notes = [*unsure], [*found]
    for name, column in spec.columns.items():
        if name not in raw.columns:
            kind = "float64" if column.kind == "number" else object
            columns[name] = pd.Series(None, index=raw.index, dtype=kind)
        elif column.reduce == "count":
            columns[name] = known_cells(column, raw[name])
        else:
            listed = known.get(name, frozenset())
            values = column_values(spec, column, raw[name], rows, key, decimal=decimal, listed=listed)
            columns[name] = values.cells
            problems += [] if unsure and column.kind == "number" else values.problems  # that sign comes first
            notes += values.notes
    return columns, problems, notes


def _one_row(
    spec: TableSpec,
    raw: pd.DataFrame,
    patients: pd.Index[str],
    columns: Mapping[str, pd.Series[Any]],
    ids: pd.Series[Any],
    key: str,
) -> tuple[pd.DataFrame, list[Problem], list[str]]:
    """A row a patient out of several, as declared."""
    placed = placed_rows(spec, raw, ids, key)
    problems, frame = list(placed.problems), pd.DataFrame(index=patients)
    for name, values in columns.items():
        found: dict[str, Any] = {}
        if not placed.problems:
            found, wrong = reduced(spec, spec.columns[name], values, ids, placed, key)
            problems += wrong
        number = values.dtype == "float64"
        frame[name] = pd.Series(
            [found.get(patient) for patient in patients], index=patients, dtype="float64" if number else object
        )
    told = [f"{len(raw)} rows become {len(patients)}, one a patient, as declared"] if len(raw) > len(patients) else []
    return frame, problems, [*told, *placed.notes]


def _read(spec: TableSpec, root: Path, key: str) -> tuple[pd.DataFrame | None, Problem | None, tuple[str, ...]]:
    """The table as text, indexed by row number; what is wrong with it; what was found out about the file."""
    if spec.reader is not None:
        try:
            frame = spec.reader(root).rename_axis("patient_id").reset_index()
        except FusionError as error:
            remedy = f"{key}.reader reads it under cohort.root"
            return None, Problem(what=str(error), remedy=remedy, absent=isinstance(error, AbsentFileError)), ()
        raw = frame.astype(object).where(frame.notna(), "").astype(str)
        raw = raw.rename(columns={"patient_id": spec.id})
        return raw.set_axis(pd.RangeIndex(2, len(raw) + 2), axis=0), None, ()
    path = root / str(spec.file)
    try:
        if not path.is_file():
            remedy = f"Mend {key}.file or cohort.root"
            return None, Problem(what=f"there is no file {path}", remedy=remedy, absent=True), ()
        expected = [spec.id, *spec.columns, *filter(None, [spec.order]), *spec.rows]
        table = read_text_table(path, spec.format, expected=list(dict.fromkeys(expected)))
    except UnreadableError as error:
        return None, Problem(what=error.what, remedy=error.mended(key), absent=error.empty), ()
    except OSError as error:
        what = f"{path} cannot be read ({error.strerror or error})"
        return None, Problem(what=what, remedy=f"Give access to it, or mend {key}.file"), ()
    raw, notes = table.frame.drop(index=list(spec.skip_rows), errors="ignore"), table.notes
    if spec.id not in raw.columns:
        remedy = f"Set {key}.id to one of its columns: {some(list(raw.columns), 8)}"
        return None, Problem(what=f"{path} has no column {spec.id!r} for the patient", remedy=remedy), notes
    if raw.empty:
        return None, Problem(what=f"{path} has no rows", remedy=f"Mend {key}.file", absent=True), notes
    raw, problem, left = chosen_rows(spec, raw, key)
    return (None if problem else raw), problem, (*notes, *left)


def _patient_ids(spec: TableSpec, raw: pd.DataFrame, key: str) -> tuple[pd.Index[str], list[Problem]]:
    """Patient id of each row (None where there is none), and rows without one or sharing one."""
    problems = []
    matched, _ = PatientIds(pattern=spec.id_pattern).map(raw[spec.id].unique())
    ids = raw[spec.id].map(lambda value: matched.get(value))
    if spec.id_pattern is None:
        ids = ids.mask(raw[spec.id].map(is_unknown).astype(bool))  # NA is nobody
    nobody = tuple(f"row {row}: {value!r}" for row, value in raw.loc[ids.isna(), spec.id].items())
    if nobody:
        remedy = f"Mend these rows, list those that are of no patient in {key}.skip_rows, or mend {key}.id_pattern"
        problems.append(
            Problem(what=f"{spec.source} has rows without a patient in {spec.id!r}", remedy=remedy, examples=nobody)
        )
    twice = ids[ids.duplicated(keep=False) & ids.notna()]
    if len(twice) and not reduces(spec):
        examples = []
        for patient, rows in twice.groupby(twice).groups.items():
            same = ", identical" if len(raw.loc[list(rows)].drop_duplicates()) == 1 else ""
            examples.append(f"{patient} (rows {', '.join(map(str, rows))}{same})")
        problems.append(
            Problem(
                what=f"{spec.source} has patients with more than one row",
                remedy=how(key),
                examples=tuple(examples),
            )
        )
    return pd.Index(ids, name="patient_id", dtype=object), problems
