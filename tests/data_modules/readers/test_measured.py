"""Numbers with something beside them, by hand."""

from __future__ import annotations

import pytest

from data_modules.readers.measured import measured, perhaps_thousands


@pytest.mark.parametrize(
    ("cell", "decimal", "declared", "told"),
    [
        ("45%", ".", False, (45, "%", "")), ("4.5 ng/mL", ".", False, (4.5, "ng/mL", "")),
        ("3,5 µg/l", ",", False, (3.5, "µg/l", "")), ("10 x10^9/L", ".", False, (10, "x10^9/L", "")),
        ("<0.5", ".", False, (0.5, "", "<")), ("≥ 100 U/L", ".", False, (100, "U/L", ">")),
        (">= 7", ".", False, (7, "", ">")), ("<=1e-3", ".", False, (0.001, "", "<")),
        ("1 322", ".", False, (1322, "", "")), ("1'322'000.5", ".", False, (1322000.5, "", "")),
        ("1 322", ".", False, (1322, "", "")), ("1,234,567", ".", False, (1234567, "", "")),
        ("1,234.5", ".", False, (1234.5, "", "")), ("1.234,5", ".", False, None),
        ("1.234,5", ",", False, (1234.5, "", "")), ("1.234,56", ".", True, None),
        ("1,234", ".", False, None), ("1,234", ".", True, (1234, "", "")), ("-1,234", ".", True, (-1234, "", "")),
        ("1.322", ",", False, None), ("1.322", ",", True, (1322, "", "")), ("16.24", ",", True, None),
        ("12,34", ".", True, None), ("1 32", ".", False, None), ("1,2345", ".", True, None),
        ("2020-01-02", ".", False, None), ("12/5", ".", False, None), ("3+", ".", False, None),
        ("T1", ".", False, None),
        ("5 (3-7)", ".", False, None), ("x", ".", False, None), ("<", ".", False, None), ("1-2", ".", False, None),
        ("-5 mm", ".", False, (-5, "mm", "")), ("1e999", ".", False, None),
    ],
)  # fmt: skip
def test_a_cell(cell: str, decimal: str, declared: bool, told: tuple[float, str, str] | None) -> None:
    found = measured(cell, decimal=decimal, declared=declared)
    assert (None if found is None else (found.number, found.unit, found.limit)) == told


def test_what_a_limit_counts_as() -> None:
    low, high, plain = (measured(cell, decimal=".", declared=False) for cell in ("<0.5", ">100", "3 mm"))
    assert low is not None and high is not None and plain is not None
    assert [one.value("value") for one in (low, high, plain)] == [0.5, 100, 3]
    assert [one.value("half") for one in (low, high, plain)] == [0.25, 100, 3]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["1.322", "250", "1.050", "310", "2.000", "999"], ["1.322", "1.050", "2.000"]),
        (["1.322", "250", "1.050", "310", "2.000", "1"], []),  # a whole number among them as decimals
        (["1.322", "250", "1.05", "310", "2.000", "400"], []), (["1.322", "250", "1.050", "310"], []),
        (["1.322", "250", "1.050", "310", "2.000", "1000"], []),  # thousands without a point
        (["0.322", "250", "0.050", "310", "0.100", "400"], []), (["1.322", "1.050", "2.000"], []),
    ],
)  # fmt: skip
def test_points_that_may_stand_between_thousands(cells: list[str], found: list[str]) -> None:
    assert perhaps_thousands(cells) == found
