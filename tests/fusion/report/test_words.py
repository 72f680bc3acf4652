"""Numbers as attribution reports say them: signs, figures, units."""

from __future__ import annotations

import pytest

from fusion.report.words import amount, delta, shown, signed, sized


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "—"), (0.0, "+0.00"), (0.125, "+0.12"), (-1.5, "−1.50"), (0.005, "+0.01"), (-0.005, "−0.01"),
        (0.00004, "+4e−05"), (-0.00004, "−4e−05"), (0.0004, "+0.0004"), (-0.0012, "−0.001"),
    ],
)  # fmt: skip
def test_a_contribution_has_its_sign_and_is_never_a_zero_that_it_is_not(value: float | None, said: str) -> None:
    assert signed(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "—"), (0.0, "0.000"), (0.0004, "0.0004"), (-0.0004, "−0.0004"), (0.12345, "0.123")]
)
def test_a_size_has_no_plus_and_is_never_a_zero_that_it_is_not(value: float | None, said: str) -> None:
    assert sized(value) == said


@pytest.mark.parametrize(("value", "digits", "said"), [(0.0, 1, "0"), (2.34e-8, 1, "2.3e−08"), (2.34e-8, 0, "2e−08")])
def test_what_is_missed_is_a_power_of_ten_or_nothing(value: float, digits: int, said: str) -> None:
    assert delta(value, digits) == said


@pytest.mark.parametrize(("value", "said"), [(-3.0, "−3"), (99.96, "100"), (123.4, "123"), (-0.01234, "−0.0123")])
def test_an_amount_has_three_figures(value: float, said: str) -> None:
    assert amount(value) == said


@pytest.mark.parametrize(
    ("feature", "value", "unit", "level", "usual", "said"),
    [
        ("age", float("nan"), "years", None, False, "unknown"),
        ("stage", 2.0, None, "III", False, "III"),
        ("her2=positive", 1.0, None, None, False, "yes"),
        ("her2=positive", 0.5, None, None, False, "no"),
        ("her2=positive", 0.254, None, None, True, "25 %"),
        ("age:missing", 0.0, None, None, False, "no"),
        ("purity", 0.254, "share", None, False, "25 %"),
        ("burden:TP53", 1.0, "variants", None, False, "1 variant"),
        ("burden:TP53", 2.0, "variants", None, False, "2 variants"),
        ("size", 1.0, "mm", None, False, "1 mm"),
        ("count", 4.0, None, None, False, "4"),
    ],
)
def test_a_value_is_said_in_its_own_unit(
    feature: str, value: float, unit: str | None, level: str | None, usual: bool, said: str
) -> None:
    assert shown(feature, value, unit, level, usual=usual) == said
