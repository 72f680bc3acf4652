"""The part of metrics.json by hand on six patients, and on simulated ones with a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.evaluation.policy.contrasts import contrast
from fusion.evaluation.policy.evaluate import Scored, by_repeat, policy

# patient: what was given, responded, score under A and under B; A did best in the stratum, shares 0.4 and 0.6.
PATIENTS = {
    "P1": ("A", 1, 0.7, 0.5),
    "P2": ("A", 0, 0.3, 0.6),
    "P3": ("B", 1, 0.2, 0.8),
    "P4": ("B", 0, 0.6, 0.4),
    "P5": ("B", 0, 0.5, 0.5),
    "P6": ("A", 1, 0.1, 0.2),
}
LEFT = {"patient_id": "P7", "arm": "", "repeat": 0, "fold": 0, "why": "its regimen is not known"}


def rows(repeat: int = 0) -> list[dict[str, Any]]:
    return [
        {"patient_id": name, "arm": "fusion", "repeat": repeat, "fold": 0, "stratum": "all", "given": given,
         "regimen": regimen, "score": score, "propensity": share, "best": regimen == "A", "label": label, "why": ""}
        for name, (given, label, a, b) in PATIENTS.items()
        for regimen, score, share in (("A", a, 0.4), ("B", b, 0.6))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    table = pd.DataFrame([*rows(), LEFT])
    return policy(table, pd.DataFrame({"patient_id": list(PATIENTS)}), by=[], least=10, draws=50)


def test_the_preferred_regimen_has_the_higher_score_and_equal_ones_are_the_strata_best() -> None:
    one = by_repeat(pd.DataFrame(rows()), list(PATIENTS))[0]
    assert [one.names[place] for place in one.preferred] == ["A", "B", "B", "A", "A", "B"]


def test_of_equal_scores_the_best_of_the_stratum_is_preferred_also_where_it_is_not_the_first() -> None:
    one = by_repeat(pd.DataFrame([row | {"best": row["regimen"] == "B"} for row in rows()]), list(PATIENTS))[0]
    assert one.names[one.preferred[4]] == "B"


def test_a_contrast_looks_at_its_two_regimens_alone() -> None:
    one = Scored(
        names=("A", "B", "C"),
        scores=np.array([[0.2, 0.6, 0.5], [0.3, 0.4, 0.1], [0.3, 0.4, 0.1]]),
        propensity=np.array([[0.5, 0.25, 0.25]] * 3),
        given=np.array([1, 0, 2]),
        best=np.zeros(3, dtype=np.intp),
        response=np.array([1.0, 0.0, 1.0]),
        places=np.arange(3),
    )
    # B's share of A and B is a third; who was given C is no part of it.
    found, places = contrast(one, "B", ("A",))
    assert places.tolist() == [0, 1]
    assert found.difference == pytest.approx([0.4 + 0.4 * 3, 0.1 + 0.3 / (2 / 3)])
    assert found.predicted == pytest.approx([0.4, 0.1])


def test_values_by_hand(found: dict[str, Any]) -> None:
    # Preferred A B B A A B; given that: P1 (1/0.4) and P3 (1/0.6), both responded.
    arm = found["arms"]["fusion"]
    assert arm["weighted"]["value"] == pytest.approx(1.0)
    terms = [0.7 + 0.3 / 0.4, 0.6, 0.8 + 0.2 / 0.6, 0.6, 0.5, 0.2]
    assert arm["robust"]["value"] == pytest.approx(np.mean(terms))
    assert arm["effective"] == pytest.approx((2.5 + 5 / 3) ** 2 / (2.5**2 + (5 / 3) ** 2))
    assert arm["followed"] == 2
    assert arm["agrees"] == pytest.approx(3 / 6)
    assert arm["prefers"] == pytest.approx({"A": 0.5, "B": 0.5})


def test_what_was_given_and_the_best_of_the_stratum_by_hand(found: dict[str, Any]) -> None:
    assert found["given"]["value"] == pytest.approx(3 / 6)
    # A for everybody: given to P1, P2, P6.
    best = [0.7 + 0.3 / 0.4, 0.3 - 0.3 / 0.4, 0.2, 0.6, 0.5, 0.1 + 0.9 / 0.4]
    assert found["best"]["robust"]["value"] == pytest.approx(np.mean(best))
    assert found["best"]["weighted"]["value"] == pytest.approx(2 / 3)
    arm = found["arms"]["fusion"]
    assert arm["against_given"]["weighted"]["value"] == pytest.approx(0.5)
    assert arm["against_best"]["weighted"]["value"] == pytest.approx(1 / 3)
    gain = arm["against_best"]["robust"]
    assert gain["value"] == pytest.approx(arm["robust"]["value"] - np.mean(best))
    assert gain["low"] < gain["value"] < gain["high"]


def test_who_is_left_out_is_counted_and_the_limits_are_said(found: dict[str, Any]) -> None:
    assert found["left_out"] == [{"why": "its regimen is not known", "patients": 1}]
    assert found["patients"] == 6
    assert found["promise"] == "association in these patients, not a promise"
    assert found["drift"] == "time drift of adaptive randomisation not adjusted for"
    stratum = found["strata"][0]
    assert stratum["regimens"][1] == {"regimen": "B", "patients": 3, "responders": 1}
    nobody = policy(pd.DataFrame([LEFT]), pd.DataFrame(), by=[], least=10)
    assert nobody["patients"] == 0
    assert "arms" not in nobody


def test_repeats_are_averaged_after_scoring() -> None:
    second = [row | {"score": 1 - row["score"]} for row in rows(repeat=1)]
    table = pd.DataFrame([*rows(), *second])
    found = policy(table, pd.DataFrame({"patient_id": list(PATIENTS)}), by=[], least=10, draws=20)
    # In the second: B A A B A A, given to P2 (0), P4 (0), P6 (1) alone; P5's scores are equal: A.
    low = (0 / 0.4 + 1 / 0.4) / (1 / 0.4 + 1 / 0.4 + 1 / 0.6)
    first = [0.7 + 0.3 / 0.4, 0.6, 0.8 + 0.2 / 0.6, 0.6, 0.5, 0.2]
    other = [0.5, 0.7 - 0.7 / 0.4, 0.8, 0.6 - 0.6 / 0.6, 0.5, 0.9 + 0.1 / 0.4]
    arm = found["arms"]["fusion"]
    assert arm["robust"]["value"] == pytest.approx((np.mean(first) + np.mean(other)) / 2)
    assert arm["weighted"]["value"] == pytest.approx((1 + low) / 2)


def simulated(benefit: float) -> pd.DataFrame:
    """400 patients, two strata dealt 1:3 and 1:1; the model knows the truth."""
    rng = np.random.default_rng(5)
    x, stratum = rng.normal(size=400), rng.integers(0, 2, 400)
    share = np.where(stratum == 0, 0.75, 0.5)
    given = rng.random(400) < share
    under = np.stack([np.full(400, 0.4), np.clip(0.4 + benefit * np.sign(x) + 0.01 * x, 0.05, 0.95)], axis=1)
    label = (rng.random(400) < under[np.arange(400), given.astype(int)]).astype(int)
    return pd.DataFrame(
        [
            {"patient_id": f"P{one:03}", "arm": "fusion", "repeat": 0, "fold": 0, "stratum": str(stratum[one]),
             "given": ("A", "B")[int(given[one])], "regimen": regimen, "score": under[one, at],
             "propensity": (1 - share[one], share[one])[at], "best": at == 0, "label": label[one], "why": ""}
            for one in range(400)
            for at, regimen in enumerate(("A", "B"))
        ]
    )  # fmt: skip


def test_a_strong_benefit_is_found_and_borne_out() -> None:
    table = simulated(0.35)
    found = policy(table, table[["patient_id"]].drop_duplicates(), by=["s"], least=10, control=["A"], draws=200)
    arm = found["arms"]["fusion"]
    for way in ("robust", "weighted"):  # the truth: half the patients gain 0.35
        assert arm["against_best"][way]["low"] > 0
        assert arm["against_best"][way]["low"] < 0.175 < arm["against_best"][way]["high"]
    contrast = found["contrasts"][0]
    assert (contrast["regimen"], contrast["against"]) == ("B", ["A"])
    assert sum(contrast["patients"]) == 400
    concordance = contrast["arms"]["fusion"]["c_for_benefit"]
    assert 0.6 < concordance["low"] < concordance["value"] < concordance["high"]
    groups = contrast["arms"]["fusion"]["quantiles"]
    assert all(one["observed"]["low"] < one["predicted"] < one["observed"]["high"] for one in groups)
    assert groups[0]["observed"]["high"] < 0 < groups[3]["observed"]["low"]
