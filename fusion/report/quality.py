"""What ingest read and dropped, for the report: rows of counts by reason, and figures that stand in the page itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from fusion.run.folder import RunFolder

_REASONS = 12
"""Rows of a table; what is left is summed up in a last one."""


def quality(run: RunFolder) -> list[dict[str, Any]]:
    """Each part of quality.json with its ``tables`` and its figure as a data URI (None without one)."""
    shown = []
    for part in run.quality():
        figure = run.figures_path / str(part["figure"])
        picture = base64.b64encode(figure.read_bytes()).decode() if part["figure"] and figure.is_file() else None
        tables = {what.replace("_", " "): _rows(counts) for what, counts in part["counts"].items()}
        said = part.get("said") or []
        notes = {what: how for what, how in (part.get("notes") or {}).items() if how not in said}
        shown.append(
            {**part, "notes": notes, "tables": tables, "picture": picture and f"data:image/png;base64,{picture}"}
        )
    return shown


def _rows(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """What was read and kept first, then the reasons, most frequent first, without those that met nothing."""
    first = [name for name in ("read", "possible", "kept", "kept_variants") if name in counts]
    rest = sorted((name for name in counts if name not in first and counts[name]), key=lambda name: -counts[name])
    rows = [(name.replace("_", " "), counts[name]) for name in (*first, *rest[:_REASONS])]
    if left := rest[_REASONS:]:
        rows.append((f"{len(left)} others", sum(counts[name] for name in left)))
    return rows
