"""What is to be looked at in a cohort's tables, against values worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from data_modules.cohort.examine import _values, auroc, examine
from data_modules.cohort.source import CohortSource
from data_modules.columns import Column

IDS = [f"P{at:03}" for at in range(60)]
LABELS = pd.Series([0, 1] * 30, index=pd.Index(IDS, name="patient_id"))


def remarks(
    root: Path, frame: pd.DataFrame, labels: pd.Series[int] = LABELS, *, given: Any = None, **kinds: dict[str, Any]
) -> dict[str, list[str]]:
    frame = frame.assign(patient_id=IDS, y=LABELS.to_numpy())
    frame.to_csv(root / "t.csv", index=False)
    columns = {name: {"time": "baseline", "kind": "number"} | kinds.get(name, {}) for name in frame}
    columns.pop("patient_id")
    columns["y"] = {"time": "outcome"}
    tables = {"t": {"file": "t.csv", "columns": columns}}
    endpoints = {"y": {"table": "t", "column": "y", "positive": [1], "negative": [0]}}
    site = {"table": "t", "column": "site"} if "site" in frame else None
    source = CohortSource(name="c", root=root, cache=root / "cache", tables=tables, endpoints=endpoints, site=site)
    found: dict[str, list[str]] = {}
    for remark in examine(source, labels, **(given or {})):
        found.setdefault(remark.kind, []).append(remark.text)
    return found


def test_a_column_that_tells_the_outcome_is_named_and_a_good_one_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    good = LABELS.to_numpy() + rng.normal(size=60)
    told = ["resid" if label else "none" for label in LABELS]
    frame = pd.DataFrame({"good": good, "cells": -10.0 * LABELS.to_numpy() + rng.random(60), "told": told})
    found = remarks(tmp_path, frame, told={"kind": "category", "levels": ["none", "resid"]})
    assert [text.partition(" alone")[0] for text in found["outcome"]] == ["t.csv: cells", "t.csv: told"]
    assert "AUROC 1.00" in found["outcome"][0]


def test_auroc_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    scores = pd.Series(rng.integers(0, 9, 60).astype(float), index=LABELS.index)
    assert auroc(scores, LABELS) == pytest.approx(roc_auc_score(LABELS, scores))
    assert auroc(scores, LABELS * 0) is None


def test_outliers_missing_and_constant_columns(tmp_path: Path) -> None:
    age = np.linspace(40, 70, 60)
    age[7] = 570.0
    rare = np.where(np.arange(60) < 24, np.arange(60.0), np.nan)
    found = remarks(tmp_path, pd.DataFrame({"age": age, "rare": rare, "same": 3.0}))
    assert found["outlier"] == ["t.csv: age is far from the median of 55.5085 for 1 (P007: 570): a unit, or a code?"]
    assert found["missing"] == ["t.csv: rare is missing for 60% of the patients who are kept."]
    assert found["constant"] == ["t.csv: same is 3.0 for everybody who is kept: it can tell nothing."]
    few = remarks(
        tmp_path, pd.DataFrame({"age": age, "part": np.where(np.arange(60) < 24, 3.0, np.nan), "none": np.nan})
    )
    assert few["constant"] == [
        "t.csv: part is 3.0 for everybody who is kept and has it (24 of 60): it can tell nothing.",
        "t.csv: none is known of nobody who is kept: it can tell nothing.",
    ]
    many = pd.DataFrame(
        {"a": rare, "b": rare, "c": rare, "d": rare * 2, "full": age, "few": np.where(age < 41, 2, np.nan)}
    )
    assert remarks(tmp_path, many)["missing"] == [
        "t.csv: 4 columns are missing for most of the patients who are kept: a 60%, b 60%, c 60%, d 60%."
    ]


def test_a_patient_twice_is_told_and_many_zeros_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({name: rng.normal(size=60) for name in "abc"})
    frame.loc[9] = frame.loc[4]
    found = remarks(tmp_path, frame)
    assert "1 group of patients with the same 3 numbers (P004 and P009)" in found["duplicate"][0]
    sparse = pd.DataFrame({name: np.where(np.arange(60) < 25, rng.random(60), 0.0) for name in "abc"})
    assert "duplicate" not in remarks(tmp_path, sparse)
    counts = pd.DataFrame({name: rng.permutation(60) % 30 for name in "abc"})
    counts.loc[9] = counts.loc[4]
    assert "duplicate" not in remarks(tmp_path, counts), "three counts are shared by chance"


@pytest.mark.parametrize(("patients", "far", "told"), [(60, 1, True), (60, 2, False), (100, 2, True), (100, 3, False)])
def test_outliers_are_two_in_a_hundred_or_one(patients: int, far: int, told: bool) -> None:
    """More of them are no mistakes of single cells."""
    values = np.linspace(40, 70, patients)
    values[:far] = 4000 + np.arange(far)
    remarks = list(_values("t.csv", Column(name="age", time="baseline", kind="number", label="Age"), pd.Series(values)))
    assert [remark.kind for remark in remarks] == ["outlier"] * told


def test_who_has_a_value_or_a_modality_may_tell_the_outcome(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rest = rng.random(60)
    positive = LABELS.to_numpy() == 1
    frame = pd.DataFrame({"seldom": np.where(positive, rest, np.nan), "often": np.where(rest < 0.8, rest, np.nan)})
    present = {"slides": [one for one, label in LABELS.items() if label], "rna": IDS[:30]}
    found = remarks(tmp_path, frame, given={"present": present})["outcome"]
    assert [text.partition(" alone separates")[0] for text in found] == [
        "modality.slides: who has it",
        "t.csv: seldom: of whom it is known",
    ]
    few = pd.Series(([1] * 4 + [0] * 56), index=LABELS.index)  # of four, chance would tell now and then
    frame = pd.DataFrame({"first": np.where(np.arange(60) < 4, 1.0, np.nan)})
    assert "outcome" not in remarks(tmp_path, frame, few)


def test_a_column_that_tells_one_of_several_classes(tmp_path: Path) -> None:
    grades = pd.Series([0, 1, 2] * 20, index=LABELS.index)
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({
        "size": grades.to_numpy() + rng.random(60) / 2,
        "middle": [["low", "high", "low"][grade] for grade in grades],
        "good": grades.to_numpy() + rng.normal(size=60),
    })  # fmt: skip
    found = remarks(tmp_path, frame, grades, middle={"kind": "category"})["outcome"]
    assert [text.partition(" alone")[0] for text in found] == ["t.csv: size", "t.csv: middle"]


def test_a_column_that_is_the_time_of_the_endpoint(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    times = pd.Series(rng.exponential(20, 60), index=LABELS.index)
    frame = pd.DataFrame({"days": times.to_numpy() * 30.4, "back": -times.to_numpy(), "age": rng.normal(size=60)})
    found = remarks(tmp_path, frame, given={"times": times})["outcome"]
    assert [text.partition(" goes")[0] for text in found] == ["t.csv: days", "t.csv: back"]
    assert "rank correlation -1.00" in found[1]
    assert "outcome" not in remarks(tmp_path, frame, given={"times": times * 0 + 60})


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (np.r_[np.linspace(3.5, 9, 30), np.linspace(63, 162, 30)], "30 from 3.5 to 9 and 30 from 63 to 162"),
        (np.r_[np.linspace(1.5, 2, 6), np.linspace(150, 200, 54)], "6 from 1.5 to 2 and 54 from 150 to 200"),
        (np.r_[np.linspace(1.5, 2, 4), np.linspace(150, 200, 56)], None),  # few: outliers
        (np.geomspace(0.01, 1000, 60), None),
        (np.resize(np.r_[2.0 ** np.arange(12), 3.5 * 2.0 ** np.arange(11, 23)], 60), None),  # a gap among gaps
        (np.r_[np.zeros(30), np.linspace(63, 162, 30)], None),
        (np.r_[np.linspace(50, 60, 30), np.linspace(140, 160, 30)], None),  # a factor below 3
    ],
)
def test_numbers_in_two_groups_may_be_of_two_units(tmp_path: Path, numbers: np.ndarray, told: str | None) -> None:
    mixed = np.random.default_rng(6).permutation(numbers)
    found = [text for text in remarks(tmp_path, pd.DataFrame({"x": mixed})).get("outlier", []) if "two groups" in text]
    assert found == ([] if told is None else [f"t.csv: x falls into two groups, {told}: two units in one column?"])


def test_a_site_that_tells_the_outcome_and_numbers_that_are_no_ages(tmp_path: Path) -> None:
    site = np.where(LABELS.to_numpy() == 1, "Leeds", "York")
    age = np.linspace(40, 70, 60)
    frame = pd.DataFrame({"site": site, "age": age, "age_dx": 2024 - age, "age_days": age * 365, "stage": age - 50})
    frame.loc[3, "age"] = -5
    kinds = {"site": {"kind": "category"}, "age": {"unit": "years"}, "age_dx": {"unit": "years"}}
    found = remarks(tmp_path, frame, **kinds)
    assert found["outcome"] == [
        "cohort.site: site alone separates the classes (AUROC 1.00): whatever differs between sites tells the outcome, "
        "and folds cannot part the two."
    ]
    assert [text.partition(":")[0] + text.partition("age for")[2].partition(" (")[0] for text in found["outlier"]] == [
        "t.csv 1", "t.csv 60"
    ]  # fmt: skip
    frame["site"] = np.where(np.arange(60) % 3, "Leeds", "York")
    assert "outcome" not in remarks(tmp_path, frame, **kinds)
