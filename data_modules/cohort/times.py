"""Times until an event or the last visit, and what ended the wait: read, and refused where they cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data_modules.errors import Problem

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles


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
    text = values.map(as_label, na_action="ignore")
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
