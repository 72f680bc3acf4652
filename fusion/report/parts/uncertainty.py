"""What conformal sets hold in groups of patients, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def said(metrics: Mapping[str, Any]) -> str:
    """Which groups are held less often than meant, by their intervals; empty where there are none (older runs)."""
    part = metrics.get("uncertainty") or {}
    rows = [row for row in part.get("by", ()) if "high" in row]
    if not rows:
        return ""
    level, looks = part["level"], f"{len(rows)} groups looked at, intervals not corrected for it"
    low = [f"{row['column']} {row['group']}" for row in rows if row["high"] < level]
    if not low:
        return f"No group is shown to be held less often than in {100 * level:.0f} % ({looks})."
    return (
        f"Held less often than in {100 * level:.0f} %, by an interval that lies below it: {', '.join(low)} ({looks})."
    )
