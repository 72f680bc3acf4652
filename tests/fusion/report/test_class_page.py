"""The report of several classes: how well their probabilities are calibrated, and older runs that do not say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from fusion.evaluation.choices import summarised
from fusion.evaluation.classes import evaluate_classes
from fusion.report.page import write_report
from fusion.report.sections import number
from fusion.run.folder import RunFolder
from tests.helpers.recorded import assert_page

CLASSES = ("fat", "stroma", "tumour")


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., RunFolder]) -> RunFolder:
    """A run of the fixture, as one of three classes."""
    run = make_run(tmp_path / "run", patients=60)
    rng = np.random.default_rng(1)
    predictions = run.predictions()
    ids = sorted(predictions["patient_id"].unique())
    label = predictions["patient_id"].map({name: place % 3 for place, name in enumerate(ids)}).to_numpy()
    scores = softmax(rng.normal(size=(len(label), 3)) + 1.5 * np.eye(3)[label], axis=1)
    columns = {f"score_{name}": scores[:, place] for place, name in enumerate(CLASSES)}
    table = predictions.assign(label=label, score=scores.max(axis=1), threshold=np.nan, **columns)
    table.to_parquet(run.path / "predictions.parquet", index=False)
    pd.DataFrame({"arm": ["fusion"], "balanced_accuracy": [0.7]}).to_parquet(run.path / "inner.parquet")
    record = run.record()
    record["cohort"]["endpoint"] |= {"kind": "multiclass", "classes": list(CLASSES)}
    (run.path / "run.json").write_text(json.dumps(record))
    run.write_metrics(evaluate_classes(table, classes=CLASSES, draws=50, simulated=True))
    return run


def test_slope_and_error_of_every_arm_and_class(run: RunFolder) -> None:
    html = write_report(run).read_text(encoding="utf-8")
    assert_page(html, Path(__file__).parent / "examples" / "classes.json")
    metrics = run.metrics()
    arms, by_class = (html.split(f'id="{name}"')[1].split("</table>")[0] for name in ("arms", "curves"))
    assert '<th scope="col">Calibration slope</th><th scope="col">Calibration error</th></tr>' in arms
    for values in metrics["arms"].values():
        for name in ("calibration_slope", "calibration_error"):
            assert number(values[name]["value"]) in arms
    assert '<th scope="col">Calibration error</th></tr>' in by_class
    for values in metrics["per_class"]["fusion"].values():
        assert number(values["calibration_error"]["value"]) in by_class
    told = metrics["arms"]["fusion"]
    slope, low, high = (number(told["calibration_slope"][name], 2) for name in ("value", "low", "high"))
    assert f"Calibration slope {slope}, 95 % interval {low} to {high} (1 is perfect" in html
    assert f"of the called class {number(told['calibration_error']['value'])} and" in html


def test_a_run_of_before_shows_none(run: RunFolder) -> None:
    metrics = run.metrics()
    for values in metrics["arms"].values():
        values.pop("calibration_slope")
        values.pop("calibration_error")
    for values in metrics["per_class"].values():
        for of_class in values.values():
            of_class.pop("calibration_error")
    run.write_metrics(metrics)
    html = write_report(run).read_text(encoding="utf-8")
    assert "Calibration slope" not in html
    assert "Calibration error" not in html


def test_what_was_chosen_stands_on_this_page_too(run: RunFolder) -> None:
    rows = [("fusion", 0, fold, name, 0.5, name == "2") for fold in range(5) for name in "12"]
    table = pd.DataFrame(rows, columns=["arm", "repeat", "fold", "candidate", "balanced_accuracy", "chosen"])
    table.to_parquet(run.path / "choices.parquet")
    settings = {"1": "model.width=8", "2": "model.width=16"}
    run.write_metrics(run.metrics() | summarised(table, settings, metric="balanced_accuracy"))
    html = write_report(run).read_text(encoding="utf-8")
    assert "the one with the best inner Balanced accuracy scored" in html
    assert "<code>model.width=16</code></td><td>5 of 5<small>inner 0.500</small></td>" in html
