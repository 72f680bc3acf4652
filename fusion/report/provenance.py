"""With what each fold was made, in words: silent where one program on one machine made all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fusion.contract import some


def provenance(record: Mapping[str, Any]) -> list[str]:
    """A sentence for every way in which folds of one run differ; see ``folds`` in run.json.

    A run that went on under other versions is not what one of them would have made.
    """
    folds: Mapping[str, Mapping[str, Any]] = record.get("folds", {})
    told = []
    names = sorted({name for fold in folds.values() for name in fold.get("versions", {})})
    for name in names:
        told += _differing(name, {fold: made.get("versions", {}).get(name) for fold, made in folds.items()})
    told += _differing("commit", {fold: made.get("git_commit") for fold, made in folds.items()})
    told += _differing("accelerator", {fold: made.get("accelerator") for fold, made in folds.items()})
    return told


def _differing(what: str, values: Mapping[str, Any]) -> list[str]:
    groups: dict[Any, list[str]] = defaultdict(list)
    for fold, value in values.items():
        groups[value].append(fold)
    if len(groups) < 2:
        return []
    parts = [f"{value or 'unknown'} in {some(folds, 4, rest='others')}" for value, folds in groups.items()]
    return [f"Folds were made with different {what}: {'; '.join(parts)}."]
