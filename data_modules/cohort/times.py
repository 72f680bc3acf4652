"""Times until an event or the last visit, from when on, and what ended the wait: read, or refused where they cannot be.

Who had the event before they would have come under observation is in no cohort (left truncation). To count the others
as followed from time zero on would make early times look safe; so an entry that is missing or wrong is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.errors import Problem

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What became of everyone by an endpoint in time, each index patient_id; all None where the endpoint is none.

    Attributes:
        times: see `read_times`.
        entry: see `read_entries`.
        causes: see `read_causes`.
        problems: what is wrong with them.
        notes: what is to be known of them.
    """

    times: pd.Series[float] | None = None
    entry: pd.Series[float] | None = None
    causes: pd.Series[int] | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, patients: Sequence[str]) -> dict[str, pd.Series | None]:
        """Times, entry and causes of these patients."""
        parts = {"times": self.times, "entry": self.entry, "causes": self.causes}
        return {name: None if one is None else one.loc[list(patients)] for name, one in parts.items()}


def read_followed(
    source: CohortFiles, labels: pd.Series[int], reasons: dict[str, str], *, require_labels: bool
) -> Followed:
    """Read all of it; see `read_times` for `labels` and `reasons`, which change in place."""
    times, problems = read_times(source, labels, reasons, require_labels=require_labels)
    if problems:
        return Followed(problems=tuple(problems))
    entry, problems, notes = read_entries(source, labels, times, require_labels=require_labels)
    if problems:
        return Followed(problems=tuple(problems))
    causes, told = read_causes(source, labels, require_labels=require_labels)
    return Followed(times=times, entry=entry, causes=causes, notes=(*notes, *told))


def read_times(
    source: CohortFiles, labels: pd.Series[int], reasons: dict[str, str], *, require_labels: bool
) -> tuple[pd.Series[float] | None, list[Problem]]:
    """Time of everyone in `labels`, and what is wrong with times; None where the endpoint has none.

    A patient without a time has no label: `labels` becomes -1 and `reasons` says why, in place. An event without a
    time is an error: leaving out those who had the event would bias all that is learned of time.

    Args:
        source: the cohort.
        labels: index patient_id; 1 event, 0 censored, -1 unknown.
        reasons: patient → why they are dropped.
        require_labels: False for new patients, whose times may be missing.
    """
    endpoint = source.endpoint
    if endpoint.time is None:
        return None, []
    spec = source.specs[endpoint.table]
    table = source.read(endpoint.table, require_labels=require_labels)
    times = table.frame[endpoint.time].reindex(labels.index).astype(np.float64).rename("time")
    key = f"cohort.endpoints.{endpoint.name}"
    known = labels >= 0
    lacking, zero = known & times.isna(), known & (times == 0)
    dropped = {
        str(one): f"{endpoint.time} is missing in {spec.source}" for one in labels.index[lacking & (labels == 0)]
    }
    problems = []

    def told(who: pd.Series[bool], what: str, remedy: str) -> None:
        rows = table.rows.reindex(labels.index[who])
        examples = tuple(f"{one}, row {row}: {times[one]:g}" for one, row in zip(rows.index, rows, strict=True))
        column = f"{spec.source}: column {endpoint.time!r}"
        problems.append(Problem(what=f"{column} {what}", remedy=remedy, examples=examples, column=endpoint.time))

    if (lacking & (labels == 1)).any():
        remedy = f"Add them, or list what {endpoint.column!r} says of these patients in {key}.ignore"
        told(lacking & (labels == 1), f"has no time for patients whose event was seen ({endpoint.column})", remedy)
    if (known & (times < 0)).any():
        told(known & (times < 0), "has times below 0", f"Mend them: times count from one time zero ({key}.time)")
    if zero.any() and endpoint.zero == "refuse":
        remedy = f"Mend them, or leave out who was seen only once: {key}.zero=drop"
        told(zero, "has times of 0, from which nothing can be learned", remedy)
    if endpoint.zero == "drop":
        dropped |= {str(one): f"{endpoint.time} is 0, and {key}.zero is drop" for one in labels.index[zero]}
    labels[labels.index.isin(list(dropped))] = -1
    if require_labels:
        reasons |= {one: why for one, why in dropped.items() if one not in reasons}
        longest = float(times[labels >= 0].max())
        beyond = tuple(f"{one:g}" for one in endpoint.horizons if one >= longest)
        if beyond and not problems:
            what = f"{key}.horizons lie beyond the longest time, {longest:g}"
            problems.append(Problem(what=what, remedy="Leave them out, or mend the unit", examples=beyond))
    return times.where(labels >= 0), problems


