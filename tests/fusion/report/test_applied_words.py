"""What is said in words of scores of new patients."""

from __future__ import annotations

import pytest

from fusion.report.elsewhere.kinds import calibration_verdict

NOTHING = "no miscalibration can be told from these patients"


@pytest.mark.parametrize(
    ("intercept", "slope", "said"),
    [
        ((-0.1, 0.1), (0.8, 1.2), NOTHING),
        ((0.1, 0.3), (0.8, 1.2), "probabilities are too low on average"),
        ((-0.3, -0.1), (0.8, 1.2), "probabilities are too high on average"),
        ((-0.1, 0.1), (0.2, 0.9), "they are too extreme"),
        ((-0.1, 0.1), (1.1, 1.9), "they are too timid"),
        ((0.1, 0.3), (0.2, 0.9), "probabilities are too low on average and they are too extreme"),
        ((0.0, 0.3), (0.2, 1.0), NOTHING),
        ((None, None), (None, None), NOTHING),
    ],
)
def test_calibration_in_words_is_what_whole_intervals_say(
    intercept: tuple[float | None, ...], slope: tuple[float | None, ...], said: str
) -> None:
    """An intercept above 0: outcomes are more frequent than told; a slope below 1: scores lie too far apart."""
    values = {
        f"calibration_{name}": {"low": low, "high": high}
        for name, (low, high) in (("intercept", intercept), ("slope", slope))
    }
    assert calibration_verdict(values) == said
