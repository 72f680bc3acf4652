"""How a table's columns are asked when they were known: as few questions as leave nothing uncertain decided."""

from __future__ import annotations

from dataclasses import replace

from data_modules.drafting.findings import DraftTable
from data_modules.drafting.words import baseline_word

MOST_ASKED = 6
"""Columns of a mixed table, told by no name, above which they are not asked about one by one."""

_WAITS = "no name tells when it was known; without the # it takes the table's time"


def with_questions(table: DraftTable) -> DraftTable:
    """A table, each of its columns with where its time is asked for.

    One answer serves a table where no name tells of a later time. Where some do, it serves the columns whose names are
    often of baseline; those that no name tells are asked about one by one while they are few. Many of them are not read
    until the user says so: a long row of questions gets the same answer to each, and then a measurement at surgery is
    an input. Where all are such, one answer serves them.
    """
    if table.form != "columns":
        return table
    asked = [column for column in table.inputs if not table.mixed or baseline_word(column.facts.name) is not None]
    unclear = [column for column in table.inputs if column not in asked]
    if not asked and len(unclear) > MOST_ASKED:
        asked, unclear = unclear, []
    columns = []
    for column in table.columns:
        if column in asked:
            columns.append(replace(column, ask="table"))
        elif column in unclear and len(unclear) > MOST_ASKED:
            columns.append(replace(column, left_out=_WAITS, waits=True))
        else:
            columns.append(replace(column, ask="own") if column in unclear else column)
    return replace(table, columns=tuple(columns))
