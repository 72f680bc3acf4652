"""What is no error in a cohort's tables and yet to be looked at: for a person's eyes, nothing acts upon it.

These figures are over all patients, held-out ones among them. They are for `fusion.check`, and for the notes of
`fusion.train`, and never reach a fold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data_modules.columns import Column
from fusion.contract import some

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles

FAR = 8.0
"""Robust standard deviations (1.4826 × the median absolute deviation) from the median that make a value an outlier."""

RARE = 0.02
"""Share of a column above which values that far are how it is distributed."""

TELLING = 0.97
"""AUROC of one column alone from which it probably holds the outcome."""

GAP = 3.0
"""How many times the next lower one a value is where the numbers of a column fall into two groups."""

_OLDEST = 120
"""Years."""

FEW = 20
"""Patients, or different numbers of a column, up to which little can be said of it."""

_SIDE = 5
"""Patients on each side of a comparison, below which chance tells classes apart."""

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


def examine(
    source: CohortFiles,
    labels: pd.Series[int],
    *,
    times: pd.Series[float] | None = None,
    present: Mapping[str, Collection[str]] | None = None,
) -> list[Remark]:
    """Look at the inputs of the kept patients.

    Args:
        source: whose tables have been read.
        labels: index patient_id, of kept patients; classes by number, -1 where unknown.
        times: likewise, of an endpoint in time.
        present: modality → who has it.
    """
    remarks: list[Remark] = []
    known = labels[labels >= 0]
    for name, patients in (present or {}).items():
        has = pd.Series(known.index.isin(list(patients)), index=known.index, dtype="float64")
        if (found := _apart(has, known)) is not None:
            remarks.append(Remark(kind="outcome", text=f"modality.{name}: who has it alone {_SAID.format(found)}"))
    if source.site is not None:
        place = source.site
        sites = source.read(place["table"]).frame[place["column"]].reindex(known.index).dropna()
        if (found := _apart(sites.map(str), known.reindex(sites.index))) is not None:
            text = f"cohort.site: {place['column']} alone separates the classes (AUROC {found:.2f})"
            told = "whatever differs between sites tells the outcome, and folds cannot part the two."
            remarks.append(Remark(kind="outcome", text=f"{text}: {told}"))
    for name, spec in source.specs.items():
        frame = source.read(name).frame.reindex(labels.index)
        columns, _ = source.inputs(name, None, key=f"cohort.tables.{name}")
        for column in columns:
            values = frame[column.name]
            remarks += _values(spec.source, column, values)
            remarks += _telling(spec.source, column, values, known, times)
        remarks += _missing(spec.source, frame, columns)
        remarks += _twice(spec.source, frame, columns)
    order = ("outcome", "duplicate", "outlier", "constant", "missing")
    return sorted(remarks, key=lambda remark: order.index(remark.kind))


def _values(file: str, column: Column, values: pd.Series[float]) -> Iterator[Remark]:
    known = values.dropna()
    where = f"{file}: {column.name}"
    if known.nunique() < 2:
        held = "is known of nobody" if known.empty else f"is {known.iloc[0]} for everybody"
        of_whom = "" if known.empty or len(known) == len(values) else f" and has it ({len(known)} of {len(values)})"
        yield Remark(kind="constant", text=f"{where} {held} who is kept{of_whom}: it can tell nothing.")
        return
    if column.kind != "number" or known.nunique() <= FEW:
        return
    if "age" in re.split(r"[^a-z]+", column.name.lower()):
        no_age = known[(known < 0) | (known > (_OLDEST if column.unit == "years" else np.inf))]
        if len(no_age):
            told = some([f"{patient}: {value:g}" for patient, value in no_age.items()], 3)
            text = f"{where} is no age for {len(no_age)} ({told}): years of birth, days, or a code for missing?"
            yield Remark(kind="outlier", text=text)
            return
    groups = two_groups(known)
    if groups is not None:
        low, high = groups
        told = f"{len(low)} from {low.min():g} to {low.max():g} and {len(high)} from {high.min():g} to {high.max():g}"
        yield Remark(kind="outlier", text=f"{where} falls into two groups, {told}: two units in one column?")
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


def two_groups(known: pd.Series[float]) -> tuple[pd.Series[float], pd.Series[float]] | None:
    """Numbers above 0 that a gap of a factor parts, each side several patients and none as wide as the gap."""
    ordered = known[known > 0].sort_values()
    if len(ordered) < len(known) or len(ordered) < 2 * _SIDE:
        return None
    steps = ordered.to_numpy()[1:] / ordered.to_numpy()[:-1]
    at = int(steps.argmax()) + 1
    low, high = ordered.iloc[:at], ordered.iloc[at:]
    fewest = max(_SIDE, len(ordered) * RARE)
    if steps.max() < GAP or min(len(low), len(high)) < fewest or min(low.nunique(), high.nunique()) < _SIDE:
        return None
    inner = max(np.delete(steps, at - 1), default=1.0)
    return (low, high) if steps.max() > inner**2 else None


_SAID = (
    "separates the classes (AUROC {:.2f}): is it known at baseline? If it is measured after therapy began, its time is "
    "post_baseline or outcome."
)


def _telling(
    file: str, column: Column, values: pd.Series[Any], labels: pd.Series[int], times: pd.Series[float] | None
) -> Iterator[Remark]:
    """A column that alone tells the outcome: by its values, or by of whom they are known."""
    known = values.dropna()
    known = known[known.index.isin(labels.index)]
    where = f"{file}: {column.name}"
    missing = _apart(labels.index.isin(known.index).astype("float64"), labels)
    if missing is not None:
        yield Remark(kind="outcome", text=f"{where}: of whom it is known alone {_SAID.format(missing)}")
    if len(known) < FEW or known.nunique() < 2:
        return
    number = column.kind == "number"
    found = _apart(known.astype("float64") if number else known, labels.reindex(known.index))
    if found is not None:
        yield Remark(kind="outcome", text=f"{where} alone {_SAID.format(found)}")
    if times is not None and number:
        both = pd.DataFrame({"column": known.astype("float64"), "time": times.reindex(known.index)}).dropna()
        rank = both["column"].rank().corr(both["time"].rank()) if both["time"].min() < both["time"].max() else 0.0
        if abs(rank) >= TELLING:
            yield Remark(
                kind="outcome",
                text=f"{where} goes with the time of the endpoint (rank correlation {rank:.2f}): is it known at time "
                "zero? If it is a follow-up time, its time is outcome.",
            )


def _apart(values: Any, labels: pd.Series[int]) -> float | None:
    """AUROC of the class that values tell best from all others, from `TELLING` on; numbers, or words of few levels."""
    values = pd.Series(values, index=labels.index)
    if values.dtype != "float64" and values.nunique() > FEW:
        return None
    best = 0.0
    classes = sorted(labels.unique())
    for one in classes[1:] if len(classes) == 2 else classes:
        side = (labels == one).astype("int64")
        if not _SIDE <= side.sum() <= len(side) - _SIDE:
            continue
        scores = values if values.dtype == "float64" else values.map(side.groupby(values).mean()).astype("float64")
        found = auroc(scores, side)
        best = max(best, found or 0.0, 1 - (found if found is not None else 1.0))
    return best if best >= TELLING else None


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
    measured = [name for name in numbers if frame[name].nunique() > FEW]
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
