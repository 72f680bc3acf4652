"""What is known of patients at baseline beside what a model reads: for tables of who they are, and for subgroups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Described:
    """Patients by what was declared of them.

    Attributes:
        table: index patient_id, a column each named ``table.column`` or ``site``: float64 for numbers, else text or
            None; baseline columns alone.
        facts: of each column ``label``, ``kind`` (number, category, ordered), ``unit`` and ``levels``.
    """

    table: pd.DataFrame
    facts: Mapping[str, Mapping[str, Any]]