def read_entries(
    source: CohortFiles, labels: pd.Series[int], times: pd.Series[float] | None, *, require_labels: bool
) -> tuple[pd.Series[float] | None, list[Problem], list[str]]:
    """Entry of everyone in `labels`, what is wrong with entries, and what is to be known of them.

    Args:
        source: the cohort.
        labels: index patient_id; -1 unknown.
        times: likewise, of the endpoint.
        require_labels: False for new patients.

    Returns:
        NaN where the label is unknown; None where the endpoint declares no entry.
    """
    endpoint = source.endpoint
    if endpoint.entry is None or times is None:
        return None, [], []
    spec = source.specs[endpoint.table]
    table = source.read(endpoint.table, require_labels=require_labels)
    entries = table.frame[endpoint.entry].reindex(labels.index).astype(np.float64).rename("entry")
    key, zero = f"cohort.endpoints.{endpoint.name}.entry", endpoint.time_zero or "time zero"
    known = labels >= 0
    problems = []

    def told(who: pd.Series[bool], what: str, remedy: str) -> None:
        rows = table.rows.reindex(labels.index[who])
        examples = tuple(
            f"{one}, row {row}: {entries[one]:g}, {endpoint.time} {times[one]:g}"
            for one, row in zip(rows.index, rows, strict=True)
        )
        column = f"{spec.source}: column {endpoint.entry!r}"
        problems.append(Problem(what=f"{column} {what}", remedy=remedy, examples=examples, column=endpoint.entry))

    if (lacking := known & entries.isna()).any():
        remedy = f"Fill in when they came under observation, 0 for who was followed from {zero} on ({key})"
        told(lacking, "does not say from when on patients were under observation", remedy)
    if (early := known & (entries < 0)).any():
        remedy = f"Mend them: 0 for who was followed from {zero} on; entries count from there as times do ({key})"
        told(early, "has entries below 0", remedy)
    if (late := known & (entries >= times)).any():
        remedy = f"Mend them, or leave these patients out: nothing was seen of them ({key})"
        if late.sum() > known.sum() / 2:
            remedy += (
                f"; of most patients, so that it may be in another unit or count from elsewhere than {endpoint.time}"
            )
        told(late, f"has entries at or after the end of follow-up ({endpoint.time})", remedy)
    behind = int((known & (entries > 0)).sum())
    notes = []
    if not problems and behind:
        notes.append(
            f"{behind} of {int(known.sum())} patients came under observation after {zero} ({endpoint.entry}) and count "
            "from then on: times are left-truncated, and what is estimated of early times rests on the others."
        )
    elif not problems and known.any():
        notes.append(f"{key}: every {endpoint.entry} is 0, as if it were not declared.")
    return entries.where(known), problems, notes


def as_label(value: object) -> str:
    """Numbers as a YAML list writes them: 1.0 is ``1``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_causes(
    source: CohortFiles, labels: pd.Series[int], *, require_labels: bool
) -> tuple[pd.Series[int] | None, list[str]]:
    """Cause of everyone in `labels`, and what is to be known of them; None where nothing competes.

    Args:
        source: the cohort.
        labels: index patient_id; 1 event, 0 censored, -1 unknown.
        require_labels: False for new patients.

    Returns:
        0 censored, 1 the event, 2 and above what competes, in the order of the endpoint's `competing`; -1 unknown.
    """
    endpoint = source.endpoint
    if not endpoint.competing:
        return None, []
    values = source.read(endpoint.table, require_labels=require_labels).frame[endpoint.column].reindex(labels.index)
    text = values.map(as_label, na_action="ignore").map(endpoint.spelt, na_action="ignore")
    causes = labels.rename("cause").copy()
    notes = []
    for place, (name, mine) in enumerate(endpoint.competing, start=2):
        inside = text.isin(mine) & (labels == 0)
        causes[inside] = place
        key = f"cohort.endpoints.{endpoint.name}.competing_values"
        if inside.any():
            told = f"{int(inside.sum())} patients had {name}, which competes with {endpoint.name}"
            notes.append(f"{told}: models are of {endpoint.name} alone and censor them then.")
        elif require_labels:
            notes.append(f"{key}: no patient has {name} ({', '.join(mine)} in {endpoint.column}).")
    return causes, notes
