"""What may not be what it looks like: codes for *missing*, one word or one patient's id in several spellings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_CODE = re.compile("-(8+|9+)|77+|88+|99+|-?9+8")
"""What statistics programs and registries write where nothing is known: -9, -99, 999, 9999, -88, 998."""


_SAMPLE = re.compile(
    r"(?P<tcga>TCGA-\w{2}-\w{4})-\d{2}.*"
    r"|(?P<patient>.*\w)[-_. ](?:tumou?r|normal|primary|metastas[ei]s|relapse|recurrence|pre|post|baseline|germline)",
    re.IGNORECASE,
)
"""Ids that name a sample behind the patient: a barcode of TCGA, or a word for where or when it was taken."""


def samples_of_one(ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Patient → ids that name several samples of them: ``TCGA-A1-A0SB-01`` and ``-11``, ``P7_pre`` and ``P7_post``."""
    groups: dict[str, list[str]] = {}
    for one in sorted(ids):
        found = _SAMPLE.fullmatch(one)
        if found is not None:
            groups.setdefault(found["tcga"] or found["patient"], []).append(one)
    return {patient: tuple(group) for patient, group in groups.items() if len(group) > 1}


def spelt_alike(values: pd.Series[str]) -> pd.Series[str]:
    """Of each word that stands in several spellings (letter case, inner spaces), the first cell of each spelling."""
    once = values[~values.duplicated()]
    bare = once.map(lambda value: " ".join(value.casefold().split()))
    return once[bare.duplicated(keep=False)].sort_values(key=lambda column: column.str.casefold(), kind="stable")


def bare_id(name: str) -> str:
    """An id less what people and spreadsheets change in it: letter case, separators, leading zeros, ``.0`` at its end.

    ``MEL-007``, ``mel_7`` and ``MEL 007`` have the same; so have ``7``, ``007`` and ``7.0``. ``1-11`` and
    ``11-1`` have not.
    """
    parts = re.findall(r"[^\W\d_]+|\d+", re.sub(r"^(\d+)\.0+$", r"\1", name.strip().casefold()))
    return "-".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def ids_alike(ids: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of different ids that are one by `bare_id`, each sorted; ids without any letter or digit are in none."""
    groups: dict[str, set[str]] = {}
    for one in ids:
        groups.setdefault(bare_id(one), set()).add(one)
    return sorted(tuple(sorted(group)) for bare, group in groups.items() if bare and len(group) > 1)


def code_notes(name: str, values: pd.Series[Any], where: str) -> list[str]:
    """That numbers far from all others look as if they said that nothing is known.

    Args:
        name: of the column.
        values: its numbers, NaN where missing.
        where: its config key.
    """
    codes = list(_codes(values.dropna()))
    if not codes:
        return []
    shown = ", ".join(f"{code:g} ({count} times)" for code, count in codes)
    return [
        f"column {name!r} has {shown}, far from all its other values: where that says that nothing is known, set "
        f"{where}.missing: [{', '.join(f'{code:g}' for code, _ in codes)}]"
    ]


def _codes(values: pd.Series[Any]) -> Iterator[tuple[float, int]]:
    """Numbers that may be codes, and how often each stands there."""
    candidates = {value for value in values.unique() if float(value).is_integer() and _CODE.fullmatch(f"{value:.0f}")}
    others = values[~values.isin(candidates)]
    if others.empty:
        return
    low, high = float(others.min()), float(others.max())
    width = max(high - low, abs(high) / 2)
    for code in sorted(candidates):
        impossible = code < 0 <= low  # a negative number where no other is
        if impossible or code < low - width or code > high + width:
            yield float(code), int((values == code).sum())
