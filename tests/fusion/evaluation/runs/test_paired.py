"""Runs against one another: values of scikit-learn, calls by hand, and what cannot be compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sksurv.metrics import concordance_index_censored

from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.runs.calls import calls, changed
from fusion.evaluation.runs.paired import common_patients, paired_gains
from tests.helpers.survival import survival_predictions

BINARY = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))


def scored(score: list[float], label: list[int], *, first: int = 0, repeat: int = 0, **more: object) -> pd.DataFrame:
    ids = [f"P{first + number}" for number in range(len(score))]
    columns = {"patient_id": ids, "label": label, "score": score, "repeat": repeat, "fold": 0, "threshold": 0.5}
    return pd.DataFrame({**columns, **more})


def noisy(label: np.ndarray, gap: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    parts = [
        scored(list(1 / (1 + np.exp(-gap * label - rng.normal(size=len(label))))), list(label), repeat=repeat)
        for repeat in range(2)
    ]
    return pd.concat(parts, ignore_index=True)


def auroc(rows: pd.DataFrame, patients: list[str]) -> float:
    of = rows[rows["patient_id"].isin(patients)]
    return float(np.mean([roc_auc_score(part["label"], part["score"]) for _, part in of.groupby("repeat")]))


def test_gains_are_the_differences_of_means_over_repeats_on_common_patients() -> None:
    label = np.tile([0, 1, 0], 30)
    runs = {"A": noisy(label, 0.3, 1), "B": noisy(label, 3.0, 2), "C": noisy(label, 0.3, 3)}
    runs["B"] = runs["B"][runs["B"]["patient_id"] != "P7"]
    found = paired_gains(runs, BINARY, draws=400)
    patients = common_patients(runs)
    assert (found["patients"], len(patients), "P7" in patients) == (89, 89, False)
    rows = {(row["run"], row["metric"]): row for row in found["gains"]}
    for name in ("B", "C"):
        row = rows[name, "auroc"]
        assert row["value"] == pytest.approx(auroc(runs[name], patients) - auroc(runs["A"], patients))
        assert row["low"] < row["value"] < row["high"]
        assert row["corrected_low"] < row["low"]  # two comparisons hold together
    assert (rows["B", "auroc"]["verdict"], rows["C", "auroc"]["verdict"]) == ("better", "not shown")

    def brier(name: str) -> float:
        of = runs[name][runs[name]["patient_id"].isin(patients)]
        return float(np.mean([brier_score_loss(one["label"], one["score"]) for _, one in of.groupby("repeat")]))

    # Less is better, and above 0 the other run is.
    assert rows["C", "brier"]["value"] == pytest.approx(brier("A") - brier("C"))
    assert found["runs"]["A"]["auroc"]["value"] == pytest.approx(auroc(runs["A"], patients))


def test_a_run_that_loses_is_worse_and_the_same_scores_gain_nothing() -> None:
    label = np.tile([0, 1], 40)
    good, bad = noisy(label, 4.0, 1), noisy(label, 0.0, 2)
    (row,) = [one for one in paired_gains({"A": good, "B": bad}, BINARY, draws=200)["gains"] if "verdict" in one]
    assert row["verdict"] == "worse"
    same = paired_gains({"A": good, "B": good.copy()}, BINARY, draws=50)["gains"]
    assert {(one["value"], one["low"], one["high"]) for one in same} == {(0.0, 0.0, 0.0)}


def test_groups_of_any_run_are_drawn_together() -> None:
    label = np.tile([0, 1], 40)
    first = noisy(label, 1.0, 1)
    other = noisy(label, 1.0, 2).assign(group=lambda rows: "G" + (rows["patient_id"].str[1:].astype(int) // 2).map(str))
    units = paired_gains({"A": first, "B": other}, BINARY, draws=20)["units"]
    assert (units["drawn"], units["number"], units["largest"]) == ("groups", 40, 2)


def test_several_classes_are_compared_by_what_decides_for_them() -> None:
    three = outcome_of(EndpointSpec(name="grade", kind="multiclass", classes=("a", "b", "c")))
    label = list(np.tile([0, 1, 2], 10))

    def run(wrong: int) -> pd.DataFrame:
        called = np.array(label)
        called[:wrong] = (called[:wrong] + 1) % 3
        scores = {f"score_{name}": np.where(called == place, 0.8, 0.1) for place, name in enumerate("abc")}
        return scored([0.8] * 30, label, **scores)

    runs = {"A": run(6), "B": run(0)}
    found = paired_gains(runs, three, draws=50)
    (row,) = found["gains"]
    assert (found["metric"], row["value"]) == ("balanced_accuracy", pytest.approx(0.2))
    patients = common_patients(runs)
    flips = changed(calls(runs["A"], three, patients), calls(runs["B"], three, patients), ("a", "b", "c"))
    assert (flips["right_now"], flips["wrong_now"], len(flips["patients"])) == (6, 0, 6)
    assert {one["patient_id"] for one in flips["patients"]} == {f"P{number}" for number in range(6)}
    # Grades: 0.5 and 0.5 of the outer ones is the middle one; 0.1, 0.3, 0.6 is 1.5, which rounds to the last.
    graded = outcome_of(EndpointSpec(name="grade", kind="ordinal", classes=("a", "b", "c")))
    rows = scored([0.5, 0.6], [0, 0], score_a=[0.5, 0.1], score_b=[0.0, 0.3], score_c=[0.5, 0.6])
    table = calls(rows, graded, ["P0", "P1"])
    assert (list(table["call"]), list(table["score"])) == ([1, 2], [1.0, pytest.approx(1.5)])


def test_times_are_compared_by_concordance_within_folds_and_must_agree() -> None:
    endpoint = EndpointSpec(name="pfs", kind="survival", classes=("censored", "event"), horizons=(12.0, 24.0, 36.0))
    times = outcome_of(endpoint)
    both = survival_predictions(50, arms=("fusion", "late"), folds=2)
    runs = {"A": both[both["arm"] == "late"], "B": both[both["arm"] == "fusion"]}
    (row,) = paired_gains(runs, times, draws=20)["gains"]

    def concordance(rows: pd.DataFrame) -> float:
        each = [
            concordance_index_censored(part["label"] == 1, part["time"], part["score"])[0]
            for _, part in rows.groupby("fold")
        ]
        return float(np.mean(each))

    assert row["metric"] == "c_harrell"
    assert row["value"] == pytest.approx(concordance(runs["B"]) - concordance(runs["A"]))
    table = calls(runs["A"], times, common_patients(runs))
    assert set(table["call"]) == {-1}
    later = runs["B"].assign(time=runs["B"]["time"].where(runs["B"]["patient_id"] != "P-0007", 99.0))
    with pytest.raises(
        FusionError, match=r"give 1 of 50 common patients another label: P-0007 \(\d at [\d.]+ and \d at 99\)"
    ):
        common_patients({"A": runs["A"], "B": later})


def test_who_is_called_otherwise_by_hand() -> None:
    """P0 becomes wrong, P1 right, P2 stays; the mean over repeats decides, at the mean of the thresholds."""
    first = pd.concat([scored([0.6, 0.2, 0.9], [1, 1, 1]), scored([0.8, 0.4, 0.9], [1, 1, 1], repeat=1)])
    other = pd.concat([scored([0.6, 0.5, 0.9], [1, 1, 1]), scored([0.2, 0.7, 0.9], [1, 1, 1], repeat=1)])
    patients = ["P0", "P1", "P2"]
    flips = changed(calls(first, BINARY, patients), calls(other, BINARY, patients), ("no", "yes"))
    assert (flips["right_now"], flips["wrong_now"], flips["otherwise"]) == (1, 1, 0)
    told = {one["patient_id"]: one for one in flips["patients"]}
    assert list(told) == ["P0", "P1"] or list(told) == ["P1", "P0"]
    assert (told["P0"]["call"], told["P0"]["call_now"], told["P0"]["right"]) == ("yes", "no", False)
    assert told["P1"]["score"] == pytest.approx(0.3)
    assert told["P1"]["score_now"] == pytest.approx(0.6)
    lower = calls(first.assign(threshold=0.25), BINARY, patients)
    assert list(lower["call"]) == [1, 1, 1]


def test_what_cannot_be_compared_names_runs_and_patients() -> None:
    first = scored([0.1, 0.9, 0.4], [0, 1, 0])
    with pytest.raises(FusionError, match=r"no patient in common \(A has 3, B has 3\)"):
        common_patients({"A": first, "B": scored([0.1, 0.9, 0.4], [0, 1, 0], first=10)})
    with pytest.raises(FusionError, match=r"A and B give 1 of 3 common patients another label: P2 \(0 and 1\)\."):
        common_patients({"A": first, "B": scored([0.1, 0.9, 0.4], [0, 1, 1])})
    with pytest.raises(FusionError, match="B: gives patient P1 two labels"):
        two = scored([0.1, 0.9, 0.4], [0, 0, 0], repeat=1)
        common_patients({"A": first, "B": pd.concat([first, two])})
    with pytest.raises(FusionError, match="B: scores patient P0 twice in a repeat"):
        common_patients({"A": first, "B": pd.concat([first, first])})
    with pytest.raises(FusionError, match="B: repeat 1 does not score patient P2"):
        paired_gains({"A": first, "B": pd.concat([first, scored([0.1, 0.9], [0, 1], repeat=1)])}, BINARY, draws=5)
