"""Curves while networks train and the report as an artifact, read back from what W&B keeps offline."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from omegaconf import DictConfig, OmegaConf

from fusion.report.loggers import Scrubber, open_logger
from fusion.report.tracking.artifacts import log_report, scrubbed
from fusion.report.tracking.live import LiveCurves
from fusion.run.folder import RunFolder
from fusion.run.identifiers import hash_id
from tests.helpers.offline import key_of, wandb_records

PAGE = """<html><style>p { font: 9pt/1.4 serif; }</style><body><h2 title="of SIM-BR-0001">SIM-BR-0001</h2>
<p>read from /home/someone/data/SIM-BR-0002.tif</p><img src="data:image/png;base64,AA/BB/CC=" alt="SIM-BR-0003">
</body></html>
"""


def configuration(backend: str) -> DictConfig:
    logger = {"backend": backend, "project": "oncofusion", "offline": True, "hash_ids": True}
    return OmegaConf.create({"name": "breast", "seed": 7, "logger": logger})


def rows(fold: int) -> list[dict[str, Any]]:
    where = {"arm": "fusion", "repeat": 0, "fold": fold}
    return [
        {**where, "member": member, "epoch": epoch, "train_loss": 0.7 - 0.1 * epoch, "val_auroc": 0.5 + 0.1 * member}
        for member in range(2)
        for epoch in range(2)
    ]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., RunFolder]) -> tuple[RunFolder, list[Any]]:
    """Two folds that train at the same time, then the result; every run's records."""
    folder = make_run(tmp_path_factory.mktemp("live") / "run", patients=40)
    # As of an arm that starts from a plain model; its gate's record holds a text too.
    (stored,) = folder.path.rglob("repeat0_fold0/**/inner.parquet")
    pd.read_parquet(stored).assign(gate_value=0.25, gate_products="[]", gate_of=None).to_parquet(stored)
    config = configuration("wandb")
    ids = folder.cohort()["patient_id"].tolist()
    with LiveCurves(config, folder, simulated=True, patient_ids=ids) as live:
        for one, other in zip(rows(0), rows(1), strict=True):
            live.epoch(one)
            live.epoch(other)
        live.finished("repeat0_fold0")
        live.finished("repeat0_fold3")  # of which nothing was heard
    page = folder.path / "report.html"
    page.write_text(PAGE)
    with open_logger(config, folder.path, simulated=True, patient_ids=ids) as logger:
        logger.log_summary(folder.metrics())
        log_report(logger, page, [], folder=folder.path)
    return folder, [list(wandb_records(file)) for file in sorted(folder.path.rglob("*.wandb"))]


def run_of(records: list[Any]) -> Any:
    return next(record.run for record in records if record.WhichOneof("record_type") == "run")


def summary_of(records: list[Any]) -> dict[str, Any]:
    return {
        key_of(item): json.loads(item.value_json)
        for record in records
        if record.WhichOneof("record_type") == "summary"
        for item in record.summary.update
    }


def artifacts_of(records: list[Any]) -> list[Any]:
    """Handed over as records, or as requests to the service that keeps them."""
    asked = [record.request for record in records if record.WhichOneof("record_type") == "request"]
    return [
        *(record.artifact for record in records if record.WhichOneof("record_type") == "artifact"),
        *(one.log_artifact.artifact for one in asked if one.HasField("log_artifact")),
    ]


def test_every_fold_is_a_run_of_its_experiment_with_live_curves(logged: tuple[RunFolder, list[Any]]) -> None:
    folder, runs = logged
    folds = {run_of(records).display_name: records for records in runs if run_of(records).job_type == "fold"}
    assert set(folds) == {f"SIMULATED breast seed 7 repeat0_fold{fold}" for fold in (0, 1)}
    assert {run_of(records).run_group for records in runs} == {"breast"}
    assert [run_of(records).job_type for records in runs].count("result") == 1
    records = folds["SIMULATED breast seed 7 repeat0_fold0"]
    history = [
        {key_of(item): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    told = [(row["epoch"], row["fusion/member1/train_loss"]) for row in history if "fusion/member1/train_loss" in row]
    assert told == [(0, 0.7), (1, pytest.approx(0.6))]
    assert {row["fusion/member0/val_auroc"] for row in history if "fusion/member0/val_auroc" in row} == {0.5}
    inner = folder.load_fold("repeat0_fold0").inner.set_index("arm")["auroc"]
    summary = summary_of(records)
    assert summary["inner/fusion/auroc"] == pytest.approx(inner["fusion"])
    assert summary["inner/fusion/gate_value"] == 0.25 and "inner/fusion/gate_products" not in summary


def test_the_result_has_intervals_and_the_report_without_names(logged: tuple[RunFolder, list[Any]]) -> None:
    folder, runs = logged
    (records,) = (records for records in runs if run_of(records).job_type == "result")
    summary, metrics = summary_of(records), folder.metrics()
    for part, key in (("value", "fusion/auroc"), ("low", "fusion/auroc/low"), ("high", "fusion/auroc/high")):
        assert summary[key] == pytest.approx(metrics["arms"]["fusion"]["auroc"][part])
    assert summary["verdict"] == metrics["verdict"]["status"]
    (artifact,) = artifacts_of(records)
    assert artifact.type == "report"
    (entry,) = artifact.manifest.contents
    assert entry.path == "report.html" and Path(entry.local_path).is_relative_to(folder.path / "wandb")
    html = Path(entry.local_path).read_text()
    salt = (folder.path / "id_salt").read_text()
    for forbidden in ("SIM-BR", "/home/someone", "<img"):
        assert forbidden not in html
    assert hash_id("SIM-BR-0001", salt) in html
    text = "".join(str(record) for one in runs for record in one)
    assert "SIM-BR-" not in text


def test_a_page_stays_whole_where_names_may_go_and_where_they_cannot_be_found(tmp_path: Path) -> None:
    assert scrubbed(PAGE, None) == PAGE
    clean = scrubbed(PAGE, Scrubber(["SIM-BR-0001", "SIM-BR-0002"], "salt"))
    assert clean.startswith('<html><style>p { font: 9pt/1.4 serif; }</style><body><h2 title="of ')
    assert "</h2>" in clean and clean.rstrip().endswith("</body></html>") and "read from …/" in clean
    assert Scrubber(["SIM-BR-0001"], "salt").searchable and not Scrubber(["SIM-BR-0001", "7"], "salt").searchable


def test_rows_are_on_disk_as_they_come(tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    folder = RunFolder(tmp_path)
    with LiveCurves(configuration("csv"), folder, simulated=True, patient_ids=[]) as live:
        live.epoch(rows(0)[0])
        live.epoch(rows(1)[3])
        found = list(csv.DictReader((tmp_path / "logs" / "live.csv").read_text().splitlines()))
    assert [(row["data"], row["fold"], row["member"], row["epoch"]) for row in found] == [
        ("SIMULATED", "0", "0", "0"), ("SIMULATED", "1", "1", "1"),
    ]  # fmt: skip
    with LiveCurves(configuration("none"), RunFolder(tmp_path / "none"), simulated=True, patient_ids=[]) as live:
        live.epoch(rows(0)[0])
    assert not (tmp_path / "none").exists()
