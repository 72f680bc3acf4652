"""Candidates, shares and the best arm of a stratum, counted by hand."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from fusion.evaluation.policy.support import Support, fit_support

ROWS = [
    # stratum, regimen, patients, responders
    ("HER2=0", "A", 4, 1),
    ("HER2=0", "B", 6, 3),
    ("HER2=0", "C", 2, 2),
    ("HER2=1", "A", 5, 2),
    ("HER2=1", "C", 3, 3),
]


@pytest.fixture
def support() -> Support:
    made = [
        {"stratum": stratum, "regimen": regimen, "label": int(one < responders)}
        for stratum, regimen, patients, responders in ROWS
        for one in range(patients)
    ]
    frame = pd.DataFrame([*made, {"stratum": None, "regimen": "A", "label": 1}, made[0], made[-1]])
    frame.index = pd.Index([f"P{one:02}" for one in range(len(frame))])
    train = list(frame.index[:-2])  # the last two are test patients
    return fit_support(frame["regimen"], frame["stratum"], frame["label"], train, least=4)


def test_counts_are_of_training_patients_whose_stratum_is_known(support: Support) -> None:
    assert support.patients == {"HER2=0": {"A": 4, "B": 6, "C": 2}, "HER2=1": {"A": 5, "C": 3}}
    assert support.responders == {"HER2=0": {"A": 1, "B": 3, "C": 2}, "HER2=1": {"A": 2, "C": 3}}


def test_candidates_have_enough_patients_and_are_two_at_least(support: Support) -> None:
    assert support.candidates("HER2=0") == ("A", "B")
    assert support.candidates("HER2=1") == ()
    assert support.candidates("HER2=9") == ()


def test_shares_are_among_candidates(support: Support) -> None:
    assert support.propensity("HER2=0", "A") == pytest.approx(0.4)
    assert support.propensity("HER2=0", "B") == pytest.approx(0.6)


def test_the_best_of_a_stratum_is_a_candidate(support: Support) -> None:
    assert support.best("HER2=0") == "B"  # 3 of 6 before 1 of 4; 2 of 2 are too few
    equal = Support(
        patients={"s": {"A": 10, "B": 20, "C": 20}},
        responders={"s": {"A": 5, "B": 10, "C": 10}},
        least=10,
    )
    assert equal.best("s") == "B"  # equal shares: more patients, then the first name


def test_it_is_kept_as_json(support: Support) -> None:
    again = Support.restore(json.loads(json.dumps(support.record())))
    assert again == support
