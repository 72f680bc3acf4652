"""Complete cases beside everybody, against scikit-learn; who lacks what, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.contract import EndpointSpec
from fusion.evaluation.missing.complete import complete_cases, missing_account
from fusion.evaluation.outcome import outcome_of

OUTCOME = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))


def test_who_lacks_what() -> None:
    ids = list("vwxyz")
    present = pd.DataFrame({"slides": [True, False, True, False, True], "clinical": True}, index=ids)
    columns = pd.DataFrame({"t.age": [1.0, np.nan, 3.0, 4.0, 5.0], "t.arm": ["a", None, "b", None, None]}, index=ids)
    labels = pd.Series([0, 1, 0, 1, -1], index=ids)
    assert missing_account(present, columns, labels, 2) == [
        {"what": "slides", "kind": "modality", "patients": 2, "classes": [0, 2]},
        {"what": "t.age", "kind": "column", "patients": 1, "classes": [0, 1]},
        {"what": "t.arm", "kind": "column", "patients": 3, "classes": [0, 2]},
    ]


def rows(n: int = 200) -> tuple[pd.DataFrame, pd.Series[bool]]:
    rng = np.random.default_rng(4)
    label = (rng.random(n) < 0.4).astype(int)
    whole = rng.random(n) < 0.6
    logit = np.where(whole, 2.0, 0.2) * label + rng.normal(size=n)  # worth something in complete cases alone
    base = pd.DataFrame(
        {"patient_id": [f"P{one:03}" for one in range(n)], "arm": "fusion", "repeat": 0, "fold": 0, "label": label,
         "score": 1 / (1 + np.exp(-logit)), "threshold": 0.5}
    )  # fmt: skip
    late = base.assign(arm="late", score=1 / (1 + np.exp(-(0.5 * label + rng.normal(size=n)))))
    twice = [base, late, *(one.assign(repeat=1, score=one["score"] ** 2) for one in (base, late))]
    return pd.concat(twice, ignore_index=True), pd.Series(whole, index=base["patient_id"])


def test_metric_and_gains_in_complete_cases_beside_everybody() -> None:
    table, whole = rows()
    row = complete_cases(
        table, {"every modality": whole}, OUTCOME, reference="fusion", against=["late"], draws=200, seed=1
    )[0]

    def area(arm: str, of: pd.Series[bool] | None) -> float:
        part = table[(table["arm"] == arm) & (table["repeat"] == 0)]
        part = part if of is None else part[part["patient_id"].map(of)]
        return float(roc_auc_score(part["label"], part["score"]))

    assert row["patients"] == whole.sum() == sum(row["classes"])
    assert sum(row["incomplete"]) == (~whole).sum()
    assert row["everybody"]["value"] == pytest.approx(area("fusion", None))
    assert row["complete"]["value"] == pytest.approx(area("fusion", whole))
    assert row["difference"]["value"] == pytest.approx(area("fusion", whole) - area("fusion", None))
    assert row["difference"]["low"] > 0  # paired: complete cases are where the model knows anything
    (gain,) = row["gains"]
    assert gain["arm"] == "late"
    assert gain["everybody"]["value"] == pytest.approx(area("fusion", None) - area("late", None))
    assert gain["complete"]["value"] == pytest.approx(area("fusion", whole) - area("late", whole))
    assert gain["complete"]["low"] < gain["complete"]["value"] < gain["complete"]["high"]


def test_too_few_and_nothing_missing_are_said() -> None:
    table, whole = rows()
    few = pd.Series(whole.index.isin(whole.index[whole][:19]), index=whole.index)
    all_of_them = pd.Series(True, index=whole.index)
    told = complete_cases(table, {"few": few, "all": all_of_them}, OUTCOME, reference="fusion", against=[], draws=5)
    assert told[0]["why"].startswith("fewer than 20 patients")
    assert told[1]["why"] == "nobody lacks anything"
    assert all("everybody" not in row for row in told)
