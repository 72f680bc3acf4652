"""New patients come with less than a training cohort: which files they may lack, and which they may not.

Outcomes may be absent, and so may whole modalities; a table that some modality of the run reads must hold the columns
that it reads. What is left out is said in notes, which predictions and their report repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from data_modules.errors import CohortError, Problem

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles
    from data_modules.cohort.tables import ReadTable
    from fusion.contract import Modality


def needed_columns(modalities: Mapping[str, Modality]) -> dict[str, frozenset[str]]:
    """Table → its columns that modalities read."""
    needed: dict[str, frozenset[str]] = {}
    for modality in modalities.values():
        table = getattr(modality, "of_table", None)
        if table is None:
            continue
        try:
            columns = frozenset(column.name for column in getattr(modality, "columns", ()))
        except CohortError:  # which the modality's own check says
            columns = frozenset()
        needed[table] = needed.get(table, frozenset()) | columns
    return needed


def read_new(
    source: CohortFiles, name: str, needed: Mapping[str, frozenset[str]]
) -> tuple[ReadTable | None, list[Problem], list[str]]:
    """A table of new patients.

    Args:
        source: the cohort.
        name: key in ``cohort.tables``.
        needed: see `needed_columns`.

    Returns:
        The table, None where it is left out; what is wrong with it; notes on what was left out.
    """
    read = source.read(name, require_labels=False)
    endpoint = source.endpoint.columns if source.endpoint.table == name else ()
    asked = needed.get(name, frozenset())
    whole = [problem for problem in read.problems if problem.column is None]
    parts = [problem for problem in read.problems if problem.column in (*asked, *endpoint) and problem.column]
    if name in needed:
        return read, [*whole, *parts], []
    if not endpoint:
        return (None if whole else read), [], []
    absent = [problem for problem in whole if problem.absent]
    if absent:
        return None, [], [f"No labels: {absent[0].what}."]
    return read, [*whole, *parts], []
