"""What the subgroups of a run say, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEVEL = 0.05


def said(metrics: Mapping[str, Any]) -> str:
    """Which groups differ from everyone else, by corrected tests; empty where none were asked for."""
    part = metrics.get("subgroups")
    if not part:
        return ""
    told = []
    for key, what in (("p", "discriminates otherwise"), ("calibration_p", "is calibrated otherwise")):
        found = [row for row in part["rows"] if row[key] is not None and row[key] <= LEVEL]
        names = ", ".join(f"{row['column']} {row['group']}" for row in found)
        told += [f"the model {what} in {names}"] if found else []
    if not part["tests"]:
        return "No group is large enough to be compared with everyone else."
    if not told:
        return (
            f"Nothing here shows that the model is better or worse in any group ({part['tests']} looks, corrected); in "
            "small groups even a large gap may go unseen."
        )
    sentence = f"{'; '.join(told)} ({part['tests']} looks, corrected)."
    return sentence[0].upper() + sentence[1:]
