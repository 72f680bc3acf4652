"""Operating points and decision curves of grades and of times, by hand and against lifelines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from fusion.contract import EndpointSpec
from fusion.evaluation.decision_curve import net_benefit
from fusion.evaluation.intervals import resample
from fusion.evaluation.operating.curves import decision_curves
from fusion.evaluation.operating.cuts import cut_by_net_benefit, cut_by_sensitivity, cut_by_specificity
from fusion.evaluation.operating.points import operating
from fusion.evaluation.operating.questions import By, questions_of
from fusion.evaluation.outcome import outcome_of

GRADE = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II"))
DEATH = EndpointSpec(name="death", kind="survival", classes=("no", "yes"), horizons=(2.0,), unit="years")
TISSUE = EndpointSpec(name="tissue", kind="multiclass", classes=("a", "b", "c"))
# By 2 years Kaplan–Meier's risk is 1 − 5/6 · 3/4 = 9/24: the first event weighs 1/6, the second (four at risk, 5/6 free
# until then) 5/24, and so does each of the three who are followed longer; who is censored at 1.5 weighs nothing.
TIMES = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 4.0])
EVENTS = np.array([1, 0, 1, 1, 0, 1])
RISKS = np.array([0.8, 0.9, 0.3, 0.5, 0.2, 0.1])
WEIGHTS = np.array([4, 0, 5, 5, 5, 5]) / 24


def followed(ids: str = "P", *, fold: int = 0, arm: str = "fusion", repeat: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {"patient_id": [f"{ids}{one}" for one in range(6)], "arm": arm, "repeat": repeat, "fold": fold,
         "label": EVENTS, "time": TIMES, "score": 0.0, "survival@2": 1 - RISKS}
    )  # fmt: skip


def two_folds() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Twelve patients, six a fold; of each fold the others are its inner rows."""
    outer = pd.concat([followed("P"), followed("Q", fold=1)], ignore_index=True)
    return outer, outer.assign(fold=1 - outer["fold"])


