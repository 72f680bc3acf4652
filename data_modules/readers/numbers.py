"""Cells as numbers: the decimal sign, and the words that people write where nothing is known."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_WORDS = frozenset({
    "na", "n/a", "n.a.", "n.a", "#n/a", "#na", "<na>", "nan", "none", "null", "nil", "nul", "?", ".", "-", "--", "'--",
    "#value!", "#null!", "#ref!", "#div/0!", "unknown", "missing", "not_available", "not_reported", "not_applicable",
    "not_known", "unk",
})  # fmt: skip
"""Words in lower case, ``_`` for spaces, that mean in a column of numbers that nothing is known."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_POINTED = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")


def is_unknown(value: str) -> bool:
    """Whether a cell says in words that nothing is known."""
    return not value.strip() or value.strip().lower().replace(" ", "_") in UNKNOWN_WORDS


def decimal_of(columns: Iterable[Sequence[str]]) -> str | None:
    """The decimal sign of columns of numbers: ``,`` or ``.``; None where cells such as ``1,234`` leave it open.

    A comma is the decimal sign where some cell cannot be of thousands (``3,5``) and no cell has a point.
    """
    comma = other = point = False
    for values in columns:
        for value in values:
            if _POINTED.fullmatch(value):
                comma = other = True
            elif "," in value and _COMMA.fullmatch(value):
                comma = True
                other = other or _THOUSANDS.fullmatch(value) is None
            elif "." in value and value.strip(".") and value[:1].isdigit():
                point = True
    if not comma:
        return "."
    return "," if other and not point else None


def to_numbers(values: pd.Series[Any], decimal: str) -> pd.Series[float]:
    """float64, NaN where a cell is no finite number."""
    return values.map(lambda value: to_number(value, decimal)).astype("float64")


def to_number(value: object, decimal: str) -> float:
    """A cell as a finite number, NaN where it is none."""
    text = str(value).replace("\u2212", "-")  # the minus sign of typesetters
    if decimal == ",":
        text = "" if "." in text else text.replace(",", ".")
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else math.nan
