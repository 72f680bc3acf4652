"""Table 1: patients by outcome, and what is missing of them.

No p-values: they would test whether chance made groups that nobody drew by chance (STROBE, explanation of item 14a).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

MOST_COLUMNS = 60
"""Columns of a table above which it is no description of patients (expression, radiomics)."""
MOST_LEVELS = 12


def table_one(
    values: pd.DataFrame, facts: Mapping[str, Mapping[str, Any]], labels: pd.Series[int], classes: Sequence[str]
) -> dict[str, Any]:
    """Rows by column: medians with quartiles of numbers, counts of categories, over all and by class.

    Args:
        values: index patient_id, as of `Described`.
        facts: likewise.
        labels: index patient_id, position in `classes`.
        classes: names.

    Returns:
        ``groups`` (name and number of patients), ``rows``, ``left_out`` (tables too wide to show), and ``complete``:
        how many patients lack nothing of what is shown.
    """
    labels = labels.reindex(values.index)
    groups = [("all", pd.Series(True, index=values.index))]
    groups += [(name, labels == place) for place, name in enumerate(classes)]
    sizes: dict[str, int] = {}
    for name in values:
        table = str(name).partition(".")[0]
        sizes[table] = sizes.get(table, 0) + 1
    wide = sorted(table for table, size in sizes.items() if size > MOST_COLUMNS)
    shown = [name for name in values if str(name).partition(".")[0] not in wide]
    rows = [_row(str(name), values[name], facts.get(str(name), {}), groups) for name in shown]
    return {
        "groups": [{"name": name, "patients": int(inside.sum())} for name, inside in groups],
        "rows": rows,
        "left_out": wide,
        "complete": int(values[shown].notna().all(axis=1).sum()) if shown else len(values),
    }


def _row(
    name: str, column: pd.Series[Any], facts: Mapping[str, Any], groups: Sequence[tuple[str, pd.Series[bool]]]
) -> dict[str, Any]:
    number = facts.get("kind") == "number"
    row: dict[str, Any] = {
        "column": name, "label": facts.get("label") or name, "unit": facts.get("unit"), "number": number,
        "missing": {group: int(column[inside].isna().sum()) for group, inside in groups},
    }  # fmt: skip
    if number:
        row["quartiles"] = {group: _quartiles(column[inside]) for group, inside in groups}
        return row
    counts = column.dropna().astype(str).value_counts()
    order = [level for level in facts.get("levels") or () if level in counts.index]
    order += [str(level) for level in counts.index if level not in order]
    shown, rest = order[:MOST_LEVELS], order[MOST_LEVELS:]
    row["levels"] = [
        {"level": level, **{group: int((column[inside].astype(str) == level).sum()) for group, inside in groups}}
        for level in shown
    ]
    if rest:
        told = {group: int(column[inside].astype(str).isin(rest).sum()) for group, inside in groups}
        row["levels"].append({"level": f"{len(rest)} others", **told})
    return row


def _quartiles(values: pd.Series[Any]) -> list[float] | None:
    """Lower quartile, median, upper quartile; None where nothing is known."""
    known = values.dropna().to_numpy(np.float64)
    return [float(one) for one in np.quantile(known, [0.25, 0.5, 0.75])] if len(known) else None
