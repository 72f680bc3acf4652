"""Which arms a run kept, what their records say, and the table of predictions, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from fusion.apply import arms as arms_module
from fusion.apply.application import _table
from fusion.apply.arms import FoldArms, kept_arms
from fusion.apply.endpoint_arms import EndpointArms
from fusion.apply.reading import FoldReading, kept_of
from fusion.contract import EndpointSpec, FusionError
from fusion.run.state import save_estimator

RESPONSE = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
RELAPSE = EndpointSpec(name="relapse", kind="binary", classes=("no", "yes"))
CALIBRATION = {"slope": 2.0, "intercept": 0.5, "threshold": 0.25}


def keep(folder: Path, arm: str, *, network: bool = False, **record: Any) -> None:
    (folder / arm).mkdir(parents=True, exist_ok=True)
    (folder / arm / "arm.json").write_text(json.dumps(record))
    if network:
        (folder / arm / "member0.safetensors").touch()


@pytest.fixture
def fold(tmp_path: Path) -> Path:
    made = tmp_path / "repeat0_fold0"
    relapse = {"threshold": 0.5, "plain": {"calibration": {"threshold": 0.75}, "modalities": ["clinical"]}}
    keep(
        made, "fusion", network=True, base={"calibration": {"threshold": 0.125}, "modalities": ["clinical"]},
        modalities=["slides", "clinical"], calibration=CALIBRATION,
        secondary={"relapse": {"calibration": relapse, "plain": relapse["plain"]}},
    )  # fmt: skip
    keep(made, "only_slides", network=True, modalities=["slides"], secondary={})
    keep(made, "late", modalities=["slides", "clinical"], calibration={"threshold": None})
    keep(made, "classical_lr", calibration=CALIBRATION)
    keep(made, "classical", chosen="classical_lr")
    keep(made / "secondary0", "classical_lr", calibration={"threshold": 0.5})
    return made


def test_arms_that_every_fold_kept_in_the_order_of_reports(fold: Path, tmp_path: Path) -> None:
    both = ["slides", "clinical"]
    assert kept_arms([fold], both) == ["fusion", "base", "only_slides", "classical_lr", "late", "classical"]
    assert kept_arms([fold], ["clinical"]) == ["fusion", "base", "classical_lr", "late", "classical"]
    assert kept_arms([fold], ["slides"]) == ["fusion", "only_slides", "classical_lr", "late", "classical"]
    other = tmp_path / "repeat0_fold1"
    keep(other, "fusion", network=True, modalities=both)
    keep(other, "late", modalities=both)
    assert kept_arms([fold, other], both) == ["fusion", "late"]
    assert kept_arms([], both) == []


def test_of_a_secondary_endpoint_those_that_know_it(fold: Path) -> None:
    assert kept_arms([fold], ["slides", "clinical"], beside=(0, "relapse")) == ["fusion", "base", "classical_lr"]
    assert kept_arms([fold], ["slides", "clinical"], beside=(1, "grade")) == []


def reading(fold: Path, rows: pd.DataFrame | None = None) -> Any:
    asked: list[tuple[str, Any]] = []
    return SimpleNamespace(
        models=fold, modalities={}, patients=["A", "B"], asked=asked,
        table=lambda arm, kept: (asked.append((arm, kept)), rows)[1],
    )  # fmt: skip


def test_thresholds_are_those_that_the_fold_chose(fold: Path) -> None:
    arms = EndpointArms(reading(fold), RESPONSE)
    assert (arms.threshold("fusion"), arms.threshold("classical")) == (0.25, 0.25)
    assert np.isnan(arms.threshold("late")), "the likeliest class is called"
    assert arms.threshold("base") == 0.125
    beside = EndpointArms(reading(fold), RELAPSE, beside=0)
    assert (beside.threshold("base"), beside.threshold("classical_lr")) == (0.75, 0.5)
    with pytest.raises(FusionError, match="keeps nothing of endpoint 'relapse'"):
        beside.record("only_slides")
    with pytest.raises(FusionError, match=r"keeps no arm 'other' .*there are classical, classical_lr, fusion, late"):
        kept_of(fold, "other")


def test_a_classical_model_reads_its_own_columns_and_is_calibrated(fold: Path) -> None:
    seen = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 0.0, 1.0, 0.0]})
    model = LogisticRegression().fit(seen, [0, 0, 1, 1])
    save_estimator(fold / "classical_lr" / "model.skops", model)
    rows = pd.DataFrame({"other": [9.0, 9.0], "y": [1.0, 0.0], "x": [0.5, 2.5]}, index=["A", "B"])
    read = reading(fold, rows)
    arms = EndpointArms(read, RESPONSE)
    expected = expit(2.0 * model.decision_function(rows[["x", "y"]]) + 0.5)
    assert arms.score("classical") == pytest.approx(expected)
    assert [arm for arm, _ in read.asked] == ["classical_lr"]
    beside = EndpointArms(read, RELAPSE, beside=0)
    save_estimator(fold / "secondary0" / "classical_lr" / "model.skops", model)
    keep(fold / "secondary0", "classical_lr", calibration={"slope": 1.0, "intercept": 0.0, "threshold": 0.5})
    assert beside.score("classical_lr") == pytest.approx(expit(model.decision_function(rows[["x", "y"]])))
    assert read.asked[-1][0] == "secondary0/classical_lr"


def test_tables_are_made_once_and_anew_for_an_arm_that_reads_otherwise(
    fold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusion.apply import reading as module

    made: list[Any] = []
    monkeypatch.setattr(module, "restored", lambda models, arm, *_: (made.append(arm), {"of": arm})[1])
    monkeypatch.setattr(module, "features", lambda whole, patients: (whole["of"], tuple(patients)))
    monkeypatch.setattr(module, "as_read", lambda modalities, readings, kept: modalities)
    read = FoldReading(
        fold, config=None, endpoint=RESPONSE, modalities={}, patients=["A"], make_data=lambda: None,
        readings={"2": {}},
    )  # fmt: skip
    assert [read.table(arm, {"candidate": at}) for arm, at in (("x", "1"), ("y", None), ("z", "2"), ("z", 2))] == [
        ("", ("A",)), ("", ("A",)), ("z", ("A",)), ("z", ("A",)),
    ]  # fmt: skip
    assert made == ["", "z"]


def test_the_table_of_predictions() -> None:
    def modality(*patients: str, failed: tuple[str, ...] = (), **more: Any) -> Any:
        return SimpleNamespace(patients=frozenset(patients), failed=dict.fromkeys(failed, "torn"), **more)

    setup: Any = SimpleNamespace(modalities={"slides": modality("A", "B", failed=("B",)), "clinical": modality("A")})
    scores = [np.array([0.2, np.nan, 0.4]), np.array([0.4, 0.6, np.nan])]
    distances = pd.DataFrame({"f0": [0.5, np.nan, 3.0], "f1": [0.7, 1.0, np.nan]}, index=list("ABC"))
    summary = {"score": [0.3, 0.6, 0.4]}
    found = _table(setup, summary, scores, distances, trained={"B", "C"})
    assert found.to_dict("list") == {
        "patient_id": ["A", "B", "C"],
        "score": [0.3, 0.6, 0.4],
        "modalities": ["slides+clinical", "", ""],
        "out_of_distribution": [False, False, True],
        "distance": [0.6, 1.0, 3.0],
        "fold_models": [2, 1, 1],
        "in_training": [False, True, True],
    }
    setup.modalities["slides"].named_files = lambda patients: [f"{one}.png" for one in patients]
    by_class = [np.tile(one[:, None], (1, 3)) for one in scores]
    found = _table(setup, summary, by_class, distances, trained=set())
    assert (list(found.columns[:2]), found["file"].tolist()) == (["patient_id", "file"], ["A.png", "B.png", "C.png"])
    assert found["fold_models"].tolist() == [2, 1, 1]


def test_refits_move_the_mean_of_the_members(fold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two members, three patients, two draws: each draw's change is added before calibration."""
    change = np.array([[0.5, 0.0, -0.5], [0.0, 1.0, 0.0]])
    logits = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, -1.0]])
    plain = SimpleNamespace(logits=lambda rows: np.array([0.5, 1.0, 1.5]))
    redrawn = SimpleNamespace(restore=lambda arrays: SimpleNamespace(change=lambda model, rows: change))
    for name, value in {
        "load_base": lambda folder: plain if folder == fold / "fusion" else None,
        "Redrawn": redrawn,
        "load_state": lambda folder, name: SimpleNamespace(arrays={}),
    }.items():
        monkeypatch.setattr(arms_module, name, value)
    arms: Any = FoldArms.__new__(FoldArms)
    arms._models, arms._endpoint = fold, RESPONSE
    arms.table = lambda arm: pd.DataFrame()
    arms.network = lambda arm: ([SimpleNamespace(calibrator=lambda logit: 2 * logit)] * 2, logits)
    assert arms.redrawn("fusion") is None, "no refits were kept"
    (fold / "therapy_draws.json").touch()
    assert arms.redrawn("late") is None
    assert arms.redrawn("fusion") == pytest.approx(2 * (np.array([2.0, 2.0, 1.0]) + change))
    keep(fold, "fusion", network=True, base={"calibration": CALIBRATION, "modalities": ["clinical"]})
    assert arms.redrawn("base") == pytest.approx(expit(2 * (np.array([0.5, 1.0, 1.5]) + change) + 0.5))
