"""How candidates of `choose` read modalities: opened and ingested once each, and of the same patients after ingest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.contract import FusionError
from fusion.protocol.readings import distinct, open_readings, refuse_other_patients, told
from fusion.protocol.setup import Setup

SMALL = {"slides": {"size": 32}, "clinical": {"columns": None}}
CONFIG = OmegaConf.create(
    {
        "modality": {"slides": {"size": 64}, "clinical": {"columns": None}},
        "choose": {
            "1": {"settings": {"modality.slides.size": 64}},
            "2": {"settings": {"modality.slides.size": 32}, "modality": SMALL},
            "3": {"settings": {"modality.slides.size": 32, "model.width": 8}, "modality": SMALL},
        },
    }
)


class Slides:
    """A modality whose patients fail in ingest by their tiles' size."""

    patients = frozenset({"P1", "P2", "P3"})

    def __init__(self, name: str, node: Any) -> None:
        self.node, self.ingested = node, 0
        self.input_files = [Path(f"{name}.png"), *([Path("sets.gmt")] if node.get("size") == 32 else [])]
        self.failed: Mapping[str, str] = {}

    def check(self) -> list[str]:
        return ["modality.slides.size: must be 32 or more."] if self.node.get("size") == 16 else []

    def prepare(self, progress: Any) -> None:
        self.ingested += 1
        progress("Cutting tiles", 0, 1)
        if self.node.get("size") == 32:
            self.failed = {"P3": "no tissue"}


@pytest.fixture
def modalities() -> dict[str, Any]:
    return {name: Slides(name, node) for name, node in CONFIG.modality.items()}


def setup_of(modalities: dict[str, Any], readings: Any, alone: tuple[str, ...] = ()) -> Setup:
    cohort: Any = SimpleNamespace(patient_ids=("P1", "P2"), alone=alone)
    source: Any = SimpleNamespace(input_hashes=lambda files, **_: {str(file): "digest" for file in files})
    alike = partial(refuse_other_patients, CONFIG, modalities, readings)
    return Setup(cohort=cohort, modalities=modalities, readings=readings, source=source, alike=alike)


def test_what_is_read_alike_is_opened_once(modalities: dict[str, Any]) -> None:
    made: list[str] = []
    readings = open_readings(CONFIG, modalities, lambda name, node: (made.append(name), Slides(name, node))[1])  # type: ignore[arg-type,return-value]
    assert made == ["slides"]
    assert list(readings) == ["2", "3"]
    assert readings["2"]["slides"] is readings["3"]["slides"] is not modalities["slides"]
    assert readings["2"]["clinical"] is modalities["clinical"]
    assert [number for number, _ in distinct(modalities, readings)] == ["", "", "2"]
    assert open_readings(OmegaConf.create({"modality": {}}), {}, Slides) == {}  # type: ignore[arg-type]


def test_everything_is_ingested_and_its_files_hashed(modalities: dict[str, Any]) -> None:
    readings = open_readings(CONFIG, modalities, Slides)  # type: ignore[arg-type]
    said: list[str] = []
    setup = replace(setup_of(modalities, readings), again=lambda: "anew")  # type: ignore[arg-type,return-value]
    setup.prepare(lambda step, done, total: said.append(step))
    assert said == ["Cutting tiles", "Cutting tiles", "Cutting tiles (candidate 2)"]
    assert [one.ingested for _, one in distinct(modalities, readings)] == [1, 1, 1]  # type: ignore[attr-defined]
    assert set(setup.inputs(told(print, ""), verify="changed")) == {"slides.png", "clinical.png", "sets.gmt"}


def test_patients_whom_one_candidate_loses_in_ingest_are_named(modalities: dict[str, Any]) -> None:
    readings = open_readings(CONFIG, modalities, Slides)  # type: ignore[arg-type]
    with pytest.raises(FusionError) as raised:
        setup_of(modalities, readings, alone=("P3",)).prepare(told(lambda *_: None, ""))
    lines = str(raised.value).splitlines()
    assert lines[0] == (
        "choose, candidate 2 (modality.slides.size=32): 1 patients lack modality.slides by its settings and not by "
        "those of candidate 1: P3 (no tissue)."
    )
    assert lines[1].startswith("choose, candidate 3 (modality.slides.size=32 model.width=8)")
    assert "compared on the same patients" in lines[2]
    modalities["slides"].failed = {"P1": "glass"}
    with pytest.raises(FusionError, match=r"1 patients have modality\.slides by its .*: P1 \(glass\)"):
        refuse_other_patients(CONFIG, modalities, readings, ["P1", "P2"])


@pytest.mark.parametrize(
    ("failed", "named"), [(3, "P1 (glass), P2 (glass), P3 (glass)."), (5, "P3 (glass) and 2 more.")]
)
def test_of_many_patients_three_are_named(modalities: dict[str, Any], failed: int, named: str) -> None:
    patients = [f"P{number}" for number in range(1, 7)]
    readings = open_readings(CONFIG, modalities, Slides)  # type: ignore[arg-type]
    for one in (modalities["slides"], readings["2"]["slides"]):
        one.patients = frozenset(patients)  # type: ignore[misc]
    readings["2"]["slides"].failed = dict.fromkeys(patients[:failed], "glass")  # type: ignore[misc]
    with pytest.raises(FusionError) as raised:
        refuse_other_patients(CONFIG, modalities, readings, patients)
    first = str(raised.value).splitlines()[0]
    assert f": {failed} patients lack modality.slides" in first
    assert first.endswith(named)


def test_what_is_wrong_with_a_candidates_modality_is_told_with_its_name(modalities: dict[str, Any]) -> None:
    config = OmegaConf.merge(CONFIG, {"choose": {"2": {"modality": {"slides": {"size": 16}}}}})
    with pytest.raises(FusionError, match=r"candidate 2 \(modality.slides.size=32\): modality.slides.size: must be 32"):
        open_readings(config, modalities, Slides)  # type: ignore[arg-type]
