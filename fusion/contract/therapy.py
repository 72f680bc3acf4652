"""Which regimen each patient was given, and within what it was dealt out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Therapy:
    """What a cohort declares of its patients' therapy (``cohort.therapy``).

    Attributes:
        regimens: index patient_id, the name of the regimen; missing where it is not known.
        strata: index patient_id, within what regimens were dealt out, as ``HR=1 HER2=0``; missing where any of it is
            not known. One stratum where none is declared.
        by: the strata's columns, as ``table.column``.
        table: of the regimen's columns, whose modalities are read as if another regimen had been given.
        columns: of that table, which name the regimen.
        control: regimens that others are compared with one by one.
        min_patients: training patients of a stratum from which a regimen is a candidate in it.
    """

    regimens: pd.Series[str]
    strata: pd.Series[str]
    by: tuple[str, ...]
    table: str
    columns: tuple[str, ...]
    control: tuple[str, ...]
    min_patients: int
