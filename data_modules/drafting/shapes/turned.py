"""A table whose columns are patients: which column names its rows, and what has to be said to read it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from data_modules.drafting.findings import DraftColumn, DraftTable
from data_modules.drafting.ids import join_names, patient_in, sample_choices
from data_modules.drafting.tables import Table
from data_modules.drafting.yaml_words import many
from data_modules.readers.measured import measured
from data_modules.readers.numbers import is_unknown, to_number

if TYPE_CHECKING:
    import pandas as pd

_LOOKED_AT = 2_000
"""Rows whose cells are looked at."""
_NAMES = 0.9
"""Share of the most different words that a column needs to name rows, the first such column."""


def turned_table(table: Table, known: Collection[str]) -> DraftTable | None:
    """The draft of a table with patients in its columns; None where they are not.

    Args:
        table: as read.
        known: patients of other tables.
    """
    names = [str(name) for name in table.names]
    join = join_names(names[1:], known)
    if join is None or len(names) <= 2 or table.frame.empty:
        return None
    everyone = set(join.patients) if join.pattern is not None else set(known)
    patients = [name for name in names if patient_in(name, join.pattern, paths=False) in everyone]
    strangers = set(names).difference(patients)
    others = [name for name in names if name in strangers]
    seen = [name for name in table.frame.columns if name in strangers]
    if not seen:
        return None
    id_ = _naming(table.frame, seen)
    rows = [cell for cell in table.frame[id_] if cell]
    settings: dict[str, tuple[object, str]] = {}
    twice = len(rows) - len(set(rows))
    if twice:
        examples = next(one for one in rows if rows.count(one) > 1)
        settings["reduce"] = ("mean", f"of {many(twice, 'row')} more of a feature, e.g. {examples}; or max, first")
    rest = [name for name in others if name != id_]
    if rest and join.pattern is None:
        settings["exclude"] = (rest, "no patients")
    looked_at = [name for name in table.frame.columns if name not in strangers]
    settings |= _cells(table.frame[looked_at].head(_LOOKED_AT))
    return DraftTable(
        table=table, join=join, columns=(), form="turned", named_by=id_, features=len(set(rows)), settings=settings,
        choices=sample_choices(patients, join.pattern),
    )  # fmt: skip


def _naming(frame: pd.DataFrame, others: Sequence[str]) -> str:
    """The column that names rows: of words, nearly all of them different."""
    words = [name for name in others if _share_of_numbers(frame[name]) < 0.5] or list(others)
    different = {name: len(set(frame[name])) for name in words}
    return next(name for name in words if different[name] >= _NAMES * max(different.values()))


def _share_of_numbers(cells: pd.Series[str]) -> float:
    known = [cell for cell in cells if not is_unknown(cell)]
    return sum(to_number(cell, ".") == to_number(cell, ".") for cell in known) / len(known) if known else 1.0


def _cells(frame: pd.DataFrame) -> dict[str, tuple[object, str]]:
    """What cells hold that are no numbers: values beyond a limit, and words."""
    import pandas as pd

    odd: dict[str, int] = {}
    for name in frame.columns:
        cells = frame[name]
        rest = cells[pd.to_numeric(cells, errors="coerce").isna()]
        for cell, number in rest.value_counts().items():
            if not is_unknown(str(cell)) and to_number(cell, ",") != to_number(cell, ","):
                odd[str(cell)] = odd.get(str(cell), 0) + int(number)
    return odd_cells(odd)


def odd_cells(odd: dict[str, int]) -> dict[str, tuple[object, str]]:
    """Settings for cells that are no numbers: cell → how often."""
    beyond = {cell: number for cell, number in odd.items() if _is_limit(cell)}
    words = sorted(cell for cell in odd if cell not in beyond and not any(sign.isdigit() for sign in cell))
    made: dict[str, tuple[object, str]] = {}
    if beyond:
        why = (
            f"{sum(beyond.values())} cells beyond a limit, e.g. {next(iter(beyond))}, count as it; half: as half of it"
        )
        made["limits"] = ("value", why)
    if words:
        told = ", ".join(f"{word} ({odd[word]})" for word in words[:3])
        made["missing"] = (words, f"words that say that nothing is known: {told}")
    return made


def wide_settings(columns: Sequence[DraftColumn]) -> dict[str, tuple[object, str]]:
    """Settings of a wide table by what its columns hold beside numbers."""
    odd: dict[str, int] = {}
    for column in columns:
        facts = column.facts
        if facts.kind == "number":
            odd |= {f"<{facts.low:g}": odd.get(f"<{facts.low:g}", 0) + facts.beyond} if facts.beyond else {}
            for word in facts.words:
                odd[word] = odd.get(word, 0) + round(facts.rows * facts.missing)
    return odd_cells(odd)


def _is_limit(cell: str) -> bool:
    found = measured(cell, decimal=".", declared=False) or measured(cell, decimal=",", declared=False)
    return found is not None and bool(found.limit) and not found.unit
