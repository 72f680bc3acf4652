from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusion.contract import FusionError
from fusion.evaluation.delong import delong_components
from fusion.evaluation.evaluate import evaluate

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
    assert (row["delong_low"], row["delong_high"]) == pytest.approx((row["low"], row["high"]), abs=0.02)
    assert result["verdict"]["status"] == "supported"


def test_shared_noise_narrows_a_gain() -> None:
    """By what both arms share: Var(a - b) = Var(a) + Var(b) - 2 Cov(a, b); unpaired draws would have no covariance."""
    shared = evaluate(predictions({"fusion": 1.0, "late": 1.0}), draws=1000)
    gain = next(row for row in shared["comparisons"] if row["metric"] == "auroc")
    widths = [part["auroc"]["high"] - part["auroc"]["low"] for part in shared["arms"].values()]
    assert gain["high"] - gain["low"] < 0.85 * np.hypot(*widths)


def test_the_gain_over_a_copy_is_0_in_every_draw() -> None:
    table = predictions({"fusion": 1.0})
    rows = evaluate(pd.concat([table, table.assign(arm="late")]), draws=200)["comparisons"]
    assert {row["metric"] for row in rows} == {"auroc", "auroc_fold_mean", "auprc", "brier"}
    assert [(row["gain"], row["low"], row["high"]) for row in rows] == [(0.0, 0.0, 0.0)] * 4


def test_delongs_interval_is_of_the_mean_over_repeats() -> None:
    table = predictions({"fusion": 1.0, "late": 0.6}, repeats=3, patients=120)
    row = next(row for row in evaluate(table, draws=50)["comparisons"] if row["metric"] == "auroc")
    labels = table.drop_duplicates("patient_id").sort_values("patient_id")["label"].to_numpy(float)
    gains = {}
    for arm, rows in table.groupby("arm"):
        each = [
            delong_components(labels, part.sort_values("patient_id")["score"].to_numpy())
            for _, part in rows.groupby("repeat")
        ]
        gains[arm] = np.mean(each, axis=0)
    difference = gains["fusion"] - gains["late"]
    parts = [difference[labels == one] for one in (1, 0)]
    error = np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
    assert row["delong_low"] == pytest.approx(parts[0].mean() - 1.959964 * error)
    assert row["delong_high"] == pytest.approx(parts[0].mean() + 1.959964 * error)


def test_a_score_on_the_threshold_is_called() -> None:
    scores = np.array([0.5, 0.5, 0.4, 0.6])
    table = predictions({"fusion": 0.0}, patients=4).assign(label=[1, 0, 0, 1], score=scores, threshold=0.5, fold=0)
    values = evaluate(table, draws=5)["arms"]["fusion"]
    assert (values["recall"]["value"], values["specificity"]["value"]) == (1.0, 0.5)
    assert values["accuracy"]["value"] == 0.75


def test_undefined_draws_are_counted() -> None:
    table = predictions({"fusion": 1.0, "late": 0.5}, patients=8).assign(
        label=lambda rows: (rows["patient_id"] == "P000") * 1
    )
    result = evaluate(table, draws=400)
    # A draw of 8 misses the only positive with probability (7/8)^8 = 0.344.
    undefined = result["arms"]["fusion"]["auroc"]["undefined"]
    assert undefined / 400 == pytest.approx((7 / 8) ** 8, abs=0.08)
    assert next(row for row in result["comparisons"] if row["metric"] == "auroc")["undefined"] == undefined
    assert result["arms"]["fusion"]["brier"]["undefined"] == 0


def test_brier_skill_is_0_for_the_prevalence_and_1_for_the_truth() -> None:
    table = predictions({"fusion": 1.0})
    prevalence = table["label"].mean()

    def skill(score: pd.Series[float]) -> float:
        return float(evaluate(table.assign(score=score), draws=5)["arms"]["fusion"]["brier_skill"]["value"])

    assert skill(pd.Series(prevalence, index=table.index)) == pytest.approx(0.0)
    assert skill(table["label"].astype(float)) == 1.0
    brier = ((table["score"] - table["label"]) ** 2).mean()
    assert skill(table["score"]) == pytest.approx(1 - brier / (prevalence * (1 - prevalence)))


def grouped(table: pd.DataFrame, size: int) -> pd.DataFrame:
    return table.assign(group=table["patient_id"].str[1:].astype(int).floordiv(size).map("F{}".format))


