"""Doses of one agent in one unit: masses are converted, all else must be written alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MASS = {"g": 1000.0, "mg": 1.0, "µg": 0.001, "μg": 0.001, "ug": 0.001, "mcg": 0.001}
"""In milligrams; the micro sign and the Greek letter are two characters."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit of doses.

    Attributes:
        name: in which doses are compared, e.g. ``mg/m2`` for ``g/m²``.
        factor: what a dose is multiplied by for that.
    """

    name: str
    factor: float


def unit_of(text: str) -> Unit:
    """A unit as written: ``mg/m²``, ``g / m^2``, ``AUC``; masses become milligrams, what they are over stays."""
    mass, *over = text.strip().lower().replace("²", "2").replace("^", "").replace(" ", "").split("/")
    factor = _MASS.get(mass, 1.0)
    return Unit(name="/".join([("mg" if mass in _MASS else mass), *over]), factor=factor)


def comparable(units: Sequence[str]) -> bool:
    """Whether doses in these units are of one kind."""
    return len({unit_of(one).name for one in units}) < 2
