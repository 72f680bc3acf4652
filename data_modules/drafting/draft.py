"""What ``python -m fusion.draft`` asks for: a folder's draft, and its profile for a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_modules.drafting.findings import DraftTable, Findings
from data_modules.drafting.look import look_at
from data_modules.drafting.questions.asking import fill
from data_modules.drafting.yaml_text import draft_text
from data_modules.drafting.yaml_words import FILL
from fusion.contract import Progress


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A drafted cohort.

    Attributes:
        name: of the cohort, and of its file.
        text: YAML.
        open: how many values are left to fill.
        waiting: how many columns are not read for nothing but that no name tells when they were known.
        profile: for a page: root, tables (file, patients, columns), sources, left, notes, kept, dropped, present.
    """

    name: str
    text: str
    open: int
    waiting: int
    profile: dict[str, Any]


def draft_folder(
    folder: str,
    *,
    name: str,
    config_dir: str,
    progress: Progress,
    ask: Callable[[str], str] | None = None,
) -> Draft:
    """Look at a folder and draft its cohort.

    Args:
        folder: of the cohort's files.
        name: of the cohort.
        config_dir: where the YAML will lie.
        progress: step, done, total.
        ask: for what is left open; None leaves it.

    Raises:
        FusionError: there is nothing to draft.
    """
    found = look_at(Path(folder), name=name, told=progress)
    text = draft_text(found, config_dir=config_dir)
    text = fill(text, ask) if ask is not None else text
    left = sum(line.partition("  #")[0].count(FILL) for line in text.split("\n") if not line.lstrip().startswith("#"))
    waiting = sum(column.waits for table in found.tables for column in table.columns)
    return Draft(name=found.name, text=text, open=left, waiting=waiting, profile=_profile(found))


def _profile(found: Findings) -> dict[str, Any]:
    patients = {table.table.key: list(dict.fromkeys(table.join.patients)) for table in found.tables}
    patients |= {source.key: list(dict.fromkeys(source.join.patients)) for source in found.sources}
    return {
        "name": found.name,
        "root": found.root,
        "files": len(found.listing.files),
        "patients": patients,
        "kept": found.kept,
        "dropped": found.dropped,
        "endpoint": found.candidates[0].column if found.candidates else None,
        "candidates": [
            {"table": one.table, "column": one.column, "counts": one.counts, "reason": one.reason}
            for one in found.candidates
        ],
        "tables": [_table(table) for table in found.tables],
        "sources": [
            {
                "key": source.key, "kind": source.kind, "files": len(source.files), "patterns": source.patterns,
                "patients": len(source.join.patients), "reason": source.join.reason,
                "notes": source.pictures.notes if source.pictures is not None else (),
            }
            for source in found.sources
        ],
        "left": found.left,
        "notes": found.notes,
    }  # fmt: skip


def _table(table: DraftTable) -> dict[str, Any]:
    return {
        "key": table.table.key,
        "file": table.table.file,
        "rows": len(table.table.frame),
        "id": table.join.column,
        "reason": table.join.reason,
        "form": table.form,
        "columns": [
            {
                "name": column.facts.name, "kind": column.facts.kind, "missing": column.facts.missing,
                "distinct": column.facts.distinct, "counts": column.facts.counts[:6], "bars": column.facts.bars,
                "low": column.facts.low, "high": column.facts.high, "left_out": column.left_out,
                "time": column.hint.time if column.hint is not None else None,
                "reason": column.hint.reason if column.hint is not None else "",
            }
            for column in table.columns
        ],
    }  # fmt: skip
