"""What a prediction report says of secondary endpoints: all patients in a few rows and, with labels, how well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion.report import kinds as reports
from fusion.report.elsewhere.kinds import KINDS

if TYPE_CHECKING:
    from fusion.apply.files import Applied


def secondary(applied: Applied) -> list[dict[str, Any]]:
    """For the template; nothing where the run has one endpoint, or the arm says nothing of the others.

    Args:
        applied: what was written.
    """
    made = []
    for said, _, judged in applied.secondary:
        facts = {**applied.facts, **applied.facts["secondary"][said.name]}
        labels = reports.KINDS[said.endpoint.kind].labels
        values = {} if judged is None else judged["arms"][facts["arm"]]
        told = said.table[said.table["fold_models"] > 0]
        made.append(
            {
                "name": said.name,
                "note": said.endpoint.note,
                "role": facts["role"],
                "patients": len(told),
                "told": KINDS[said.endpoint.kind].told(facts, told) if len(told) else [],
                "labelled": None if judged is None else judged["patients"],
                "metrics": [(labels[name], entry) for name, entry in values.items() if name in labels],
                "verdict": (judged or {}).get("verdict"),
                "comparisons": [
                    {**row, "label": labels[row["metric"]]} for row in (judged or {}).get("comparisons", ())
                ],
            }
        )
    return made
