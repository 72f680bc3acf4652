"""Which regimen each patient was given, and within what it was dealt out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One drug of a regimen.

    Attributes:
        name: as the cohort calls it; one name where several share a code.
        group: its class; where only an ATC code is given its fourth level, e.g. ``L01CD``; None where neither is.
        atc: code of the fifth level, e.g. ``L01CD01``.
        rxnorm: RxNorm's concept number (RxCUI).
        dose: in `unit`, above 0.
        unit: as the agent's doses are compared in, e.g. ``mg/m2``.
        order: from 1: what is given at the same place of the sequence has the same number.
    """

    name: str
    group: str | None = None
    atc: str | None = None
    rxnorm: str | None = None
    dose: float | None = None
    unit: str | None = None
    order: int | None = None


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
        agents: regimen → its agents, where the cohort gives them; a regimen of no drug has none.
    """

    regimens: pd.Series[str]
    strata: pd.Series[str]
    by: tuple[str, ...]
    table: str
    columns: tuple[str, ...]
    control: tuple[str, ...]
    min_patients: int
    agents: Mapping[str, tuple[Agent, ...]] = field(default_factory=dict)
