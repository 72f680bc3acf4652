"""What every page reads of run.json and metrics.json, checked: of a stranger's file the key that is wrong is named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.run.files import RunFolderError

_NUMBER = "a finite number or null"
_KINDS: Mapping[type, str] = {str: "text", int: "a whole number", dict: "a mapping", list: "a list"}


def at(content: Any, key: str, kind: type, *, where: Path) -> Any:
    """The value of a key, of the kind it must have.

    Args:
        content: of the file.
        key: path in it, parts joined by dots.
        kind: str, int, dict or list.
        where: the file.

    Raises:
        RunFolderError: it is missing or of another kind; says file and key.
    """
    found = content
    parts = key.split(".")
    for place, part in enumerate(parts):
        if not isinstance(found, Mapping) or part not in found:
            raise RunFolderError(
                f"{where}: {'.'.join(parts[: place + 1])} is missing; the file is not as a run writes it."
            )
        found = found[part]
    return _of(found, key, kind, where=where)


def measured(content: dict[str, Any], where: Path) -> dict[str, Any]:
    """metrics.json, whose verdict, arms, comparisons and number of patients are as a run writes them.

    Raises:
        RunFolderError: something is missing, of another kind, or no finite number; says file and key.
    """
    at(content, "patients", int, where=where)
    for key in ("status", "metric", "reference"):
        at(content, f"verdict.{key}", str, where=where)
    at(content, "verdict.against", list, where=where)
    for arm, values in at(content, "arms", dict, where=where).items():
        for metric, part in _of(values, f"arms.{arm}", dict, where=where).items():
            _figures(part, f"arms.{arm}.{metric}", "value", where=where)
    judged, metric = content["verdict"]["reference"], content["verdict"]["metric"]
    # Not by `at`: a name may hold a dot.
    if judged not in content["arms"] or metric not in content["arms"][judged]:
        raise RunFolderError(
            f"{where}: arms.{judged}.{metric} is missing, of which the verdict is; the file was altered."
        )
    for place, row in enumerate(at(content, "comparisons", list, where=where)):
        name = f"comparisons.{place}"
        for key in ("arm", "metric"):
            _of(_of(row, name, dict, where=where).get(key), f"{name}.{key}", str, where=where)
        _figures(row, name, "gain", where=where)
    return content


def _figures(part: Any, key: str, value: str, *, where: Path) -> None:
    """A figure and the ends of its interval, which some have none of."""
    known = _of(part, key, dict, where=where)
    if value not in known:
        raise RunFolderError(f"{where}: {key}.{value} is missing; the file is not as a run writes it.")
    for name in (value, "low", "high"):
        one = known.get(name)
        number = isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)
        if one is not None and not number:
            raise RunFolderError(f"{where}: {key}.{name} is {str(one)[:40]!r} where a run writes {_NUMBER}.")


def _of(value: Any, key: str, kind: type, *, where: Path) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise RunFolderError(f"{where}: {key} is {type(value).__name__} where a run writes {_KINDS[kind]}.")
    return value
