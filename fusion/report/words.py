"""How attribution reports say numbers: original units, signs, shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def text(value: Any) -> str:
    """Text, empty where missing."""
    return "" if value is None or pd.isna(value) else str(value)


def shown(feature: str, value: float, unit: Any, level: Any, *, usual: bool = False) -> str:
    """A value in original units as a reader says it: a level's name, yes or no, a share, or a number with its unit."""
    if value is None or np.isnan(value):
        return "unknown"
    if text(level):
        return text(level)
    if "=" in feature or feature.endswith(":missing"):
        return f"{round(100 * value)} %" if usual else "yes" if value > 0.5 else "no"
    name = text(unit)
    if name == "share":
        return f"{round(100 * value)} %"
    if value == 1 and name in ("variants", "alleles", "cycles"):
        name = name.removesuffix("s")
    return f"{amount(value)} {name}".strip()


def amount(value: float) -> str:
    """A number with three figures, a true minus sign."""
    said = f"{value:.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"
    return said.replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """With sign, for contributions."""
    if value is None:
        return "—"
    said = f"{value:+.{digits}f}"
    return (f"{value:+.1g}" if value != 0 and float(said) == 0 else said).replace("-", "−")


def sized(value: float | None, digits: int = 3) -> str:
    """Fixed digits without a plus sign; a number that is not 0 does not look like 0."""
    return signed(value, digits).removeprefix("+")


def delta(value: float, digits: int = 0) -> str:
    """What is missed, a power of ten with `digits` behind the point; 0 as it is."""
    return f"{value:.{digits}e}".replace("-", "−") if value else "0"


def percent(value: float) -> str:
    """A share as whole percent."""
    return f"{100 * value:.0f} %"
