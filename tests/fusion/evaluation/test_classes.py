"""Metrics of several classes: by hand, against scikit-learn, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from fusion.contract import EndpointSpec, FusionError
from fusion.evaluation.calibration import Temperature, fit_temperature
from fusion.evaluation.class_calibration import calibration_error, class_slope, classwise_error
from fusion.evaluation.classes import evaluate_classes, worst_errors
from fusion.evaluation.outcome import MulticlassOutcome, outcome_of

CLASSES = ("fat", "stroma", "tumour & <nerve>")
ENDPOINT = EndpointSpec(name="tissue", kind="multiclass", classes=CLASSES)


def predictions(gaps: dict[str, float], *, patients: int = 90, repeats: int = 1) -> pd.DataFrame:
    """Arm → how far a case's own class lies above the others, in standard deviations of the logit."""
    rng = np.random.default_rng(3)
    labels = rng.choice(3, size=patients, p=(0.5, 0.3, 0.2))
    noise = rng.normal(size=(repeats, patients, 3))
    parts = []
    for arm, gap in gaps.items():
        for repeat in range(repeats):
            logits = noise[repeat] + 0.5 * rng.normal(size=(patients, 3)) + gap * np.eye(3)[labels]
            scores = Temperature(temperature=1.0)(logits)
            parts.append(
                pd.DataFrame(
                    {
                        "patient_id": [f"p{number:03}" for number in range(patients)],
                        "arm": arm,
                        "repeat": repeat,
                        "fold": np.arange(patients) % 3,
                        "endpoint": "tissue",
                        "label": labels,
                        **MulticlassOutcome(ENDPOINT).columns(scores),
                        "threshold": np.nan,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def test_four_cases_by_hand() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
    table = pd.DataFrame(
        {
            "patient_id": list("abcd"), "arm": "fusion", "repeat": 0, "fold": 0, "endpoint": "tissue",
            "label": [0, 1, 2, 2], **MulticlassOutcome(ENDPOINT).columns(scores), "threshold": np.nan,
        }
    )  # fmt: skip
    found = evaluate_classes(table, classes=CLASSES, draws=10)
    values = {name: part["value"] for name, part in found["arms"]["fusion"].items()}
    assert values["accuracy"] == 0.75
    assert values["balanced_accuracy"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert values["log_loss"] == pytest.approx(-np.log([0.7, 0.5, 0.3, 0.6]).mean())
    assert found["confusion"]["fusion"]["matrix"] == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert found["per_class"]["fusion"]["stroma"]["precision"]["value"] == 0.5
    assert found["per_class"]["fusion"]["stroma"]["recall"]["value"] == 1.0
    assert found["class_patients"] == [1, 1, 2]
    backwards = pd.concat([table.iloc[::-1], table.assign(patient_id="z" + table["patient_id"])])
    assert worst_errors(backwards, classes=CLASSES, arm="fusion", number=5)["patient_id"].tolist() == ["c", "zc"]
    wrong = worst_errors(table, classes=CLASSES, arm="fusion", number=5)
    assert wrong.to_dict("records") == [
        {"patient_id": "c", "truth": CLASSES[2], "called": "stroma", "score": pytest.approx(0.6)}
    ]


def test_values_are_scikit_learns() -> None:
    table = predictions({"fusion": 1.5})
    found = evaluate_classes(table, classes=CLASSES, draws=20)
    scores = table[[f"score_{name}" for name in CLASSES]].to_numpy()
    truth, called = table["label"].to_numpy(), scores.argmax(axis=1)
    values = {name: part["value"] for name, part in found["arms"]["fusion"].items()}
    precision, recall, f1, _ = precision_recall_fscore_support(truth, called)
    assert values["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, called))
    assert values["auroc"] == pytest.approx(roc_auc_score(truth, scores, multi_class="ovr", average="macro"))
    assert values["log_loss"] == pytest.approx(log_loss(truth, scores))
    assert values["f1"] == pytest.approx(f1.mean())
    assert found["confusion"]["fusion"]["matrix"] == confusion_matrix(truth, called).tolist()
    for place, name in enumerate(CLASSES):
        assert found["per_class"]["fusion"][name]["precision"]["value"] == pytest.approx(precision[place])
        assert found["per_class"]["fusion"][name]["recall"]["value"] == pytest.approx(recall[place])


def test_calibration_is_that_of_each_repeat_averaged_and_the_slope_has_an_interval() -> None:
    table = predictions({"fusion": 1.5, "late": 3.0}, repeats=2)
    found = evaluate_classes(table, classes=CLASSES, draws=20)
    for arm, rows in table.groupby("arm"):
        parts = [
            (one["label"].to_numpy(), one[[f"score_{name}" for name in CLASSES]].to_numpy())
            for _, one in rows.groupby("repeat")
        ]
        values = found["arms"][arm]
        assert values["calibration_slope"]["value"] == pytest.approx(np.mean([class_slope(*part) for part in parts]))
        assert 0 < values["calibration_slope"]["low"] < values["calibration_slope"]["value"]
        assert values["calibration_slope"]["value"] < values["calibration_slope"]["high"]
        error = np.mean([calibration_error(*part) for part in parts])
        assert values["calibration_error"] == {"value": pytest.approx(error), "low": None, "high": None, "undefined": 0}
        by_class = np.mean([classwise_error(*part) for part in parts], axis=0)
        told = [found["per_class"][arm][name]["calibration_error"]["value"] for name in CLASSES]
        assert told == pytest.approx(by_class)
        assert len(set(told)) == 3


def test_a_slope_that_does_not_exist_is_null() -> None:
    """Scores that separate the classes have no finite slope, and JSON has no NaN."""
    table = predictions({"fusion": 60.0})
    assert evaluate_classes(table, classes=CLASSES, draws=10)["arms"]["fusion"]["calibration_slope"]["value"] is None


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    table = predictions({"fusion": 1.0}, patients=120)
    found = evaluate_classes(table, classes=CLASSES, draws=2000)["arms"]["fusion"]["accuracy"]
    called = table[[f"score_{name}" for name in CLASSES]].to_numpy().argmax(axis=1)
    right = (called == table["label"].to_numpy()).astype(float)
    half = 1.96 * right.std() / np.sqrt(len(right))
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.1)


def test_the_verdict_reads_balanced_accuracy_and_asks_for_less_of_one_modality() -> None:
    table = predictions({"fusion": 3.0, "classical": 0.5})
    found = evaluate_classes(table, classes=CLASSES, draws=200, modalities=1)
    assert found["verdict"]["metric"] == "balanced_accuracy"
    assert found["verdict"]["status"] == "supported"
    assert "nothing to fuse" in found["verdict"]["text"]
    assert evaluate_classes(table, classes=CLASSES, draws=50)["verdict"]["missing"]
    assert {row["metric"] for row in found["comparisons"]} == {"balanced_accuracy", "accuracy", "auroc", "brier"}


def test_the_gain_over_a_copy_is_0_in_every_draw() -> None:
    table = predictions({"fusion": 1.0})
    rows = evaluate_classes(pd.concat([table, table.assign(arm="late")]), classes=CLASSES, draws=100)["comparisons"]
    assert [(row["gain"], row["low"], row["high"]) for row in rows] == [(0.0, 0.0, 0.0)] * 4


def test_a_gain_is_paired() -> None:
    """Both arms share most noise; unpaired draws would give the width of two intervals, √(a² + b²)."""
    found = evaluate_classes(predictions({"fusion": 1.2, "late": 1.2}), classes=CLASSES, draws=1000)
    gain = next(row for row in found["comparisons"] if row["metric"] == "brier")
    widths = [part["brier"]["high"] - part["brier"]["low"] for part in found["arms"].values()]
    assert gain["high"] - gain["low"] < 0.8 * np.hypot(*widths)


def test_brier_skill_is_against_the_shares_of_classes() -> None:
    table = predictions({"fusion": 1.0})
    shares = table["label"].value_counts(normalize=True).sort_index()
    columns = [f"score_{name}" for name in CLASSES]
    flat = table.assign(**{column: shares[place] for place, column in enumerate(columns)})
    assert evaluate_classes(flat, classes=CLASSES, draws=5)["arms"]["fusion"]["brier_skill"]["value"] == pytest.approx(
        0
    )
    values = evaluate_classes(table, classes=CLASSES, draws=5)["arms"]["fusion"]
    assert values["brier_skill"]["value"] == pytest.approx(1 - values["brier"]["value"] / (1 - (shares**2).sum()))


def test_groups_are_drawn_whole() -> None:
    table = predictions({"fusion": 1.0}, patients=60)
    copies = [table.assign(patient_id=table["patient_id"] + end, group=table["patient_id"]) for end in ("", "-2")]
    once, twice = (evaluate_classes(part, classes=CLASSES, draws=200) for part in (table, pd.concat(copies)))
    assert twice["units"]["drawn"] == "groups"
    assert twice["arms"]["fusion"]["balanced_accuracy"] == pytest.approx(once["arms"]["fusion"]["balanced_accuracy"])


def test_repeats_are_averaged_after_scoring() -> None:
    table = predictions({"fusion": 1.0}, repeats=2)
    each = [
        evaluate_classes(part, classes=CLASSES, draws=5)["arms"]["fusion"]["accuracy"]["value"]
        for _, part in table.groupby("repeat")
    ]
    both = evaluate_classes(table, classes=CLASSES, draws=5)
    assert both["arms"]["fusion"]["accuracy"]["value"] == pytest.approx(np.mean(each))
    assert sum(map(sum, both["confusion"]["fusion"]["matrix"])) == pytest.approx(90)


def test_bad_predictions_are_refused() -> None:
    table = predictions({"fusion": 1.0})
    with pytest.raises(FusionError, match="score_fat"):
        evaluate_classes(table.drop(columns="score_fat"), classes=CLASSES, draws=5)
    with pytest.raises(FusionError, match="label that is not 0 to 2"):
        evaluate_classes(table.assign(label=3), classes=CLASSES, draws=5)
    with pytest.raises(FusionError, match="exactly one out-of-fold prediction"):
        evaluate_classes(table.iloc[:-1].assign(repeat=0).pipe(lambda t: pd.concat([t, t.iloc[:1]])), classes=CLASSES)


def test_the_temperature_that_made_the_labels_is_found_with_no_bias() -> None:
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(20_000, 4))
    probability = Temperature(temperature=2.5)(logits)
    labels = (probability.cumsum(axis=1) > rng.random((len(logits), 1))).argmax(axis=1)
    fitted = fit_temperature(logits, labels)
    assert fitted.temperature == pytest.approx(2.5, rel=0.04)
    assert Temperature(**fitted.state()) == fitted
    assert fitted.bias == pytest.approx((0, 0, 0, 0), abs=0.06)
    assert fitted(logits).sum(axis=1) == pytest.approx(np.ones(len(logits)))
    with pytest.raises(ValueError, match="not finite"):
        fit_temperature(np.full((3, 2), np.nan), [0, 1, 0])
    with pytest.raises(ValueError, match="labels must be 0 to 1"):
        fit_temperature(np.zeros((3, 2)), [0, 1, 2])


def test_folds_that_did_not_score_a_patient_do_not_count() -> None:
    by_fold = np.full((2, 2, 3), np.nan)
    by_fold[0, 0] = (0.6, 0.3, 0.1)
    by_fold[0, 1], by_fold[1, 1] = (0.1, 0.8, 0.1), (0.5, 0.4, 0.1)
    table = outcome_of(ENDPOINT).summary(by_fold)
    assert table["class"] == ["fat", "stroma"]
    assert table["score"] == pytest.approx([0.6, 0.6])
    assert table["low"] == pytest.approx([0.6, 0.4])
    assert table["score_stroma"] == pytest.approx([0.3, 0.6])


def test_labels_of_another_cohort_are_matched_by_name() -> None:
    labels = pd.Series([0, 1, 2, -1], index=list("abcd"))
    aligned = outcome_of(ENDPOINT).align(labels, ("stroma", "bone", "fat"))
    assert aligned.tolist() == [1, -1, 0, -1]
    binary = outcome_of(EndpointSpec(name="response", kind="binary", classes=("no", "yes")))
    assert binary.align(labels.iloc[:2], ("residual", "complete")).tolist() == [0, 1]


def test_the_worst_errors_are_shown_by_the_first_modality_that_has_pictures() -> None:
    from types import SimpleNamespace
    from typing import Any

    outcome, table = outcome_of(ENDPOINT), predictions({"fusion": 1.0})
    modalities: Any = [SimpleNamespace(), SimpleNamespace(picture="image of {}".format)]
    shown = outcome.examples(table, modalities)
    wrong = worst_errors(table, classes=CLASSES, arm="fusion", number=24)
    assert len(shown) == len(wrong) > 0
    assert [one["image"] for one in shown] == [f"image of {name}" for name in wrong["patient_id"]]
    assert outcome.examples(table, modalities[:1]) == []
