"""What two tables say of the same patients: the same values are read once, values that differ are read from neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from data_modules.drafting.findings import DraftTable
from data_modules.readers.numbers import to_number
from fusion.contract import some

FEWEST = 5
"""Patients that two tables share for their columns to be compared."""


def told_twice(tables: Sequence[DraftTable]) -> tuple[list[DraftTable], list[str]]:
    """Tables with columns left out that another one has too, and a sentence on each that differs."""
    made, notes = list(tables), []
    places: dict[str, list[int]] = {}
    for at, table in enumerate(tables):
        for column in table.columns if table.form == "columns" else ():
            places.setdefault(column.facts.name, []).append(at)
    for name, several in places.items():
        # It is read where nothing speaks of a later time, and of the most patients.
        several.sort(key=lambda at: (tables[at].mixed, -len(tables[at].join.patients), at))
        for at in several[1:]:
            first, other = made[several[0]], made[at]
            left, right = first.by_patient(name), other.by_patient(name)
            shared = sorted(set(left) & set(right))
            kind = _kind(first, name)  # nothing is read of what has none: ids, dates
            if len(shared) < FEWEST or kind is None or kind != _kind(other, name):
                continue
            differ = [one for one in shared if not _same(left[one], right[one])]
            files = f"{first.table.file} and {other.table.file}"
            if differ:
                examples = some([f"{one}: {left[one]}, {right[one]}" for one in differ], 3)
                notes.append(
                    f"{name} differs between {files} for {len(differ)} of {len(shared)} patients ({examples}): it is "
                    "read from neither until you say which holds."
                )
                made[several[0]] = _without(first, name, f"{other.table.file} says otherwise of {len(differ)} patients")
                made[at] = _without(made[at], name, f"{first.table.file} says otherwise of {len(differ)} patients")
            else:
                made[at] = _without(other, name, f"the same as in {first.table.file}")
    return made, notes


def _kind(table: DraftTable, name: str) -> str | None:
    return next(column.facts.kind for column in table.columns if column.facts.name == name)


def _same(left: str, right: str) -> bool:
    if left == right:
        return True
    numbers = [to_number(one.replace(",", "."), ".") for one in (left, right)]
    return abs(numbers[0] - numbers[1]) <= 1e-6 * max(1.0, abs(numbers[0]))


def _without(table: DraftTable, name: str, why: str) -> DraftTable:
    columns = tuple(
        replace(column, left_out=column.left_out or why) if column.facts.name == name else column
        for column in table.columns
    )
    return replace(table, columns=columns)
