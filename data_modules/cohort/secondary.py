"""Outcomes of secondary endpoints, and patients who train them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from data_modules.cohort.chronology import measured_later, mixed_units
from data_modules.cohort.times import Followed, read_followed
from data_modules.errors import Problem
from fusion.contract import ALONE, Secondary, some

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles

Labels = tuple["pd.Series[int]", dict[str, str], list[Problem]]
"""Label of everyone (-1 unknown), why labels are unknown, and values that are no label."""


def read_secondary(
    source: CohortFiles,
    everyone: Sequence[str],
    labels_of: Callable[[CohortFiles], Labels],
    *,
    require_labels: bool = True,
) -> tuple[dict[str, Secondary], list[Problem]]:
    """Outcomes of everyone by each secondary endpoint, and what is wrong with them.

    Args:
        source: the cohort.
        everyone: whom any file names.
        labels_of: reads the labels of a cohort's primary endpoint.
        require_labels: False for new patients, whose outcomes may be missing.
    """
    found: dict[str, Secondary] = {}
    problems: list[Problem] = []
    for endpoint in source.secondary:
        view = source.seen_as(endpoint)
        labels, reasons, wrong = labels_of(view)
        followed = Followed() if wrong else read_followed(view, labels, reasons, require_labels=require_labels)
        wrong += followed.problems
        if require_labels and not wrong and followed.times is not None:
            wrong = [*measured_later(view), *mixed_units(view, followed.times)]
        problems += wrong
        found[endpoint.name] = Secondary(
            endpoint=endpoint.spec, labels=labels, times=followed.times, entry=followed.entry
        )  # fmt: skip
    return found, problems


def trained_alone(
    secondary: Mapping[str, Secondary], labels: pd.Series[int], usable: frozenset[str], reasons: dict[str, str]
) -> tuple[str, ...]:
    """Patients who lack the primary label and have another, sorted; `reasons` then says so, in place.

    Args:
        secondary: outcomes of everyone.
        labels: of the primary endpoint, -1 unknown.
        usable: patients with what a model needs of them.
        reasons: patient → why they are dropped.
    """
    alone = []
    for patient in sorted(str(one) for one in labels.index[labels < 0]):
        has = [name for name, one in secondary.items() if one.labels[patient] >= 0]
        if has and patient in usable:
            alone.append(patient)
            reasons[patient] = f"{reasons.get(patient, 'no label')}; trains {' and '.join(has)} {ALONE}"
    return tuple(alone)


def absent_classes(source: CohortFiles, secondary: Mapping[str, Secondary]) -> list[Problem]:
    """Secondary endpoints of which a class, or every event, is missing among the cohort's patients."""
    problems = []
    for one in secondary.values():
        there = set(one.labels.tolist())
        absent = [one.endpoint.classes[label] for label in one.endpoint.needed if label not in there]
        if absent:
            what = f"no patient with the endpoint {one.endpoint.name!r} is {some([repr(name) for name in absent])}"
            remedy = f"Mend cohort.endpoints.{one.endpoint.name}, or take {one.endpoint.name} out of endpoint"
            problems.append(Problem(what=what, remedy=remedy))
    return problems