def graded(seed: int = 2, patients: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet(np.ones(3), patients)
    columns = {f"score_{name}": chance[:, place] for place, name in enumerate(GRADE.classes)}
    facts = {"patient_id": [f"P{one:02}" for one in range(patients)], "arm": "fusion", "repeat": 0}
    return pd.DataFrame({**facts, "fold": np.arange(patients) % 2, "label": rng.integers(0, 3, patients), **columns})


def test_patients_of_times_weigh_what_the_curve_falls_by() -> None:
    (question,) = questions_of(outcome_of(DEATH))
    assert question.at == "2"
    assert question.answers(followed()).tolist() == [1, 0, 1, 0, 0, 0]
    assert question.chances(followed()) == pytest.approx(RISKS)
    assert question.weights(followed(), np.ones((1, 6)))[0] == pytest.approx(WEIGHTS)


def test_weights_are_those_of_the_censoring_curve_that_lifelines_gives() -> None:
    rng = np.random.default_rng(5)
    times, events = np.round(rng.exponential(2, 200), 3) + 0.001, rng.integers(0, 2, 200)
    rows = pd.DataFrame({"time": times, "label": events})
    found = By(1.0).weights(rows, np.ones((1, 200)))[0]
    curve = KaplanMeierFitter().fit(times, 1 - events)
    had, free = (times <= 1) & (events == 1), times > 1
    expected = np.zeros(200)
    expected[had] = 1 / curve.survival_function_at_times(times[had] - 1e-9).to_numpy() / 200
    expected[free] = 1 / float(curve.predict(1.0)) / 200
    assert found == pytest.approx(expected, abs=1e-9)
    whole = KaplanMeierFitter().fit(times, events)
    assert found[had].sum() == pytest.approx(1 - float(whole.predict(1.0)), abs=1e-9)


def test_weights_move_cut_offs() -> None:
    """Half of 9/24 needs the event of 5/24 at 0.3; without weights one of two events, at 0.8, were enough."""
    answers = np.array([1.0, 0, 1, 0, 0, 0])
    assert cut_by_sensitivity(answers, RISKS, 0.5, WEIGHTS) == pytest.approx(0.25)
    assert cut_by_sensitivity(answers, RISKS, 0.5) == pytest.approx(0.65)
    # Two thirds of 15/24 are spared below 0.3; of four negatives, the censored one among them, three are below 0.8.
    assert cut_by_specificity(answers, RISKS, 0.6, WEIGHTS) == pytest.approx(0.25)
    assert cut_by_specificity(answers, RISKS, 0.6) == pytest.approx(0.65)
    # At 0.5 both cost alike: 4 − 0 at 0.65, 9 − 5 at 0.25, of equal ones the middle; at 0.4, 9 − 10/3 at 0.25 is most.
    assert cut_by_net_benefit(answers, RISKS, 0.4, WEIGHTS) == pytest.approx(0.25)


def test_cut_offs_of_times_are_chosen_and_judged_with_weights() -> None:
    outer, inner = two_folds()
    points, questions = [("sensitivity", 0.5), ("net_benefit", 0.4)], questions_of(outcome_of(DEATH))
    found = operating(outer, inner, points, draws=60, seed=1, questions=questions)
    assert "untold" not in found
    row = found["rows"][0]
    assert (row["at"], row["rule"], row["low"], row["high"]) == ("2", "sensitivity", pytest.approx(0.25), row["low"])
    # Called: the first four. True positives 9/24, false ones 5/24; four of six are called, the censored one with them.
    by_hand = {"sensitivity": 1.0, "specificity": 10 / 15, "precision": 9 / 14, "negative_value": 1.0, "called": 4 / 6}
    assert {name: row[name]["value"] for name in by_hand} == pytest.approx(by_hand)
    assert row["precision"]["low"] < row["precision"]["value"] < row["precision"]["high"]
    worth = found["rows"][1]
    assert worth["net_benefit"]["value"] == pytest.approx(9 / 24 - 5 / 24 * 2 / 3)
    assert worth["over_all"]["value"] == pytest.approx(10 / 24 * 2 / 3)
    # What becomes of test patients moves no cut-off; what becomes of training patients does.
    other = outer.assign(label=1 - outer["label"])
    moved = operating(other, inner, points, draws=5, seed=1, questions=questions)["rows"]
    assert [one["low"] for one in moved] == [one["low"] for one in found["rows"]]
    assert moved[0]["specificity"]["value"] != row["specificity"]["value"]
    assert operating(outer, inner.assign(label=other["label"]), points, draws=5, seed=1, questions=questions)["rows"][
        0
    ]["low"] != pytest.approx(0.25)


def test_patients_who_came_late_stand_for_others_in_how_many_are_called() -> None:
    """Two of four are called; the one who came at 1 and all who are followed then stand for who was there before."""
    rows = pd.DataFrame(
        {"patient_id": list("ABCD"), "arm": "fusion", "repeat": 0, "fold": 0, "label": [1, 1, 0, 0],
         "time": [0.5, 1.5, 3.0, 3.0], "entry": [0.0, 0.0, 0.0, 1.0], "survival@2": [0.1, 0.8, 0.3, 0.9]}
    )  # fmt: skip
    found = operating(rows, rows, [("specificity", 0.5)], draws=5, seed=1, questions=[By(2.0)])["rows"][0]
    # At 0.5 three are at risk: 1/3. At 1.5 three are, with 2/3 free: 2/9. The last two share what is left, 4/9.
    assert By(2.0).weights(rows, np.ones((1, 4)))[0] == pytest.approx([3 / 9, 2 / 9, 2 / 9, 2 / 9])
    assert found["low"] == pytest.approx(0.15)  # spares D's half of the negatives
    assert found["called"]["value"] == pytest.approx(7 / 9)
    assert found["sensitivity"]["value"] == pytest.approx(1.0)


def test_of_a_horizon_that_training_patients_do_not_reach_nothing_is_told() -> None:
    outer, inner = two_folds()
    outer, inner = (one.assign(**{"survival@5": 0.1}) for one in (outer, inner))
    questions = [By(2.0), By(5.0)]
    found = operating(outer, inner, [("sensitivity", 0.5)], draws=5, seed=1, questions=questions)
    assert found["untold"] == ["5"] and {row["at"] for row in found["rows"]} == {"2"}
    assert [row["at"] for row in decision_curves(outer, questions, reference="fusion", draws=5, seed=1)["rows"]] == [
        "2"
    ]
    # All patients together reach 2; of one fold's training patients nobody does.
    short = inner.assign(time=inner["time"].where(inner["fold"] == 0, inner["time"].clip(upper=1.5)))
    assert operating(outer, short, [("sensitivity", 0.5)], draws=5, seed=1, questions=[By(2.0)])["untold"] == ["2"]
    unjudged = outer.assign(time=outer["time"].clip(upper=1.5))  # cut-offs could be chosen, and not judged
    told = operating(unjudged, inner, [("sensitivity", 0.5)], draws=5, seed=1, questions=[By(2.0)])
    assert told == {"rows": [], "untold": ["2"]}


def test_net_benefit_of_times_by_hand() -> None:
    outer, _ = two_folds()
    late = outer.assign(arm="late", **{"survival@2": 0.0})
    unknown = followed("U").assign(label=-1)
    both = pd.concat([outer, late, unknown, unknown.assign(arm="late")], ignore_index=True)
    found = decision_curves(both, [By(2.0)], reference="fusion", draws=60, seed=1)
    (row,) = found["rows"]
    assert row["share"]["value"] == pytest.approx(9 / 24)
    assert row["share"]["low"] < 9 / 24 < row["share"]["high"]
    at = {threshold: int(np.argmin(np.abs(np.array(row["x"]) - threshold))) for threshold in (0.25, 0.4)}
    mine = row["arms"]["fusion"]
    assert mine["value"][at[0.25]] == pytest.approx(9 / 24 - 5 / 24 / 3, abs=1e-6)
    assert mine["value"][at[0.4]] == pytest.approx(4 / 24 - 5 / 24 * 2 / 3, abs=1e-6)
    assert row["all"][at[0.25]] == pytest.approx(9 / 24 - 15 / 24 / 3, abs=1e-6)
    assert row["arms"]["late"] == {"value": row["all"]}  # everybody is called; no band
    assert mine["low"][at[0.25]] < mine["value"][at[0.25]] < mine["high"][at[0.25]]


def test_without_censoring_times_are_two_classes() -> None:
    rng = np.random.default_rng(1)
    times, risks = rng.exponential(2, 80), rng.random(80)
    rows = pd.DataFrame(
        {"patient_id": [f"P{one:02}" for one in range(80)], "arm": "fusion", "repeat": 0, "fold": 0, "label": 1,
         "time": times, "survival@1": 1 - risks}
    )  # fmt: skip
    (row,) = decision_curves(rows, [By(1.0)], reference="fusion", draws=5, seed=1)["rows"]
    answers = (times <= 1).astype(np.float64)
    assert row["arms"]["fusion"]["value"] == pytest.approx(net_benefit(answers, risks, np.array(row["x"])), abs=1e-6)


def test_every_cut_between_grades_is_asked_for() -> None:
    rows = graded()
    questions = questions_of(outcome_of(GRADE))
    assert [one.at for one in questions] == ["I", "II"]
    found = operating(rows, rows, [("sensitivity", 0.8)], draws=5, seed=1, questions=questions)["rows"]
    curves = decision_curves(rows, questions, reference="fusion", draws=200, seed=3)["rows"]
    plan = resample(np.arange(40), 200, seed=3)
    for place, (row, curve) in enumerate(zip(found, curves, strict=True), start=1):
        above = (rows["label"] >= place).to_numpy(np.float64)
        chance = 1 - rows["score_0"].to_numpy() if place == 1 else rows["score_II"].to_numpy()
        assert row["at"] == curve["at"] == GRADE.classes[place]
        assert row["sensitivity"]["value"] >= 0.8
        assert curve["share"]["value"] == pytest.approx(above.mean())
        assert curve["arms"]["fusion"]["value"] == pytest.approx(
            net_benefit(above, chance, np.array(curve["x"])), abs=1e-6
        )
        # The band by each draw's own patients.
        at = 10
        odds = curve["x"][at] / (1 - curve["x"][at])
        drawn = [(one @ ((chance >= curve["x"][at]) * (above - (1 - above) * odds))) / 40 for one in plan.counts[1:201]]
        band = [curve["arms"]["fusion"]["low"][at], curve["arms"]["fusion"]["high"][at]]
        assert band == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=1e-6)


def test_curves_are_means_over_repeats() -> None:
    outer, _ = two_folds()
    again = outer.assign(repeat=1, **{"survival@2": outer["survival@2"] ** 2})
    whole = pd.concat([outer, again], ignore_index=True)
    values: list[Any] = [
        decision_curves(rows, [By(2.0)], reference="fusion", draws=5, seed=1)["rows"][0]["arms"]["fusion"]["value"]
        for rows in (outer, again, whole)
    ]
    assert values[2] == pytest.approx((np.array(values[0]) + np.array(values[1])) / 2, abs=1e-6)


def test_classes_without_an_order_have_no_question() -> None:
    assert questions_of(outcome_of(TISSUE)) == []
    assert decision_curves(graded(), [], reference="fusion", draws=5, seed=1) == {}
    assert operating(graded(), graded(), [("sensitivity", 0.8)], draws=5, seed=1, questions=[]) == {}
