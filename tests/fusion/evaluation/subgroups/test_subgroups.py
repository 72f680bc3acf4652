from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from fusion.contract import EndpointSpec, Truth
from fusion.evaluation.outcome import Outcome, outcome_of
from fusion.evaluation.subgroups.evaluate import Vectors, subgroups
from fusion.evaluation.subgroups.groups import groups_of
from fusion.evaluation.subgroups.permuted import corrected

BINARY = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))


def cohort(n: int = 240, *, harm: float = 0.0, shift: float = 0.0, seed: int = 0) -> tuple[Vectors, pd.DataFrame]:
    """Scores that say as much of everyone, but `harm` of what they say is lost, and `shift` added, in group b."""
    rng = np.random.default_rng(seed)
    groups = pd.DataFrame({"arm": rng.choice(["a", "b"], n), "site": rng.choice(["x", "y", "z"], n)})
    logit = rng.normal(0, 1.5, n)
    labels = (rng.random(n) < expit(logit)).astype(np.int64)
    b = (groups["arm"] == "b").to_numpy()
    told = np.where(b, (1 - harm) * logit + harm * rng.normal(0, 1.5, n) + shift, logit)
    patients = [f"P{number:03}" for number in range(n)]
    groups.index = pd.Index(patients)
    rows = pd.DataFrame({"patient_id": patients})
    return Vectors(patients=patients, truths=[Truth(label=labels)], scores=[expit(told)], rows=rows), groups


def by_group(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["column"], row["group"]): row for row in found["rows"]}


def test_values_are_those_of_scikit_learn_and_gaps_their_difference() -> None:
    vectors, groups = cohort()
    found = by_group(subgroups(vectors, groups, BINARY, draws=100, permutations=50))
    inside = (groups["arm"] == "b").to_numpy()
    expected = [roc_auc_score(vectors.labels[one], vectors.scores[0][one]) for one in (inside, ~inside)]
    row = found["arm", "b"]
    assert row["value"]["value"] == pytest.approx(expected[0])
    assert row["gap"]["value"] == pytest.approx(expected[0] - expected[1])
    assert row["gap"]["low"] < row["gap"]["value"] < row["gap"]["high"]
    residual = vectors.labels - vectors.scores[0]
    assert row["calibration"]["value"] == pytest.approx(residual[inside].mean())
    assert row["calibration_gap"]["value"] == pytest.approx(residual[inside].mean() - residual[~inside].mean())
    assert row["patients"] == inside.sum()
    assert found["arm", "a"]["p"] == row["p"]  # two groups: one question
    assert len(found) == 5


def test_values_and_gaps_are_those_of_fairlearn() -> None:
    from fairlearn.metrics import MetricFrame

    vectors, groups = cohort()
    rows = by_group(subgroups(vectors, groups, BINARY, draws=2, permutations=5))
    for column in groups:
        known = MetricFrame(
            metrics={"auroc": roc_auc_score, "calibration": lambda truth, score: float(np.mean(truth - score))},
            y_true=vectors.labels, y_pred=vectors.scores[0], sensitive_features=groups.loc[vectors.patients, column],
        ).by_group  # fmt: skip
        for level, values in known.iterrows():
            row = rows[column, str(level)]
            assert row["value"]["value"] == pytest.approx(values["auroc"])
            assert row["calibration"]["value"] == pytest.approx(values["calibration"])


@pytest.mark.parametrize(("harm", "shift", "key"), [(1.0, 0.0, "p"), (0.0, 1.2, "calibration_p")])
def test_a_group_in_which_the_model_fails_is_found_and_the_right_failure_named(
    harm: float, shift: float, key: str
) -> None:
    vectors, groups = cohort(harm=harm, shift=shift)
    found = by_group(subgroups(vectors, groups, BINARY, draws=50, permutations=500))
    assert found["arm", "b"][key] < 0.05
    assert min(row[key] for (column, _), row in found.items() if column == "site") > 0.05
    if key == "calibration_p":
        assert found["arm", "b"]["p"] > 0.05


def test_small_groups_are_named_and_not_judged() -> None:
    vectors, groups = cohort()
    groups.loc[groups.index[:10], "arm"] = "tiny"
    groups["all"] = "same"
    found = by_group(subgroups(vectors, groups, BINARY, draws=20, permutations=20))
    assert found["arm", "tiny"]["value"] is None
    assert "fewer than 20" in found["arm", "tiny"]["why"]
    assert found["all", "same"]["gap"] is None
    assert found["all", "same"]["value"]["value"] == pytest.approx(roc_auc_score(vectors.labels, vectors.scores[0]))


def test_several_classes_by_balanced_accuracy_and_confidence() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 150)
    scores = rng.dirichlet([1, 1, 1], 150) + 1.5 * np.eye(3)[labels]
    scores /= scores.sum(axis=1, keepdims=True)
    scores[:60] = scores[:60][:, [1, 2, 0]]  # the first sixty are told another class
    patients = [f"P{number:03}" for number in range(150)]
    groups = pd.DataFrame({"arm": ["bad"] * 60 + ["good"] * 90}, index=patients)
    outcome = outcome_of(EndpointSpec(name="kind", kind="multiclass", classes=("a", "b", "c")))
    vectors = Vectors(
        patients=patients, truths=[Truth(label=labels)], scores=[scores], rows=pd.DataFrame({"patient_id": patients})
    )
    row = by_group(subgroups(vectors, groups, outcome, draws=20, permutations=200))["arm", "bad"]
    right = scores.argmax(axis=1) == labels
    recalls = [right[:60][labels[:60] == one].mean() for one in range(3)]
    assert row["value"]["value"] == pytest.approx(np.mean(recalls))
    assert row["calibration"]["value"] == pytest.approx((right - scores.max(axis=1))[:60].mean())
    assert row["p"] < 0.05