def test_groups_are_drawn_where_folds_keep_them_whole() -> None:
    table = predictions({"fusion": 1.0, "late": 0.5}, patients=60)
    # Every patient thrice: copies know no more, so drawing the 60 gives the interval of the 60.
    copies = pd.concat(
        [table.assign(patient_id=table["patient_id"] + f"-{copy}", group=table["patient_id"]) for copy in range(3)]
    )
    one, three = evaluate(table, draws=300), evaluate(copies, draws=300)
    assert three["units"] == {"drawn": "groups", "number": 60, "groups": 60, "largest": 3, "conditional": False}
    assert one["units"] == {"drawn": "cases", "number": 60, "groups": None, "largest": 1, "conditional": False}
    for name in ("auroc", "brier", "calibration_slope"):
        assert three["arms"]["fusion"][name] == pytest.approx(one["arms"]["fusion"][name], rel=1e-6)
    for left, right in zip(three["comparisons"], one["comparisons"], strict=True):
        assert {key: left[key] for key in ("gain", "low", "high")} == pytest.approx(
            {key: right[key] for key in ("gain", "low", "high")}, abs=1e-9
        )
    gains = [next(row for row in part["comparisons"] if row["metric"] == "auroc") for part in (one, three)]
    widths = [row["delong_high"] - row["delong_low"] for row in gains]
    assert widths[1] == pytest.approx(widths[0], rel=0.05)  # Student's quantile, not the normal one


def test_below_20_groups_cases_are_drawn_and_nothing_is_supported() -> None:
    table = predictions(ALL, patients=190)
    enough, few = evaluate(grouped(table, 9), draws=200), evaluate(grouped(table, 10), draws=200)
    assert (enough["units"]["groups"], enough["units"]["conditional"]) == (22, False)
    assert enough["verdict"]["status"] == "supported"
    assert few["units"] == {"drawn": "cases", "number": 190, "groups": 19, "largest": 10, "conditional": True}
    assert few["verdict"]["status"] == "not shown"
    assert "19 groups" in few["verdict"]["text"]
    assert few["arms"] == evaluate(table, draws=200)["arms"]


def test_a_patient_of_two_groups_is_refused() -> None:
    table = grouped(predictions({"fusion": 1.0, "late": 0.5}, patients=30), 3)
    table.loc[(table["patient_id"] == "P004") & (table["arm"] == "late"), "group"] = "F9"
    with pytest.raises(FusionError, match=r"1 patients are in more than one group, e\.g\. P004"):
        evaluate(table, draws=5)


def test_the_verdict_of_each_repeat_and_in_how_many_it_holds() -> None:
    strong, none = predictions(ALL), predictions(dict.fromkeys(ALL, 1.0), seed=0).assign(repeat=1)
    verdict = evaluate(pd.concat([strong, none, strong.assign(repeat=2)]), draws=300)["verdict"]
    assert verdict["by_repeat"] == ["supported", "not shown", "supported"]
    assert (verdict["status"], verdict["holds"]) == ("supported", 2)
    alike = evaluate(predictions(dict.fromkeys(ALL, 1.0), repeats=2), draws=300)["verdict"]
    assert (alike["by_repeat"], alike["holds"]) == (["not shown", "not shown"], 2)


def test_with_one_modality_that_modality_alone_does_not_decide() -> None:
    table = predictions({"fusion": 1.0, "only_slides": 4.0, "late": 4.0, "classical": 1.0, "classical_lr": 4.0})
    one, two = (evaluate(table, draws=200, modalities=number)["verdict"] for number in (1, 2))
    assert one["against"] == ("classical",)
    assert (one["status"], two["status"]) == ("not shown", "worse")
    assert "one modality and so nothing to fuse" in one["compares"]
    better = evaluate(predictions({"fusion": 3.0, "only_slides": 3.0, "classical": 0.5}), draws=200, modalities=1)
    assert better["verdict"]["status"] == "supported"


def test_a_margin_below_0_is_refused() -> None:
    with pytest.raises(FusionError, match=r"evaluation\.margin is -0\.02: it must be above 0"):
        evaluate(predictions({"fusion": 1.0}), draws=5, margin=-0.02)


def test_brier_gain_is_positive_where_fusion_is_better() -> None:
    rows = evaluate(predictions(ALL), draws=50)["comparisons"]
    assert next(row for row in rows if row["metric"] == "brier" and row["arm"] == "only_clinical")["gain"] > 0


def test_no_verdict_of_support_on_noise() -> None:
    result = evaluate(predictions(dict.fromkeys(ALL, 0.0)), draws=300)
    assert result["verdict"]["status"] != "supported"


def test_an_arm_left_out_cannot_be_beaten() -> None:
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
