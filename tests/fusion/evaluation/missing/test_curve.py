from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from fusion.arms.withheld import subsets
from fusion.contract import EndpointSpec
from fusion.evaluation.missing.curve import missing_curve
from fusion.evaluation.outcome import outcome_of
from fusion.report.parts.missing import curve, said

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
NAMES = ["a", "b"]


def rows(n: int = 300) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two modalities that each tell a part; the model without one of them knows that part of nobody."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, n))
    labels = (rng.random(n) < expit(2 * a + b)).astype(int)
    base = pd.DataFrame(
        {
            "patient_id": [f"P{one:03}" for one in range(n)], "arm": "fusion", "repeat": 0, "fold": np.arange(n) % 5,
            "endpoint": "response", "label": labels, "score": expit(2 * a + b), "threshold": 0.5,
        }
    )  # fmt: skip
    kept = [base.assign(arm="a", score=expit(1.7 * a)), base.assign(arm="b", score=expit(0.6 * b))]
    return base, pd.concat(kept, ignore_index=True)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    fused, withheld = rows()
    return missing_curve(fused, withheld, outcome_of(ENDPOINT), NAMES, draws=60, seed=1)


def test_ends_and_subsets_are_those_of_scikit_learn(found: dict[str, Any]) -> None:
    fused, withheld = rows()
    truth = fused["label"]
    first, last = found["curve"][0], found["curve"][-1]
    assert first["value"]["value"] == pytest.approx(roc_auc_score(truth, fused["score"]))
    assert first["calibration"]["value"] == pytest.approx((truth - fused["score"]).mean())
    # With nothing left there is the prevalence, the same for all.
    assert last["value"]["value"] == 0.5
    assert last["calibration"]["value"] == pytest.approx(0.0, abs=1e-9)
    values = {"+".join(one["kept"]): one["value"]["value"] for one in found["subsets"]}
    for name, part in withheld.groupby("arm"):
        assert values[str(name)] == pytest.approx(roc_auc_score(part["label"], part["score"]))
    assert values["a+b"] == first["value"]["value"]


def test_it_falls_and_the_middle_is_the_mixture_of_all_subsets(found: dict[str, Any]) -> None:
    values = [point["value"]["value"] for point in found["curve"]]
    assert values == sorted(values, reverse=True)
    assert [point["share"] for point in found["curve"]] == [round(0.1 * one, 1) for one in range(11)]
    # Half of either: a quarter of patients in each of four states. A million deals come to the same within noise.
    fused, withheld = rows()
    table = {arm: part["score"].to_numpy() for arm, part in withheld.groupby("arm")}
    truth = fused["label"].to_numpy()
    nothing = np.full(len(truth), truth.mean())
    every = np.stack([fused["score"].to_numpy(), table["a"], table["b"], nothing])
    rng = np.random.default_rng(9)
    dealt = [every[rng.integers(0, 4, len(truth)), np.arange(len(truth))] for _ in range(300)]
    expected = np.mean([roc_auc_score(truth, one) for one in dealt])
    assert values[5] == pytest.approx(expected, abs=0.02)
    assert found["curve"][5]["value"]["low"] < values[5] < found["curve"][5]["value"]["high"]


def test_nothing_withheld_is_no_part_and_no_figure(found: dict[str, Any], tmp_path: Path) -> None:
    fused, _ = rows(40)
    assert missing_curve(fused, pd.DataFrame(), outcome_of(ENDPOINT), NAMES) == {}
    assert curve({}, label="AUROC") is None
    figure = curve({"missing": found}, label="AUROC")
    assert figure is not None
    assert len(figure.axes) == 2
    assert "with a alone" in said({"missing": found}, label="AUROC")


def test_every_subset_up_to_six_modalities_and_a_sample_of_every_size_above() -> None:
    assert subsets(["x", "y", "z"], seed=0) == [("x",), ("y",), ("z",), ("x", "y"), ("x", "z"), ("y", "z")]
    names = [f"m{one}" for one in range(9)]
    some = subsets(names, seed=0)
    assert some == subsets(names, seed=0)
    assert len(some) == len(set(some)) <= 42
    assert {len(one) for one in some} == set(range(1, 9))
    assert {one for one in some if len(one) == 1} == {(name,) for name in names}
    assert sum(len(one) == 8 for one in some) == 9
    assert len(subsets([f"m{one}" for one in range(6)], seed=0)) == 2**6 - 2