GRADE = outcome_of(EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II")))
DEATH = outcome_of(EndpointSpec(name="death", kind="survival", classes=("no", "yes"), horizons=(1.0,)))


def graded(n: int, bad: Any, harm: float, shift: float, rng: np.random.Generator) -> Vectors:
    """Grades; with `harm` calls of the bad are drawn at random, with `shift` probabilities moved up a grade."""
    labels = rng.integers(0, 3, n)
    told = np.where(rng.random(n) < np.where(bad, 0.8 - 0.8 * harm, 0.8), labels, rng.integers(0, 3, n))
    scores = 0.8 * np.eye(3)[told] + 0.2 / 3
    scores[bad] = (1 - shift) * scores[bad] + shift * np.eye(3)[np.minimum(told + 1, 2)][bad]
    ids = [f"P{number:03}" for number in range(n)]
    rows = pd.DataFrame({"patient_id": ids})
    return Vectors(patients=ids, truths=[Truth(label=labels)], scores=[scores], rows=rows)


def timed(n: int, bad: Any, harm: float, shift: float, rng: np.random.Generator) -> Vectors:
    """Times; with `harm` the bad's risks are drawn at random, with `shift` their survival is told too well."""
    risk = rng.normal(size=n)
    time, end = rng.exponential(np.exp(-1.2 * risk)), rng.uniform(0.5, 3, n)
    told = np.where(bad & (harm > 0), rng.normal(size=n), risk)
    survival = np.exp(-np.exp(1.2 * told - shift * bad))
    ids = [f"P{number:03}" for number in range(n)]
    fold = np.arange(n) % 5
    truth = Truth(label=(time <= end).astype(np.int64), time=np.minimum(time, end), part=fold)
    scores = np.stack([told + 3.0 * fold, survival], axis=1)
    return Vectors(patients=ids, truths=[truth], scores=[scores], rows=pd.DataFrame({"patient_id": ids}))


@pytest.mark.parametrize(("harm", "shift", "key"), [(1.0, 0.0, "p"), (0.0, 0.9, "calibration_p")])
@pytest.mark.parametrize(("made", "outcome"), [(graded, GRADE), (timed, DEATH)], ids=["grades", "times"])
def test_grades_and_times_are_found_wanting_where_they_are(
    made: Any, outcome: Outcome, harm: float, shift: float, key: str
) -> None:
    rng = np.random.default_rng(4)
    columns = {"arm": rng.choice(["a", "b"], 180), "site": rng.choice(["x", "y", "z"], 180)}
    groups = pd.DataFrame(columns, index=[f"P{number:03}" for number in range(180)])
    vectors = made(180, (groups["arm"] == "b").to_numpy(), harm, shift, rng)
    found = subgroups(vectors, groups, outcome, draws=10, permutations=120)
    rows = by_group(found)
    assert found["tests"] == 10 and "observed minus expected" in found["calibration"]
    assert rows["arm", "b"][key] < 0.05 and rows["arm", "b"][key] == rows["arm", "a"][key]
    assert min(row[key] for (column, _), row in rows.items() if column == "site") > 0.05
    gap = rows["arm", "b"]["gap" if key == "p" else "calibration_gap"]
    assert gap["high"] < 0 if key == "p" or made is graded else gap["low"] > 0


def test_without_a_horizon_ranks_alone_are_looked_at() -> None:
    rng = np.random.default_rng(4)
    vectors = timed(90, np.zeros(90, bool), 0.0, 0.0, rng)
    groups = pd.DataFrame({"arm": rng.choice(["a", "b"], 90)}, index=vectors.patients)
    vectors.scores[0] = vectors.scores[0][:, :1]
    outcome = outcome_of(EndpointSpec(name="death", kind="survival", classes=("no", "yes")))
    found = subgroups(vectors, groups, outcome, draws=10, permutations=20)
    assert found["tests"] == 2 and "no horizon" in found["calibration"]
    assert {(row["calibration"], row["calibration_gap"], row["calibration_p"]) for row in found["rows"]} == {
        (None, None, None)
    }
    assert all(row["p"] > 0 for row in found["rows"])


def test_numbers_are_cut_at_thirds_codes_are_not_and_what_is_missing_is_a_group() -> None:
    number = {"kind": "number"}
    cut = groups_of(pd.Series([*map(float, range(1, 10)), np.nan]), number)
    assert cut.tolist() == ["to 3.667"] * 3 + ["above 3.667 to 6.333"] * 3 + ["above 6.333"] * 3 + ["not known"]
    assert groups_of(pd.Series([0.0, 1.0, np.nan]), number).tolist() == ["0", "1", "not known"]
    assert groups_of(pd.Series(["III", None]), {"kind": "ordered"}).tolist() == ["III", "not known"]


def test_correction_is_the_share_of_deals_whose_largest_gap_is_as_large() -> None:
    permuted = [np.array([0.5, 3.0, -1.0, 0.1]), np.array([2.7, 0.2, 0.3, -0.4])]
    # Largest of each deal: 2.7, 3, 1, 0.4.
    assert corrected([2.6, -0.5], permuted, families=1) == pytest.approx([3 / 5, 4 / 5])
    assert corrected([2.6, -0.5], permuted, families=2) == pytest.approx([1.0, 1.0])
