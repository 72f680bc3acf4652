"""A table of several rows a patient: what of it can be read, and what is left to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from data_modules.drafting.findings import DraftTable
from data_modules.drafting.words import tokens
from data_modules.readers.numbers import is_unknown

if TYPE_CHECKING:
    import pandas as pd

MOST_KINDS = 12
"""Different values of a column above which it is no choice of rows."""

_TELLING = frozenset(["type", "visit", "timepoint", "time", "sample", "line", "cycle", "phase", "when"])
_SEVERAL = "has several values of a patient: say by reduce, order and until which counts, docs/inputs.md"


def with_rows(table: DraftTable) -> DraftTable | None:
    """The table, with the column by whose values the user says which rows count, where one tells them apart.

    Else the columns that say the same in all rows of each patient are read, and others are left out with the reason.
    None where nothing is left.
    """
    owners = table.owners
    several = [patient for patient, number in Counter(filter(None, owners)).items() if number > 1]
    if not several:
        return table
    if table.form == "wide":
        return table if table.choices is not None and table.choices.choices else None
    telling = _telling(table, owners, set(several))
    if telling is not None:
        counts = tuple(Counter(cell for cell in table.table.frame[telling] if not is_unknown(cell)).most_common())
        columns = tuple(
            replace(column, left_out="it says which rows count") if column.facts.name == telling else column
            for column in table.columns
        )
        return replace(table, columns=columns, several=len(several), rows=(telling, counts))
    columns = tuple(
        column if column.left_out or _agrees(table.table.frame[column.facts.name], owners)
        else replace(column, left_out=_SEVERAL)
        for column in table.columns
    )  # fmt: skip
    made = replace(table, columns=columns, several=len(several))
    return made if made.declared else None


def _telling(table: DraftTable, owners: Sequence[str | None], several: set[str]) -> str | None:
    """A column of a few values, none of them twice in one patient; one whose name says so first."""
    found = []
    for column in table.columns:
        name = column.facts.name
        cells = table.table.frame[name]
        kinds = {cell for cell in cells if not is_unknown(cell)}
        pairs = [(owner, cell) for owner, cell in zip(owners, cells, strict=True) if owner in several]
        if not 2 <= len(kinds) <= MOST_KINDS or len(set(pairs)) < len(pairs) or column.facts.kind == "number":
            continue
        if any(is_unknown(cell) for _, cell in pairs):
            continue
        found.append((_TELLING.isdisjoint(tokens(name)), len(kinds), name))
    return min(found)[2] if found else None


def _agrees(cells: pd.Series[str], owners: Sequence[str | None]) -> bool:
    said: dict[str, str] = {}
    for owner, cell in zip(owners, cells, strict=True):
        if owner is not None and not is_unknown(cell) and said.setdefault(owner, cell) != cell:
            return False
    return True
