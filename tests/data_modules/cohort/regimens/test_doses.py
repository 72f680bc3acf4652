"""Units of doses: what is one unit written in two ways, what converts, and what does not."""

from __future__ import annotations

import pytest

from data_modules.cohort.regimens.doses import comparable, unit_of


@pytest.mark.parametrize(
    ("text", "name", "factor"),
    [("mg/m²", "mg/m2", 1), ("g / m^2", "mg/m2", 1000), ("mcg/kg", "mg/kg", 0.001), ("µg", "mg", 0.001),
     ("AUC", "auc", 1)],
)  # fmt: skip
def test_masses_become_milligrams_and_what_they_are_over_stays(text: str, name: str, factor: float) -> None:
    found = unit_of(text)
    assert (found.name, found.factor) == (name, factor)


def test_doses_compare_within_one_kind_of_unit() -> None:
    assert comparable(["g/m2", "mg/m²"])
    assert comparable([])
    assert not comparable(["mg/m2", "mg/kg"])
    assert not comparable(["mg", "AUC"])
