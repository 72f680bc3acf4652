"""Published folds: a table that says in which fold each patient is tested.

One row a patient, or several (a row a slide, say) that agree. Read are a column of patients, a column ``fold`` with any
names, and, where there is one, a column ``repeat``; others are left alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_modules.errors import Problem
from data_modules.folds.stored import unfit
from fusion.contract import Cohort, FusionError, some

SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
PATIENT = ("patient_id", "patient", "case_id", "case_submitter_id", "submitter_id", "bcr_patient_barcode")
"""Names of the patients' column; the first that the table has is read."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The held-out parts of a table.

    Attributes:
        tests: a repeat's folds, each the sorted patients it tests; repeats and folds in the order of their names.
        others: patients of the table who are not in the cohort, sorted.
        sha256: of the file.
    """

    tests: tuple[tuple[tuple[str, ...], ...], ...]
    others: tuple[str, ...]
    sha256: str


def is_table(path: Path) -> bool:
    """Whether a file of folds is a table, by its name."""
    return path.suffix.lower() in SUFFIXES


def read_table(path: Path, cohort: Cohort) -> Published:
    """The folds in which a published table tests the patients of a cohort.

    Raises:
        FusionError: no such table, columns or values missing, a patient in two folds, or patients of the cohort whom it
            does not name.
    """
    table, digest = _read(path)
    rows = table.index + 2  # the header is row 1
    for column in table.columns:
        blank = rows[table[column] == ""].tolist()
        if blank:
            what = f"column {column!r} is blank in rows"
            raise unfit(path, cohort.spec.name, [Problem(what=what, remedy="Mend the table", examples=tuple(blank))])
    everyone = set(cohort.patient_ids)
    others = tuple(sorted(set(table["patient"]) - everyone))
    problems = []
    for repeat, part in table.groupby("repeat", sort=False):
        which = f"repeat {repeat}: " if len(set(table["repeat"])) > 1 else ""
        folds = part.groupby("patient")["fold"].agg(lambda values: sorted(set(values)))
        torn = tuple(f"{patient}: folds {some(names)}" for patient, names in folds.items() if len(names) > 1)
        if torn:
            remedy = "Mend the table: a patient is tested by models that never saw them"
            problems.append(Problem(what=f"{which}patients in several folds", remedy=remedy, examples=torn))
        absent = tuple(sorted(everyone - set(part["patient"])))
        if absent:
            remedy = "Add them to the table, or leave them out of the cohort's files"
            what = f"{which}the cohort has patients whom the table does not name"
            problems.append(Problem(what=what, remedy=remedy, examples=absent))
    if problems:
        raise unfit(path, cohort.spec.name, problems)
    known = table[table["patient"].isin(everyone)]
    tests = tuple(
        tuple(
            tuple(sorted(set(known.loc[(known["repeat"] == repeat) & (known["fold"] == fold), "patient"])))
            for fold in _ordered(known.loc[known["repeat"] == repeat, "fold"])
        )
        for repeat in _ordered(known["repeat"])
    )
    return Published(tests=tests, others=others, sha256=digest)


def _read(path: Path) -> tuple[pd.DataFrame, str]:
    """Columns patient, fold and repeat as text, and the file's SHA-256."""
    separator = SUFFIXES[path.suffix.lower()]
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise FusionError(
            f"folds.file={path} cannot be read ({error}). Point it to a table or a folds.json."
        ) from error
    patient = next((name for name in PATIENT if name in table.columns), None)
    if patient is None or "fold" not in table.columns:
        wanted = f"{some(PATIENT, len(PATIENT))}" if patient is None else "fold"
        raise FusionError(
            f"folds.file={path} has the columns {some(list(table.columns))}, and none called {wanted}. Name the column "
            "of patients patient_id and the column of folds fold."
        )
    read = pd.DataFrame({"patient": table[patient], "fold": table["fold"]})
    read["repeat"] = table["repeat"] if "repeat" in table.columns else "0"
    return read.apply(lambda column: column.str.strip()), digest


def _ordered(names: pd.Series[str]) -> list[str]:
    """Numbers by value, other names by letter."""
    return sorted(set(names), key=lambda name: (0, int(name), name) if name.isdecimal() else (1, 0, name))
