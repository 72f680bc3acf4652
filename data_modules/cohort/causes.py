"""What ended a patient's wait where an endpoint declares that other events compete with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from data_modules.cohort.declared import CohortFiles


def as_label(value: object) -> str:
    """Numbers as a YAML list writes them: 1.0 is ``1``."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_causes(
    source: CohortFiles, labels: pd.Series[int], *, require_labels: bool
) -> tuple[pd.Series[int] | None, list[str]]:
    """Cause of everyone in `labels`, and what is to be known of them; None where nothing competes.

    Args:
        source: the cohort.
        labels: index patient_id; 1 event, 0 censored, -1 unknown.
        require_labels: False for new patients.

    Returns:
        0 censored, 1 the event, 2 and above what competes, in the order of the endpoint's `competing`; -1 unknown.
    """
    endpoint = source.endpoint
    if not endpoint.competing:
        return None, []
    values = source.read(endpoint.table, require_labels=require_labels).frame[endpoint.column].reindex(labels.index)
    text = values.map(as_label, na_action="ignore")
    causes = labels.rename("cause").copy()
    notes = []
    for place, (name, mine) in enumerate(endpoint.competing, start=2):
        inside = text.isin(mine) & (labels == 0)
        causes[inside] = place
        key = f"cohort.endpoints.{endpoint.name}.competing_values"
        if inside.any():
            told = f"{int(inside.sum())} patients had {name}, which competes with {endpoint.name}"
            notes.append(f"{told}: models are of {endpoint.name} alone and censor them then.")
        elif require_labels:
            notes.append(f"{key}: no patient has {name} ({', '.join(mine)} in {endpoint.column}).")
    return causes, notes
