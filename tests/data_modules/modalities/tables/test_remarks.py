"""What is to be looked at in a wide table, of numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from data_modules.modalities.tables.remarks import telling, wide_remarks

IDS = [f"P{at:02}" for at in range(40)]
LABELS = pd.Series([0, 1] * 20, index=IDS)


def table(seed: int = 0, columns: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.gamma(9, 1, (40, columns)), index=IDS, columns=[f"g{at}" for at in range(columns)])


def told(frame: pd.DataFrame, labels: pd.Series[int] = LABELS) -> dict[str, str]:
    return {one.kind: one.text for one in wide_remarks("rna.csv", "modality.rna", frame, labels)}


def test_columns_that_hold_the_outcome_are_named_and_good_ones_are_not() -> None:
    frame = table()
    assert told(frame) == {}
    frame["g7"] += 4 * LABELS  # good, and no leak
    assert 0.7 < roc_auc_score(LABELS, frame["g7"]) < 0.97 and told(frame) == {}
    frame["label"], frame["back"] = LABELS, -1.0 * LABELS
    said = told(frame)["outcome"]
    assert said.startswith("rna.csv: 2 columns separate the classes, each alone (AUROC label 1.00, back 1.00)")
    assert "modality.rna.exclude" in said
    three = pd.Series([0, 1, 2, 2] * 10, index=IDS)
    assert "label" not in told(frame, three).get("outcome", "")
    frame["third"] = (three == 1) * 1.0
    assert "1 columns separate the classes, each alone (AUROC third 1.00)" in told(frame, three)["outcome"]


def test_areas_are_those_of_scikit_learn_with_missing_values() -> None:
    frame = table(1, 3)
    frame["g0"] += 30 * LABELS
    frame.loc[IDS[:9], "g0"] = np.nan
    frame["g1"] = -30 * LABELS + frame["g1"]
    frame.loc["P01", "g1"] = 90.0  # one of twenty on the wrong side: 380 of 400 pairs
    frame["none"] = np.nan
    found = telling(frame, LABELS == 1)
    assert found.tolist() == [1.0, 0.0, 0.0, 0.0]
    frame.loc["P01", "g1"] = frame.loc[IDS[::2], "g1"].sort_values().iloc[9] + 1e-9  # half of twenty: 390 of 400
    area = 1 - roc_auc_score(LABELS, frame["g1"])
    assert telling(frame, LABELS == 1)["g1"] == pytest.approx(area) and area == pytest.approx(0.975)


def test_chance_among_many_columns_is_no_leak() -> None:
    few = pd.Series([1] * 3 + [0] * 37, index=IDS)
    frame = table(2, 4000)
    areas = frame.rank().iloc[:3].sum() - 6  # of 111 pairs
    assert (areas == 111).any() or (areas == 0).any()
    assert told(frame, few) == {}, "of 4,000 columns some separate three patients by chance"


def test_patients_twice_and_two_scales() -> None:
    frame = table()
    frame.loc["P09"] = frame.loc["P04"]
    assert "1 groups of patients with the same 300 numbers (P04 and P09)" in told(frame)["duplicate"]
    calls = (table() > 12).astype(float)
    calls.loc["P09"] = calls.loc["P04"]
    assert told(calls) == {}, "whoever has no mutation has the same as many"
    frame = table()
    frame.iloc[:10] = np.exp2(frame.iloc[:10])
    said = told(frame)["outlier"]
    assert "two groups by the mean of their numbers, 30 from" in said and "and 10 from" in said
    assert told(table().iloc[:, :2]) == {}
