"""Cumulative incidence: against lifelines, by hand with ties, and what it is of nobody."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fusion.evaluation.survival.competing import aalen_johansen, competing_record
from fusion.evaluation.survival.curves import kaplan_meier


def drawn(number: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.exponential(10, size=number), rng.choice([0, 1, 2], p=[0.3, 0.4, 0.3], size=number)


@pytest.mark.parametrize("cause", [1, 2])
def test_values_and_intervals_are_those_of_lifelines(cause: int) -> None:
    from lifelines import AalenJohansenFitter

    times, causes = drawn()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = AalenJohansenFitter(seed=0).fit(times, causes, event_of_interest=cause)
    found = aalen_johansen(times, causes, cause)
    np.testing.assert_allclose(found.value, theirs.cumulative_density_.to_numpy()[1:, 0], atol=1e-6)
    low, high = theirs.confidence_interval_.to_numpy()[1:].T
    inside = (found.value > 0) & (found.times < found.times[-1])
    np.testing.assert_allclose(found.low[inside], low[inside], atol=1e-6)
    np.testing.assert_allclose(found.high[inside], high[inside], atol=1e-6)


def test_ties_by_hand() -> None:
    """At 1: one event of four. At 2: an event and another of three. At 3 the last is censored."""
    times, causes = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1, 1, 2, 0])
    found = aalen_johansen(times, causes, 1)
    assert found.value.tolist() == pytest.approx([0.25, 0.25 + 0.75 / 3, 0.5])
    assert aalen_johansen(times, causes, 2).value.tolist() == pytest.approx([0, 0.25, 0.25])
    assert found.at(0.5) == (0.0, 0.0, 0.0)
    assert found.at(2.5)[0] == pytest.approx(0.5)
    assert np.isnan(found.at(3.5)).all()


def test_without_a_competitor_it_is_one_minus_kaplan_meier() -> None:
    times, causes = drawn()
    causes = np.minimum(causes, 1)
    alone = kaplan_meier(times, causes.astype(np.float64))
    np.testing.assert_allclose(aalen_johansen(times, causes, 1).value, 1 - alone.survival, atol=1e-12)
    assert not aalen_johansen(times, np.zeros(len(times), dtype=np.int64), 1).value.any()


def test_a_record_holds_every_cause_thirds_of_risk_and_the_horizons() -> None:
    times, causes = drawn()
    risks = -times  # who goes early is told to
    found = competing_record(times, causes, risks, np.arange(80) % 4, names=["relapse", "death"], horizons=[5.0, 99.0])
    assert [(one["name"], one["patients"]) for one in found["causes"]] == [
        ("relapse", int((causes == 1).sum())), ("death", int((causes == 2).sum())),
    ]  # fmt: skip
    early, late = found["horizons"]
    assert early["incidence"]["low"] < early["incidence"]["value"] < early["alone"]
    assert late["incidence"] == {"value": None, "low": None, "high": None}
    ends = [one["curve"]["value"][1] for one in found["groups"]]
    first = [next(x for x in one["curve"]["x"][1:]) for one in found["groups"]]
    assert first[0] > first[2], "the highest third of risk has its first event first"
    assert len(ends) == 3
    assert found["causes"][0]["curve"]["x"][0] == found["causes"][0]["curve"]["value"][0] == 0.0
