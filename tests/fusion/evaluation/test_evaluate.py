from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.contract import FusionError
from fusion.evaluation.comparison import Comparison, judge
from fusion.evaluation.evaluate import evaluate
from fusion.evaluation.intervals import Interval

ALL = {"fusion": 3.0, "only_slides": 1.0, "only_clinical": 0.5, "late": 1.2, "classical": 1.0, "classical_lr": 1.0}


def predictions(arms: dict[str, float], *, patients: int = 200, repeats: int = 1, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    labels = (rng.random(patients) < 0.35).astype(int)
    parts = []
    for repeat in range(repeats):
        noise = rng.normal(size=patients)
        for arm, gap in arms.items():
            logit = gap * (labels - 0.5) + 0.6 * noise + 0.6 * rng.normal(size=patients)
            parts.append(
                pd.DataFrame(
                    {
                        "patient_id": [f"P{number:03}" for number in range(patients)],
                        "arm": arm,
                        "repeat": repeat,
                        "fold": rng.permutation(patients) % 5,
                        "endpoint": "response",
                        "label": labels,
                        "score": 1 / (1 + np.exp(-logit)),
                        "threshold": np.nan,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def comparisons(**gains: tuple[float, float]) -> list[Comparison]:
    return [
        Comparison(arm=arm, metric="auroc", gain=Interval(value=(low + high) / 2, low=low, high=high))
        for arm, (low, high) in gains.items()
    ]


def test_the_metric_of_each_repeat_is_averaged_not_the_scores() -> None:
    table = predictions({"fusion": 1.0, "late": 0.8}, repeats=3)
    result = evaluate(table, draws=20)
    fusion = table[table["arm"] == "fusion"]
    by_repeat = [roc_auc_score(part["label"], part["score"]) for _, part in fusion.groupby("repeat")]
    averaged = fusion.groupby("patient_id").agg(label=("label", "first"), score=("score", "mean"))
    assert result["arms"]["fusion"]["auroc"]["value"] == pytest.approx(np.mean(by_repeat))
    assert result["arms"]["fusion"]["auroc"]["value"] < roc_auc_score(averaged["label"], averaged["score"]) - 0.01
    assert result["repeats"] == 3


def test_a_drawn_patient_carries_all_its_repeats() -> None:
    one = evaluate(predictions({"fusion": 1.0}), draws=300)["arms"]["fusion"]["auroc"]
    table = predictions({"fusion": 1.0})
    copies = pd.concat([table.assign(repeat=repeat) for repeat in range(4)])
    # Four copies of the same repeat know no more than one: the interval stays as wide.
    assert evaluate(copies, draws=300)["arms"]["fusion"]["auroc"] == pytest.approx(one)


def test_rows_in_any_order_give_the_same() -> None:
    table = predictions(ALL, repeats=2)
    shuffled = table.sample(frac=1, random_state=1)
    first, second = evaluate(table, draws=50), evaluate(shuffled, draws=50)
    assert {arm: first["arms"][arm] for arm in ALL} == {arm: second["arms"][arm] for arm in ALL}


def test_an_interval_covers_and_comparisons_are_paired() -> None:
    result = evaluate(predictions(ALL), draws=500, simulated=True)
    assert result["simulated"] is True
    assert json.loads(json.dumps(result, allow_nan=False)) is not None
    for metrics in result["arms"].values():
        assert metrics["auroc"]["low"] < metrics["auroc"]["value"] < metrics["auroc"]["high"]
    gains = {row["arm"]: row for row in result["comparisons"] if row["metric"] == "auroc"}
    assert set(gains) == set(ALL) - {"fusion"}
    row, fusion, late = gains["late"], result["arms"]["fusion"]["auroc"], result["arms"]["late"]["auroc"]
    assert row["gain"] == pytest.approx(fusion["value"] - late["value"])
    # Shared noise makes the paired interval narrower than the two intervals side by side.
    assert row["high"] - row["low"] < (fusion["high"] - fusion["low"]) + (late["high"] - late["low"])
    assert (row["delong_low"], row["delong_high"]) == pytest.approx((row["low"], row["high"]), abs=0.02)
    assert result["verdict"]["status"] == "supported"


def test_brier_gain_is_positive_where_fusion_is_better() -> None:
    rows = evaluate(predictions(ALL), draws=50)["comparisons"]
    assert next(row for row in rows if row["metric"] == "brier" and row["arm"] == "only_clinical")["gain"] > 0


def test_no_verdict_of_support_on_noise() -> None:
    result = evaluate(predictions(dict.fromkeys(ALL, 0.0)), draws=300)
    assert result["verdict"]["status"] != "supported"


def test_supported_needs_every_interval_above_0() -> None:
    verdict = judge(comparisons(only_a=(0.01, 0.1), only_b=(0.02, 0.1), late=(0.03, 0.1), classical=(0.04, 0.2)))
    assert verdict.status == "supported"
    assert "over a alone, is +0.055 (95 % interval +0.010 to +0.100)" in verdict.text
    assert verdict.against == ("only_a", "only_b", "late", "classical")


def test_worse_when_any_lies_below_0() -> None:
    verdict = judge(comparisons(only_a=(-0.1, -0.01), only_b=(0.02, 0.1), late=(0.03, 0.1), classical=(0.04, 0.2)))
    assert verdict.status == "worse"
    assert "worse than a alone" in verdict.text
    assert "−0.055" in verdict.text


def test_not_shown_when_an_interval_holds_0_and_the_sentence_of_the_design() -> None:
    verdict = judge(comparisons(only_a=(0.01, 0.1), late=(-0.03, 0.1), classical=(0.0, 0.2)))
    assert verdict.status == "not shown"
    assert verdict.text.startswith("Fusion not supported by these data")
    assert "late fusion and classical (chosen)" in verdict.text


def test_classical_candidates_do_not_decide_but_the_chosen_one_does() -> None:
    rows = comparisons(only_a=(0.01, 0.1), late=(0.01, 0.1), classical=(0.01, 0.1), classical_lr=(-0.2, -0.1))
    assert judge(rows).status == "supported"


def test_an_arm_left_out_cannot_be_beaten() -> None:
    verdict = judge(comparisons(only_a=(0.01, 0.1), classical=(0.01, 0.1)))
    assert (verdict.status, verdict.missing) == ("not shown", ("late fusion",))
    assert "did not compare it with late fusion" in verdict.text
    assert evaluate(predictions({"fusion": 1.0}), draws=10)["verdict"]["status"] == "not shown"


def test_bad_predictions_name_the_arm_and_the_patient() -> None:
    table = predictions({"fusion": 1.0, "late": 0.5}, patients=30)
    missing = table.drop(index=table.index[(table["arm"] == "late") & (table["patient_id"] == "P007")])
    with pytest.raises(FusionError, match=r"arm late, repeat 0: 1 of 30 patients .* P007 \(0\)"):
        evaluate(missing, draws=5)
    with pytest.raises(FusionError, match=r"arm fusion, repeat 0: 30 of 30 .* P000 \(2\)"):
        evaluate(pd.concat([table, table[table["arm"] == "fusion"]]), draws=5)
    with pytest.raises(FusionError, match=r"score that is not in 0 to 1, e\.g\. 1\.5 for patient P000, arm fusion"):
        evaluate(table.assign(score=1.5), draws=5)
    with pytest.raises(FusionError, match=r"score that is not in 0 to 1, e\.g\. nan"):
        evaluate(table.assign(score=np.nan), draws=5)
    with pytest.raises(FusionError, match=r"label that is not 0 or 1, e\.g\. -1"):
        evaluate(table.assign(label=-1), draws=5)
    with pytest.raises(FusionError, match="no column score"):
        evaluate(table.drop(columns="score"), draws=5)


def test_two_thousand_draws_take_seconds() -> None:
    table = predictions({**ALL, "only_c": 0.1, "classical_forest": 0.4}, patients=240)
    start = time.process_time()
    evaluate(table, draws=2000)
    assert time.process_time() - start < 5
