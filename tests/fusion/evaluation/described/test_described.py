from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusion.evaluation.described.sample_size import per_parameter, sample_size
from fusion.evaluation.described.table_one import MOST_COLUMNS, table_one


def test_table_one_by_hand() -> None:
    patients = ["a", "b", "c", "d", "e"]
    values = pd.DataFrame(
        {"clinical.age": [40.0, 50.0, 60.0, 70.0, np.nan], "clinical.grade": ["G2", "G1", "G2", None, "G3"]},
        index=patients,
    )
    facts = {
        "clinical.age": {"label": "Age", "kind": "number", "unit": "years", "levels": []},
        "clinical.grade": {"label": "Grade", "kind": "ordered", "unit": None, "levels": ["G1", "G2", "G3"]},
    }
    found = table_one(values, facts, pd.Series([0, 0, 0, 1, 1], index=patients), ("no", "yes"))
    assert [(one["name"], one["patients"]) for one in found["groups"]] == [("all", 5), ("no", 3), ("yes", 2)]
    age, grade = found["rows"]
    assert age["quartiles"] == {"all": [47.5, 55.0, 62.5], "no": [45.0, 50.0, 55.0], "yes": [70.0, 70.0, 70.0]}
    assert age["missing"] == {"all": 1, "no": 0, "yes": 1}
    assert grade["levels"] == [
        {"level": "G1", "all": 1, "no": 1, "yes": 0},
        {"level": "G2", "all": 2, "no": 2, "yes": 0},
        {"level": "G3", "all": 1, "no": 0, "yes": 1},
    ]
    assert grade["missing"]["yes"] == 1
    assert found["complete"] == 3


def test_a_wide_table_describes_nobody() -> None:
    wide = pd.DataFrame(np.zeros((2, MOST_COLUMNS + 1)), columns=[f"rna.g{one}" for one in range(MOST_COLUMNS + 1)])
    found = table_one(wide.assign(**{"clinical.age": 1.0}), {}, pd.Series([0, 1]), ("no", "yes"))
    assert found["left_out"] == ["rna"]
    assert [row["column"] for row in found["rows"]] == ["clinical.age"]


def test_sample_size_is_that_of_the_authors_own_program() -> None:
    """The example in the help of pmsampsize: 24 parameters, R² 0.288, prevalence 0.174 → 623, 662 and 221 patients."""
    found = sample_size(patients=1000, events=174, parameters=24, r2=0.288)
    assert found["needed"] == {"shrinkage": 623, "optimism": 662, "overall_risk": 221}
    assert found["enough"] is True
    assert found["events_per_parameter"] == pytest.approx(174 / 24)
    assert sample_size(patients=600, events=104, parameters=24, r2=0.288)["enough"] is False


def test_as_many_patients_as_are_needed_are_enough() -> None:
    """At the example's prevalence one more or fewer decides: 661 are not enough, 662 are."""
    cases = [sample_size(patients=n, events=round(0.174 * n), parameters=24, r2=0.288) for n in range(650, 675)]
    assert any(case["patients"] == max(case["needed"].values()) for case in cases)
    assert [case["enough"] for case in cases] == [case["patients"] >= max(case["needed"].values()) for case in cases]


def test_sample_size_without_parameters_or_without_events_is_undefined() -> None:
    assert sample_size(patients=50, events=10, parameters=0)["events_per_parameter"] is None
    assert sample_size(patients=50, events=0, parameters=3)["needed"] is None
    assert sample_size(patients=50, events=40, parameters=5)["events_per_parameter"] == 2.0  # of the rarer class


def test_of_grades_and_times_the_rarest_count_per_parameter_and_no_criteria() -> None:
    found = per_parameter(patients=90, counts=[40, 30, 20], parameters=8)
    assert (found["events_per_parameter"], found["events"], found["needed"], found["enough"]) == (2.5, 20, None, None)
    assert per_parameter(patients=90, counts=[31], parameters=0)["events_per_parameter"] is None


def test_table_one_is_that_of_tableone() -> None:
    from tableone import TableOne

    rng = np.random.default_rng(3)
    index = pd.Index([f"P{one}" for one in range(60)])
    age, sex = np.round(rng.normal(60, 9, 60), 1), rng.choice(["f", "m"], 60).astype(object)
    age[::7], sex[::9] = np.nan, None
    values, labels = pd.DataFrame({"age": age, "sex": sex}, index=index), pd.Series(rng.integers(0, 2, 60), index=index)
    number, category = table_one(values, {"age": {"kind": "number"}}, labels, ("0", "1"))["rows"]
    known = TableOne(
        values.assign(outcome=labels.astype(str)), columns=["age", "sex"], categorical=["sex"], nonnormal=["age"],
        groupby="outcome", decimals=3, include_null=False,
    ).tableone  # fmt: skip
    known.columns = known.columns.get_level_values(-1)
    for group, name in (("all", "Overall"), ("0", "0"), ("1", "1")):
        low, middle, high = number["quartiles"][group]
        assert known.loc["age, median [Q1,Q3]", name].item() == f"{middle:.3f} [{low:.3f},{high:.3f}]"
        for row in category["levels"]:
            assert known.loc[("sex, n (%)", row["level"]), name].split()[0] == str(row[group])
    assert int(known.loc["age, median [Q1,Q3]", "Missing"].item()) == number["missing"]["all"]
