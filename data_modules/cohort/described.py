"""Patients by every column that was declared of them at baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from data_modules.cohort.endpoint import outcome_columns
from fusion.contract import Described

if TYPE_CHECKING:
    from data_modules.cohort.declared import CohortFiles


def described(source: CohortFiles, outcomes: dict[str, Any], patient_ids: Sequence[str]) -> Described:
    """Baseline columns of all declared tables but endpoints; those of a table that cannot be read are left out.

    Args:
        source: the cohort.
        outcomes: as declared, whose columns are no description.
        patient_ids: of the rows, in this order.
    """
    values: dict[str, Any] = {}
    facts: dict[str, dict[str, Any]] = {}
    for name, spec in source.specs.items():
        read = source.read(name, require_labels=False)
        if read.problems:
            continue
        of_outcomes = outcome_columns(outcomes, name)
        frame = read.frame.reindex(list(patient_ids))
        for column in spec.columns.values():
            if column.time != "baseline" or column.name in of_outcomes or column.name not in frame:
                continue
            key = f"{name}.{column.name}"
            values[key] = frame[column.name].to_numpy()
            facts[key] = {
                "label": column.label, "kind": column.kind, "unit": column.unit, "levels": list(column.levels)
            }  # fmt: skip
    index = pd.Index(list(patient_ids), name="patient_id")
    return Described(table=pd.DataFrame(values, index=index), facts=facts)
