from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy.special import expit
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from fusion.arms.withheld import subsets
from fusion.contract import EndpointSpec
from fusion.evaluation.missing.curve import missing_curve
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.outcomes.survival import harrell
from fusion.report.parts.missing import curve, said
from tests.helpers.survival import survival_predictions

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


def test_of_times_the_ends_are_harrells_c_and_a_coin_and_risks_are_calibrated_at_the_middle_horizon() -> None:
    table = survival_predictions(90, arms=("fusion", "a", "b"), folds=3, horizons=(12, 24, 36))
    endpoint = EndpointSpec(
        name="pfs", kind="survival", classes=("no event", "event"), horizons=(12.0, 24.0, 36.0), unit="months"
    )
    outcome, parts = outcome_of(endpoint), {str(arm): rows for arm, rows in table.groupby("arm")}
    found = missing_curve(parts["fusion"], pd.concat([parts["a"], parts["b"]]), outcome, NAMES, draws=10, seed=1)
    first, last = found["curve"][0], found["curve"][-1]
    assert first["value"]["value"] == pytest.approx(
        np.mean(
            [harrell(rows["score"].to_numpy(), outcome.truth_of(rows)) for _, rows in parts["fusion"].groupby("fold")]
        )
    )
    assert found["calibration"] == "risk at 24 months, observed minus expected"
    curve_of = KaplanMeierFitter().fit(parts["fusion"]["time"], parts["fusion"]["label"])
    observed = 1 - float(curve_of.predict(24.0))
    assert first["calibration"]["value"] == pytest.approx(observed - (1 - parts["fusion"]["survival@24"]).mean())
    assert last["value"]["value"] == 0.5 and last["calibration"]["value"] == pytest.approx(0.0, abs=1e-9)
    alone = {"+".join(one["kept"]): one for one in found["subsets"]}["b"]
    assert alone["calibration"]["value"] == pytest.approx(observed - (1 - parts["b"]["survival@24"]).mean())
    assert last["value"]["value"] < found["curve"][5]["value"]["value"] < first["value"]["value"]


def test_of_grades_with_nothing_left_everyone_gets_the_same_grade() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 80)
    outcome = outcome_of(EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II")))
    scores = 0.7 * np.eye(3)[np.where(rng.random(80) < 0.8, labels, rng.integers(0, 3, 80))] + 0.1
    ids = [f"P{one:02}" for one in range(80)]
    base = pd.DataFrame({"patient_id": ids, "repeat": 0, "fold": 0, "label": labels, **outcome.columns(scores)})
    found = missing_curve(base.assign(arm="fusion"), base.assign(arm="a"), outcome, NAMES, draws=10, seed=1)
    first, last = found["curve"][0], found["curve"][-1]
    calls = np.rint(scores @ np.arange(3)).astype(int)
    assert first["value"]["value"] == pytest.approx(cohen_kappa_score(labels, calls, weights="quadratic"))
    assert last["value"]["value"] == pytest.approx(0.0) and last["calibration"]["value"] == pytest.approx(0.0)


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
