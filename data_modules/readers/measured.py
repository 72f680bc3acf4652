"""Numbers as laboratories and spreadsheets write them: with a unit, beyond an assay's limit, in groups of thousands."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from data_modules.readers.numbers import to_number

Limits = Literal["value", "half"]
"""What a cell beyond an assay's limit counts as: the limit itself, or half of a lower one."""

_CELL = re.compile(
    r"(?P<limit>[<>≤≥]=?)?\s*(?P<body>[+\-−]?[\d.,'’  ]*\d[.,]?(?:[eE][+-]?\d+)?)\s*(?P<unit>[%‰°µμA-Za-z].*)?"
)
_SPACES = re.compile(r"([+-]?\d{1,3}(?:[ '’  ]\d{3})+)([.,]\d+)?")
_FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A cell that is a number and something besides.

    Attributes:
        number: without what stands beside it.
        unit: that follows it, or nothing.
        limit: ``<`` or ``>`` where it lies beyond that number, or nothing.
    """

    number: float
    unit: str = ""
    limit: str = ""

    def value(self, limits: Limits) -> float:
        """What it counts as."""
        return self.number / 2 if limits == "half" and self.limit == "<" else self.number


def measured(cell: str, *, decimal: str, declared: bool) -> Measured | None:
    """A cell as a number and what stands beside it; None where it is neither.

    Args:
        cell: stripped.
        decimal: the decimal sign of its column.
        declared: whether a person said so, by which ``1,234`` is of thousands where the sign is the point.
    """
    found = _CELL.fullmatch(cell)
    if found is None:
        return None
    number = to_number(_ungrouped(found["body"].strip(), decimal, declared=declared), decimal)
    if math.isnan(number):
        return None
    limit = {"<": "<", "≤": "<", ">": ">", "≥": ">"}[found["limit"][0]] if found["limit"] else ""
    return Measured(number=number, unit=(found["unit"] or "").strip(), limit=limit)


def units_of(cells: Iterable[Measured]) -> Counter[str]:
    """How many cells have which unit; the empty one for none."""
    return Counter(cell.unit for cell in cells)


def perhaps_thousands(cells: Iterable[str]) -> list[str]:
    """Cells such as ``1.322`` whose point may stand between thousands; none where it must be the decimal sign.

    They are so where every point has three digits after it, and every other number is whole and larger than all of
    them would be as decimals: ``1.322`` beside ``250``.
    """
    pointed, whole = [], []
    for cell in cells:
        if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", cell):
            pointed.append(cell)
        elif re.fullmatch(r"\d+", cell):
            whole.append(int(cell))
        else:
            return []
    if len(pointed) < _FEWEST or len(whole) < _FEWEST or min(whole) <= max(map(float, pointed)) or max(whole) > 999:
        return []
    return pointed


def _ungrouped(body: str, decimal: str, *, declared: bool) -> str:
    """Without what stands between thousands, where that is certain; a decimal sign as `decimal` has it."""
    spaced = _SPACES.fullmatch(body)
    if spaced is not None:
        return re.sub(r"[ '’  ]", "", spaced[1]) + (spaced[2] or "")
    between = "." if decimal == "," else ","
    groups = re.fullmatch(rf"([+-]?\d{{1,3}}(?:{re.escape(between)}\d{{3}})+)(?:{re.escape(decimal)}(\d+))?", body)
    if groups is None or not (declared or groups[2] is not None or groups[1].count(between) > 1):
        return body
    return groups[1].replace(between, "") + ("" if groups[2] is None else decimal + groups[2])
