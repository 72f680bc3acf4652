"""What all patients' parts say together, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.attribution.patient import Explanation
from fusion.attribution.plan import Patient
from fusion.attribution.store import PAGE, STATE, Store
from fusion.attribution.summary import TARGETS, Summary, _candidates, _root, _side, check, check_against, finish
from fusion.attribution.truth import Truth

CONFIG: Any = SimpleNamespace(
    evaluation=SimpleNamespace(draws=20, seed=3),
    arm="fusion",
    method="ablation",
    steps=32,
    horizon=None,
    repeat=0,
    anonymise=1,
)
FACTS: dict[str, dict[str, Any]] = {
    "a": {"score": 0.5, "delta": -0.25, "log_odds": 1.0, "reference": 3.0, "deletion": {"tiles": 0.5, "genes": 0.75}},
    "b": {"score": 0.25, "delta": 0.125, "log_odds": 0.5, "reference": 0.0, "deletion": {}},
    "c": {"score": 1.0, "delta": 0.0, "log_odds": -1.0, "reference": 0.0, "deletion": {"tiles": 0.25}},
}


def patients(*scores: float) -> list[Patient]:
    return [Patient(id=name, name=name, fold=0, label=0, score=one) for name, one in zip(FACTS, scores, strict=True)]


def test_parts_are_complete_and_agree_by_these_figures() -> None:
    found = check(FACTS, patients(0.5, 0.5, 0.875), config=CONFIG)
    assert found["patients"] == 3 and found["truth"] is None
    assert found["score_difference"] == 0.25
    # Sizes 0.25, 0.125 and 0; changes of 2, 0.5 and 1.
    assert found["delta"] == {"median": 0.125, "largest": 0.25, "typical_change": 1.0}
    assert list(found["deletion"]) == ["tiles", "genes"]
    assert found["deletion"]["tiles"]["value"] == 0.375 and found["deletion"]["tiles"]["patients"] == 2
    assert found["deletion"]["genes"]["value"] == 0.75 and found["deletion"]["genes"]["patients"] == 1


def test_against_the_truth_each_figure_has_its_own_score(tmp_path: Path) -> None:
    """Four tiles of 2 × 2 cells: the first drives, attributed 1, -3, 2 and 2; the model looked at it least but one."""
    np.save(tmp_path / "a.npy", np.array([[7, 7, 0, 0], [7, 7, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]))
    truth = Truth(genes={"a": frozenset({"TP53"})}, regions=tmp_path, cell=10.0, driving=7)
    tiles = pd.DataFrame(
        {
            "feature": [f"tile:0:{x},{y}" for y in (0, 40) for x in (0, 40)],
            "attribution": [1.0, -3.0, 2.0, 2.0], "attention": [0.2, 0.1, 0.3, 0.4],
            "x": [0, 40, 0, 40], "y": [0, 0, 40, 40],
        }
    )  # fmt: skip
    genes = pd.DataFrame({"feature": ["v:TP53", "v:BRCA1"], "gene": ["TP53", "BRCA1"], "attribution": [0.5, -1.0]})
    store = Store.create(tmp_path / "out", "key", overwrite=False)
    store.save("a", Explanation(rows=pd.concat([genes, tiles], ignore_index=True), facts={}, pictures={}))
    facts = {"a": {"slides": {"slides": {"tile_px": [40], "mpp": [0.5]}}}}
    found = check_against(truth, store, facts, patients(0, 0, 0)[:1], {0: frozenset({"PTEN", "KRAS"})}, config=CONFIG)
    assert found["targets"] == TARGETS
    # TP53 lies below BRCA1 and above two candidates that nobody attributed anything to.
    assert found["variants"]["value"] == pytest.approx(2 / 3) and found["variants_strict"]["value"] == 0
    # The slide speaks for response: of 1 against -3, 2, 2 one is lower. By size all are larger. By attention one lower.
    assert found["tiles"]["value"] == pytest.approx(1 / 3)
    assert found["tiles_by_size"]["value"] == 0
    assert found["tiles_by_attention"]["value"] == pytest.approx(1 / 3)


def test_the_side_of_a_tile_is_the_first_slides() -> None:
    assert _side(
        {"slides": {"he": {"tile_px": [256, 512], "mpp": [0.5, 0.25]}, "ihc": {"tile_px": [8], "mpp": [1]}}}
    ) == (
        128.0,
        0.5,
    )
    assert _side({}) is None and _side({"slides": {}}) is None
    assert _side({"slides": {"he": {"tile_px": [], "mpp": []}}}) is None


def test_candidates_are_told_by_a_folds_place() -> None:
    chosen = pd.DataFrame({"repeat": [0, 0, 1, 1], "fold": [1, 1, 0, 0], "gene": ["A", "B", "C", None]})
    folds = {"folds": [{"repeat": 0, "index": 0}, {"repeat": 0, "index": 1}, {"repeat": 1, "index": 0}]}
    folder: Any = SimpleNamespace(selected=lambda: chosen, folds=lambda: folds)
    assert _candidates(folder) == {1: frozenset({"A", "B"}), 2: frozenset({"C"})}
    assert _candidates(SimpleNamespace(selected=lambda: chosen.iloc[:0], folds=lambda: folds)) == {}  # type: ignore[arg-type]


def test_the_root_is_that_of_the_first_modality_that_has_one() -> None:
    parts = {
        "a": object(),
        "b": SimpleNamespace(source=None),
        "c": SimpleNamespace(source=SimpleNamespace(root="data/x")),
    }
    assert _root(SimpleNamespace(modalities=parts)) == Path("data/x")  # type: ignore[arg-type]
    assert _root(SimpleNamespace(modalities={"a": object()})) is None  # type: ignore[arg-type]


def test_a_whole_explanation_is_marked_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store.create(tmp_path, "key", overwrite=False)
    figure = {"value": 0.5, "low": 0.25, "high": 0.75, "patients": 2}
    nobody = {"value": None, "low": None, "high": None, "patients": 0}
    checks = {"deletion": {"tiles": figure}, "truth": {"variants": figure, "tiles": nobody, "variants_strict": figure}}
    scale: Any = SimpleNamespace(unit="log-odds", endpoint=SimpleNamespace(name="response"))
    finish(store, Summary(facts={"a": {}, "b": {}}, checks=checks, scale=scale), simulated=True, config=CONFIG)
    assert json.loads((tmp_path / STATE).read_text()) == {
        "status": "complete", "key": "key", "simulated": True, "arm": "fusion", "endpoint": "response",
        "method": "ablation", "steps": 32,
        "horizon": None, "repeat": 0, "patients": 2, "anonymised": True,
    }  # fmt: skip
    assert capsys.readouterr().out.splitlines() == [
        f"SIMULATED 2 patients explained out of fold: {tmp_path / PAGE}",
        "Deletion over chance, tiles: 0.500 (0.250 to 0.750; 2 patients) log-odds",
        "AUROC against the truth, variants: 0.500 (0.250 to 0.750; 2 patients)",
        "AUROC against the truth, tiles: no patient to measure it on",
    ]
    finish(
        store, Summary(facts={"a": {}}, checks=checks | {"truth": None}, scale=scale), simulated=False, config=CONFIG
    )
    assert capsys.readouterr().out.splitlines()[0] == f"1 patients explained out of fold: {tmp_path / PAGE}"
