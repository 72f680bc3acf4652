"""Patients under other regimens: candidates, who is left out, and models asked again or learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from fusion.arms.base import BASE, ArmScores, FoldData
from fusion.arms.policy.counterfactual import counterfactual, donor
from fusion.arms.policy.learners import Interactions, TLearner
from fusion.arms.start import base_arm, plain_models, unseen_of
from fusion.contract import FusionError, Therapy

Made = tuple[FoldData, Therapy, dict[str, ArmScores], pd.Series, pd.DataFrame]


@pytest.fixture(scope="module")
def made(fold_of: Callable[..., FoldData]) -> Made:
    """100 patients, regimens A and B dealt at random, a C for five; the last is not told. And their table."""
    ids = [f"P{number:03d}" for number in range(100)]
    rng = np.random.default_rng(2)
    raw = {"clinical": pd.DataFrame(rng.normal(size=(100, 2)), index=ids, columns=["age", "size"])}
    given = pd.Series(rng.choice(["A", "B"], 100), index=ids, dtype=object)
    given.iloc[[3, 20, 40, 60, 90]] = "C"
    given.iloc[99] = None
    strata = pd.Series("all", index=ids, dtype=object)
    strata.iloc[98] = None
    strata.iloc[[1, 2, 97]] = "rare"
    dealt = (given == "B").astype(float)
    labels = (raw["clinical"]["age"] * (2 * dealt - 1) + 0.3 * rng.normal(size=100) > 0).astype(int)
    tables = raw | {"treatment": pd.DataFrame({"B": dealt, "C": (given == "C").astype(float)})}
    data = fold_of(tables, labels)
    therapy = Therapy(
        regimens=given, strata=strata, by=(), table="treatment", columns=("arm",), control=(), min_patients=10
    )
    start = plain_models(data, list(data.whole), "linear")
    base, _ = base_arm(start, unseen_of(data.fold), data)
    table = counterfactual({BASE: base}, data, therapy, ["treatment"], labels=labels)
    return data, therapy, {BASE: base}, labels, table


def test_under_what_was_given_the_score_is_the_one_out_of_fold(made: Made) -> None:
    _, _, scores, labels, table = made
    mine = table[(table["arm"] == BASE) & (table["regimen"] == table["given"])].set_index("patient_id")
    assert len(mine) == 16  # of twenty
    assert mine["score"].to_numpy() == pytest.approx(scores[BASE].test.loc[mine.index].to_numpy(), abs=1e-12)
    assert (mine["label"] == labels.loc[mine.index]).all()
    other = table[(table["arm"] == BASE) & (table["regimen"] != table["given"])].set_index("patient_id")
    assert (other["score"] - mine["score"].loc[other.index]).abs().min() > 0


def test_candidates_and_shares_are_of_the_training_part(made: Made) -> None:
    data, therapy, _, labels, table = made
    said = table[table["arm"] != ""]
    assert set(said["regimen"]) == {"A", "B"}
    train = therapy.regimens.loc[[one for one in data.fold.train if therapy.strata[one] == "all"]]
    number = train.value_counts()
    share = said[said["regimen"] == "A"]["propensity"].unique()
    assert share == pytest.approx([number["A"] / (number["A"] + number["B"])])
    response = {name: labels.loc[train.index[train == name]].mean() for name in ("A", "B")}
    assert set(said[said["best"]]["regimen"]) == {max(response, key=lambda name: response[name])}


def test_who_has_no_counterpart_is_left_out_with_the_reason(made: Made) -> None:
    table = made[-1]
    out = table[table["arm"] == ""].set_index("patient_id")["why"]
    assert out.to_dict() == {
        "P090": "given a regimen with fewer than 10 training patients in the stratum",
        "P097": "fewer than two regimens with 10 training patients in the stratum",
        "P098": "the stratum is not known",
        "P099": "the regimen is not known",
    }


def test_without_a_modality_of_the_regimen_the_plain_learners_speak_alone(made: Made) -> None:
    data, therapy, scores, labels, _ = made
    table = counterfactual(scores, data, therapy, [], labels=labels)
    assert set(table["arm"]) - {""} == {"t_learner", "interactions"}


def test_learners_see_no_column_of_the_regimen_and_find_who_benefits(made: Made) -> None:
    data, therapy, _, labels, table = made
    for arm in ("t_learner", "interactions"):
        scored = table[table["arm"] == arm].pivot_table(index="patient_id", columns="regimen", values="score")
        age = data.whole["clinical"].table(list(scored.index))["age"].to_numpy()
        assert np.corrcoef(scored["B"] - scored["A"], age)[0, 1] > 0.9
    hidden = replace(data, whole={**data.whole, "treatment": data.whole["clinical"]})
    again = counterfactual({}, hidden, therapy, ["treatment"], labels=labels)
    learned = table[table["arm"] == "t_learner"]["score"].to_numpy()
    assert again[again["arm"] == "t_learner"]["score"].to_numpy() == pytest.approx(learned)


def test_a_donor_was_given_the_regimen_and_is_a_training_patient(made: Made) -> None:
    data, therapy, *_ = made
    assert donor("C", therapy, data.fold.train) == "P003"
    with pytest.raises(FusionError, match="no training patient was given D"):
        donor("D", therapy, data.fold.train)


def test_a_t_learner_has_a_model_a_regimen_and_interactions_one_for_all() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    given = rng.choice(["A", "B"], 300)
    rows = pd.DataFrame(
        {"clinical:x": x, "clinical:gap": np.where(rng.random(300) < 0.2, np.nan, rng.normal(size=300))}
    )
    labels = (rng.random(300) < expit(np.where(given == "B", 2 * x, -2 * x))).astype(np.int64)
    new = pd.DataFrame({"clinical:x": [-1.5, 1.5, np.nan], "clinical:gap": [0.0, np.nan, np.nan]})
    for learner in (TLearner, Interactions):
        model = learner(rows, labels, list(given), seed=1)
        a, b = model(new, "A"), model(new, "B")
        assert a[0] > 0.75 > 0.25 > a[1]
        assert b[0] < 0.25 < 0.75 < b[1]
        assert abs(a[2] - b[2]) < 0.25  # nothing is known of them
    flipped = labels.copy()
    flipped[given == "B"] = 1 - flipped[given == "B"]
    one, other = (TLearner(rows, some, list(given), seed=1) for some in (labels, flipped))
    assert one(new, "A") == pytest.approx(other(new, "A"))
