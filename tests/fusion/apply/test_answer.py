"""The lines that predict answers with, word for word."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fusion.apply.answer import answer, of_secondary

OUTCOME: Any = SimpleNamespace(label="AUROC", chosen="auroc")
FACTS = {"simulated": False, "patients": 9, "arm": "fusion", "notes": ["one note"], "classes": ["PD", "CR"]}


def part(value: float | None) -> dict[str, Any]:
    return {"value": value, "low": 0.25, "high": 0.75}


def test_without_labels() -> None:
    assert answer(FACTS, None, OUTCOME, Path("out")) == [
        "9 patients scored by fusion: out/predictions.csv",
        "Note: one note",
    ]


def test_with_labels_recalibration_and_verdict() -> None:
    when = {"calibration_slope": part(0.5), "calibration_intercept": part(None), "brier": part(0.2)}
    then = {"calibration_slope": part(1.0), "calibration_intercept": part(0.0), "brier": part(0.125)}
    metrics = {
        "arms": {"fusion": {"auroc": part(0.6), "calibration_slope": part(0.5), "calibration_intercept": part(None)}},
        "patients": 8,
        "positives": 3,
        "recalibration": {"updated": "slope", "patients": 8, "before": when, "after": then},
        "verdict": {"status": "not shown", "text": "no arm differs."},
    }
    assert answer({**FACTS, "simulated": True, "notes": []}, metrics, OUTCOME, Path("out")) == [
        "SIMULATED · 9 patients scored by fusion: out/predictions.csv",
        "SIMULATED · AUROC 0.600 (0.250 to 0.750) on 8 labelled patients, 3 CR; calibration slope 0.500 "
        "(0.250 to 0.750), intercept undefined: out/metrics.json",
        "SIMULATED · Recalibrated (slope, cross-fitted on 8 patients): calibration slope 0.500 → 1.000, intercept "
        "undefined → 0.000, Brier score 0.200 → 0.125",
        "SIMULATED · On this cohort, not shown: no arm differs.",
    ]


def test_several_classes_have_no_intercept() -> None:
    metrics = {"arms": {"fusion": {"auroc": part(0.6), "calibration_slope": part(0.5)}}, "patients": 8}
    assert answer(FACTS, metrics, OUTCOME, Path("out"))[-1] == (
        "AUROC 0.600 (0.250 to 0.750) on 8 labelled patients: out/metrics.json"
    )


def test_of_a_secondary_endpoint() -> None:
    said: Any = SimpleNamespace(name="relapse", outcome=OUTCOME)
    judged = {"arms": {"fusion": {"auroc": part(0.6)}}, "patients": 8, "verdict": {"status": "not shown"}}
    assert of_secondary(said, None, FACTS) == "relapse (secondary, decides nothing): no labels to judge it by"
    told = of_secondary(said, judged, {**FACTS, "simulated": True})
    assert told == (
        "SIMULATED · relapse (secondary, decides nothing): AUROC 0.600 (0.250 to 0.750) on 8 labelled patients; not "
        "shown beside the run's other arms"
    )
