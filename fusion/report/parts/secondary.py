"""Secondary endpoints of a run: a verdict line each, and its arms by the metrics of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion.evaluation.comparison import arm_label
from fusion.report.kinds import KINDS


def secondary(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For the template and the console; nothing where one endpoint was trained, as in runs of older versions.

    Args:
        record: run.json.
        metrics: metrics.json.
    """
    notes = {one["name"]: one.get("note", "") for one in record["cohort"].get("secondary", ())}
    made = []
    for name, part in metrics.get("secondary", {}).items():
        kind, verdict = KINDS[part["kind"]], part["verdict"]
        reference = verdict["reference"]
        shown = [metric for metric in kind.shown if metric in part["arms"][reference]]
        made.append(
            {
                "name": name,
                "note": notes.get(name, ""),
                "role": part["role"],
                "status": verdict["status"],
                "text": verdict["text"],
                "patients": kind.patients(part),
                "gate": part.get("start", {}).get("gate"),
                "labels": [kind.labels[metric] for metric in shown],
                "rows": [
                    {
                        "label": arm_label(arm),
                        "reference": arm == reference,
                        "values": [values[metric] for metric in shown],
                    }
                    for arm, values in part["arms"].items()
                ],
            }
        )
    return made
