"""A wide table of numbers: thousands of columns, read a row at a time, without a text for every cell in memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_modules.readers.measured import Limits, measured
from data_modules.readers.numbers import decimal_of, is_unknown, to_number
from data_modules.readers.tables import TableFormat, layout_of
from data_modules.readers.unreadable import UnreadableError
from fusion.contract import some

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class WideTable:
    """Numbers by row and column.

    Attributes:
        ids: of the rows, as written.
        lines: of the rows in the file, 1-based.
        names: of the columns.
        numbers: (row, column), NaN where nothing is known.
        strange: cells that are no numbers: column, line, cell.
        notes: what was found out about the file, in words.
    """

    ids: list[str]
    lines: list[int]
    names: list[str]
    numbers: NDArray[np.float64]
    strange: list[tuple[str, int, str]]
    notes: tuple[str, ...]


def read_wide(
    path: Path,
    given: TableFormat,
    *,
    key: str,
    exclude: Collection[str],
    missing: Collection[str] = (),
    limits: Limits | None = None,
) -> WideTable:
    """Read a table of numbers with a column of ids.

    Args:
        path: CSV, TSV or workbook, packed or not.
        given: how it is written, where that is known.
        key: the column of ids.
        exclude: columns that are not read.
        missing: words and codes that say that nothing is known, beside the usual ones.
        limits: what ``<0.5`` and ``>100`` count as; None leaves them among `WideTable.strange`.

    Raises:
        UnreadableError: it cannot be read with certainty, or has no such column.
    """
    layout = layout_of(path, given, expected=[key])
    names = [name or f"Unnamed: {at}" for at, name in enumerate(layout.names)]
    if key not in names:
        what = f"{path} has no column {key!r} for the patient"
        raise UnreadableError(what, f"Set {{key}}.id to one of its columns: {some(names, 8)}")
    twice = [name for name, number in Counter(names).items() if number > 1 and name not in exclude]
    if twice:
        what = f"{path}, line {layout.header}: columns {some([repr(name) for name in twice])} stand twice in the header"
        raise UnreadableError(what, "Rename or take out those that are not meant, or list them in {key}.exclude")
    at_id = names.index(key)
    at = [place for place, name in enumerate(names) if place != at_id and name not in exclude]
    values = np.full((len(layout.raw), len(at)), np.nan)
    odd: list[tuple[int, int, str]] = []
    ids = []
    for row, cells in enumerate(layout.rows()):
        ids.append(cells[at_id].strip())
        chosen = [cells[place] for place in at]
        try:
            if given.decimal == "," or "_" in "".join(chosen):
                raise ValueError  # cell by cell: Python takes 1_000 for a number
            values[row] = list(map(float, chosen))
        except ValueError:
            for column, cell in enumerate(chosen):
                cell = cell.strip()
                values[row, column] = to_number(cell, given.decimal or ".")
                if math.isnan(values[row, column]) and not is_unknown(cell):
                    odd.append((row, column, cell))
        for infinite in np.flatnonzero(np.isinf(values[row])):
            odd.append((row, int(infinite), chosen[infinite].strip()))
            values[row, infinite] = np.nan
        if missing:
            values[row, [at for at, cell in enumerate(chosen) if cell.strip() in missing]] = np.nan
    notes = list(layout.notes)
    odd = _by_comma(path, given, [one for one in odd if one[2] not in missing], values, notes)
    odd = _within_limits(given, odd, values, limits, notes) if limits is not None else odd
    wanted = [names[place] for place in at]
    return WideTable(
        ids=ids,
        lines=layout.lines,
        names=wanted,
        numbers=values,
        strange=[(wanted[column], layout.lines[row], cell) for row, column, cell in odd],
        notes=tuple(notes),
    )


def _by_comma(
    path: Path,
    given: TableFormat,
    odd: Sequence[tuple[int, int, str]],
    values: NDArray[np.float64],
    notes: list[str],
) -> list[tuple[int, int, str]]:
    """Cells that are numbers with a decimal comma, put into `values`; the others are returned."""
    commas = [cell for _, _, cell in odd if not math.isnan(to_number(cell, ","))]
    if not commas or given.decimal == ".":
        return list(odd)
    with_points = bool((values[np.isfinite(values)] % 1 != 0).any())
    if given.decimal is None and (with_points or decimal_of([commas]) is None):
        what = f"{path} has numbers with a comma that may be a decimal sign or stand between thousands ({some(commas)})"
        raise UnreadableError(what, "Set {key}.decimal to ',' where it is the decimal sign; else take the commas out")
    rest = []
    for row, column, cell in odd:
        number = to_number(cell, ",")
        if math.isnan(number):
            rest.append((row, column, cell))
        values[row, column] = number
    notes.append("the decimal sign is a comma")
    return rest


def _within_limits(
    given: TableFormat,
    odd: Sequence[tuple[int, int, str]],
    values: NDArray[np.float64],
    limits: Limits,
    notes: list[str],
) -> list[tuple[int, int, str]]:
    """Cells beyond their assay's limit, put into `values` as declared; the others are returned."""
    decimal = given.decimal or ("," if "the decimal sign is a comma" in notes else ".")
    rest = []
    for row, column, cell in odd:
        found = measured(cell, decimal=decimal, declared=given.decimal is not None)
        if found is None or not found.limit or found.unit:
            rest.append((row, column, cell))
        else:
            values[row, column] = found.value(limits)
    if len(rest) < len(odd):
        told = "that limit" if limits == "value" else "half of a lower limit, or an upper one"
        notes.append(f"{len(odd) - len(rest)} cells beyond a limit count as {told}")
    return rest
