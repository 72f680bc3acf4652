"""Slides as tasks: what a node is told, what is made of its answers, and whose fault a failure is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from data_modules.ingest.slides.slide_set import SlideSet
from data_modules.modalities.slides.slides import Slides
from fusion.contract import FusionError
from fusion.contract.pieces import Piece
from fusion.protocol.execution import ingest
from fusion.protocol.execution.cluster import LostError
from fusion.protocol.execution.node import serve
from tests.helpers.cluster import Here

Work = Callable[[dict[str, Any], int], str]


@pytest.fixture
def config(tmp_path: Path) -> DictConfig:
    """Two slides of four tiles, and a white one between them."""
    for patient in ("P1", "P2", "P3"):
        pixels = np.full((128, 128, 3), 243, dtype=np.uint8)
        if patient != "P2":
            noise = np.random.default_rng(ord(patient[1])).integers(-30, 31, (96, 96, 1))
            pixels[16:112, 16:112] = np.array([190, 110, 170]) + noise
        Image.fromarray(pixels).save(tmp_path / f"{patient}.png")
    slides = {
        "_target_": "data_modules.modalities.slides.slides.Slides",
        "files": "*.png",
        "patient_pattern": r"(P\d)",
        "mpp": 1.0,
        "tile": {"size": 32, "max_tiles": 4},
        "tissue": {"reject": [], "min_area": 100.0},
        "max_failed": 0.5,
    }
    cache = str(tmp_path / "cache")
    source = {"_target_": "types.SimpleNamespace", "root": str(tmp_path), "cache": cache, "simulated": False}
    asked = {"execution": "ray", "ray": {"cpus": 1, "gpus": 0, "retries": 1, "address": None}, "workers": None}
    return OmegaConf.create({**asked, "cache": cache, "cohort": source, "modality": {"slides": slides}})


def ingested(config: DictConfig, work: Work, monkeypatch: pytest.MonkeyPatch) -> tuple[SlideSet, list[str], list[Here]]:
    """The slides as a cluster that does `work` ingests them, what was said, and the clusters that were opened."""
    from hydra.utils import instantiate

    opened: list[Here] = []
    said: list[str] = []

    def open_cluster(config: Any, *, logs: Path) -> Here:
        opened.append(Here(work))
        return opened[-1]

    monkeypatch.setattr(ingest, "open_cluster", open_cluster)
    modality: Slides = instantiate(config.modality.slides, name="slides", source=instantiate(config.cohort))
    modality.elsewhere = ingest.elsewhere_of(config, said.append)
    assert modality.check() == []
    try:
        modality.prepare(lambda step, done, total: None)
    finally:
        assert [one.closed for one in opened] == [1] * len(opened)
        assert not (Path(config.cache) / "tasks").exists()
    return modality.ingested, said, opened


def test_a_node_makes_slides_and_names_those_that_fail(config: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    found, said, (cluster,) = ingested(config, lambda job, number: serve(json.dumps(job)), monkeypatch)
    assert set(found.entries) == {"P1.png", "P3.png"} and said == []
    assert list(found.errors) == ["P2.png"] and found.errors["P2.png"].startswith("P2.png shows 0.000 mm² of tissue")
    assert len(cluster.given) == 3
    assert not any(name in json.dumps(cluster.given) for name in ("P1", "P2", "P3"))
    # What is made already is not asked for again; one that failed is.
    (again,) = ingested(config, lambda job, number: serve(json.dumps(job)), monkeypatch)[2]
    assert [job["pieces"][0][0] for job in again.given] == [1]


def test_a_slide_that_ends_its_process_is_known_and_the_others_go_on(
    config: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(one: int) -> Work:
        def work(job: dict[str, Any], number: int) -> str:
            if one in [piece for piece, _ in job["pieces"]]:
                raise LostError("its process was lost", memory=True)
            return serve(json.dumps(job))

        return work

    def asked(cluster: Here) -> list[list[int]]:
        return [[piece for piece, _ in job["pieces"]] for job in cluster.given]

    monkeypatch.setattr(ingest, "TASKS", 2)  # so that P1 and P2 are a task, and P3
    config.modality.slides.max_failed = 0.7
    found, said, opened = ingested(config, losing(2), monkeypatch)
    assert found.errors["P3.png"] == "P3.png: its process was lost, 2 times (memory ran out?)"
    assert [asked(one) for one in opened] == [[[0, 1], [2], [2]]]
    assert said == ["modality.slides: P3.png: its process was lost; it begins again (1 of 1 times)."]

    config.cache = config.cohort.cache = config.cache + "_other"
    found, said, opened = ingested(config, losing(0), monkeypatch)
    assert set(found.entries) == {"P3.png"} and set(found.errors) == {"P1.png", "P2.png"}
    assert [asked(one) for one in opened] == [[[0, 1], [2], [0, 1]], [[0], [1], [0]]]
    assert said[0].startswith("modality.slides: P1.png, P2.png: its process was lost;")


def test_too_many_failures_end_all_tasks(config: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config.modality.slides.max_failed = 0.1
    numbers: list[int] = []

    def work(job: dict[str, Any], number: int) -> str:
        numbers.append(number)
        return serve(json.dumps(job))

    with pytest.raises(FusionError, match=r"1 of 3 slides failed, above modality\.slides\.max_failed=0\.1: P2\.png"):
        ingested(config, work, monkeypatch)
    assert numbers == [1, 2]  # P3 is not waited for


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cache": "/nowhere"}, r"P1\.png: node .* does not see the cache folder /nowhere\. Set cache to a folder on"),
        ({"pieces": [[1, "a" * 64]]}, r"the 3 here are not those that the command was started with \(P2\.png\)"),
        ({"pieces": [[3, "a" * 64]]}, r"are not those that the command was started with \(number 4\).*\(node .*\)"),
        ({"seen": {"cohort.root": "/nowhere"}}, r"does not see /nowhere \(cohort\.root\)\. Put it on a disk"),
    ],
)
def test_a_node_that_sees_other_files_says_so(
    config: DictConfig, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(FusionError, match=said):
        ingested(config, lambda job, number: serve(json.dumps(job | change)), monkeypatch)


def test_a_fault_of_the_node_is_told_with_its_traceback(config: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(job: dict[str, Any], number: int) -> str:
        failed = {"said": "ImportError: no", "details": "Traceback", "memory": False, "mendable": False}
        return json.dumps({"host": "node7", "failed": failed})

    log = Path(config.cache) / "logs/slides.log"
    with pytest.raises(FusionError, match=rf"modality\.slides: P1\.png: ImportError: no\. Traceback: {log}\."):
        ingested(config, work, monkeypatch)
    assert log.read_text() == "On node node7:\nTraceback"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_the_node_is_asked_for_the_device(config: DictConfig) -> None:
    from hydra.utils import instantiate

    # Asked before any weights are read.
    config.modality.slides.embed = {"encoder": "resnet18", "weights": f"{config.cohort.root}/P1.png", "device": "cuda"}
    modality: Slides = instantiate(config.modality.slides, name="slides", source=instantiate(config.cohort))
    assert "modality.slides.embed.device=cuda: torch finds no CUDA GPU" in modality.check()[0]
    config.ray.gpus = 1
    modality.elsewhere = ingest.elsewhere_of(config)
    assert modality.check() == []
    with pytest.raises(FusionError, match=r"modality\.slides\.embed\.device=cuda: torch finds no CUDA GPU"):
        modality.make([Piece(number=0, key="")])


def test_where_nothing_is_elsewhere_nobody_is_asked(config: DictConfig) -> None:
    config.execution = "local"
    assert ingest.elsewhere_of(config) is None
