"""What is no error in a cohort's tables and yet to be looked at: for a person's eyes, nothing acts upon it.

These figures are over all patients, held-out ones among them. They are for `fusion.check` alone and never reach a fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.columns import Column
from data_modules.errors import some

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles

FAR = 8.0
"""Robust standard deviations (1.4826 × the median absolute deviation) from the median that make a value an outlier."""

RARE = 0.02
"""Share of a column above which values that far are how it is distributed."""

TELLING = 0.97
"""AUROC of one column alone from which it probably holds the outcome."""

_FEW = 20
_MEASURED = 3
"""Numbers that two patients share by chance less often than by mistake; of counts it takes more."""

_WHOLE = 6
_HALF = 0.5
_EACH = 3


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One thing to look at.

    Attributes:
        kind: ``outcome``, ``outlier``, ``duplicate``, ``missing`` or ``constant``.
        text: a sentence that names table, column and patients.
    """

    kind: str
    text: str


def examine(source: CohortFiles, labels: pd.Series[int]) -> list[Remark]:
    """Look at the inputs of the kept patients.

    Args:
        source: whose tables have been read.
        labels: index patient_id, of kept patients; classes by number, -1 where unknown.
    """
    remarks: list[Remark] = []
    binary = labels[labels >= 0]
    for name, spec in source.specs.items():
        frame = source.read(name).frame.reindex(labels.index)
        columns, _ = source.inputs(name, None, key=f"cohort.tables.{name}")
        for column in columns:
            values = frame[column.name]
            remarks += _values(spec.source, column, values)
            if set(binary.unique()) == {0, 1}:
                remarks += _telling(spec.source, column, values, binary)
        remarks += _missing(spec.source, frame, columns)
        remarks += _twice(spec.source, frame, columns)
    order = ("outcome", "duplicate", "outlier", "constant", "missing")
    return sorted(remarks, key=lambda remark: order.index(remark.kind))


def _values(file: str, column: Column, values: pd.Series[float]) -> Iterator[Remark]:
    known = values.dropna()
    where = f"{file}: {column.name}"
    if known.nunique() < 2:
        held = "is known of nobody" if known.empty else f"is {known.iloc[0]} for everybody"
        yield Remark(kind="constant", text=f"{where} {held} who is kept: it can tell nothing.")
        return
    if column.kind != "number" or known.nunique() <= _FEW:
        return
    middle = known.median()
    spread = 1.4826 * (known - middle).abs().median()
    far = known[(known - middle).abs() > FAR * spread] if spread > 0 else known.iloc[:0]
    if 0 < len(far) <= max(1.0, RARE * len(known)):
        told = some([f"{patient}: {value:g}" for patient, value in far.items()], 3)
        unit = f" {column.unit}" if column.unit else ""
        yield Remark(
            kind="outlier",
            text=f"{where} is far from the median of {middle:g}{unit} for {len(far)} ({told}): a unit, or a code?",
        )


def _missing(file: str, frame: pd.DataFrame, columns: Sequence[Column]) -> Iterator[Remark]:
    """Columns that few patients have; many of a table in one sentence, for wide tables have dozens."""
    shares = {
        column.name: share
        for column in columns
        if (share := float(frame[column.name].isna().mean())) > _HALF and frame[column.name].nunique() >= 2
    }
    if len(shares) > _EACH:
        told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        text = f"{file}: {len(shares)} columns are missing for most of the patients who are kept: {told}."
        yield Remark(kind="missing", text=text)
        return
    for name, share in shares.items():
        text = f"{file}: {name} is missing for {share:.0%} of the patients who are kept."
        yield Remark(kind="missing", text=text)


def _telling(file: str, column: Column, values: pd.Series[float], labels: pd.Series[int]) -> Iterator[Remark]:
    known = values.dropna()
    known = known[known.index.isin(labels.index)]
    if len(known) < _FEW or known.nunique() < 2:
        return
    side = labels.reindex(known.index)
    if column.kind == "number":
        scores = known.astype("float64")
    elif known.nunique() <= _FEW:
        scores = known.map(side.groupby(known).mean()).astype("float64")
    else:
        return
    found = auroc(scores, side)
    if found is not None and max(found, 1 - found) >= TELLING:
        yield Remark(
            kind="outcome",
            text=f"{file}: {column.name} alone separates the classes (AUROC {max(found, 1 - found):.2f}): is it known "
            f"at baseline? If it is measured after therapy began, its time is post_baseline or outcome.",
        )


def auroc(scores: pd.Series[float], labels: pd.Series[int]) -> float | None:
    """Share of pairs in order, ties counting half (Mann & Whitney 1947); None with a single class."""
    ranks = scores.rank()
    positive = labels == 1
    count = int(positive.sum())
    if count in (0, len(labels)):
        return None
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))


def _twice(file: str, frame: pd.DataFrame, columns: list[Column]) -> Iterator[Remark]:
    """Patients whose measured numbers are all the same: one patient under two ids, or a row that was copied."""
    numbers = [column.name for column in columns if column.kind == "number"]
    measured = [name for name in numbers if frame[name].nunique() > _FEW]
    rows = frame[measured].dropna()
    whole = bool((rows % 1 == 0).all(axis=None))
    if rows.empty or len(measured) < (_WHOLE if whole else _MEASURED):
        return
    # Who has what many have (no signature, no mutation) is not alike for being the same.
    own = pd.DataFrame({name: ~rows[name].isin(_common(rows[name])) for name in measured})
    rows = rows[own.sum(axis=1) >= _MEASURED]
    keys = pd.util.hash_pandas_object(rows, index=False).to_numpy(dtype=np.uint64)
    held = pd.Series(rows.index, index=keys).groupby(level=0).agg(list)
    same = [sorted(patients) for patients in held if len(patients) > 1]
    if same:
        groups = f"{len(same)} group{'s' * (len(same) > 1)}"
        pairs = some([" and ".join(patients) for patients in same], 3)
        yield Remark(
            kind="duplicate",
            text=f"{file}: {groups} of patients with the same {len(measured)} numbers ({pairs}): one patient "
            "twice leaks from training to test; give cohort.group, or take one out.",
        )


def _common(values: pd.Series[float]) -> list[float]:
    """Values that a tenth of the patients have."""
    counts = values.value_counts()
    return list(counts[counts > max(2, len(values) / 10)].index)
