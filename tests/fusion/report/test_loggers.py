"""What loggers write, read back: curves, metrics, figures, the SIMULATED stamp, and no patient id."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from fusion.contract import FusionError
from fusion.report.loggers import Scrubber, check_logger, open_logger
from fusion.run.identifiers import SALT_FILE, hash_id, read_salt
from tests.helpers.offline import key_of, wandb_records

IDS = ["SIM-BR-0001", "SIM-BR-0012", "7"]
CURVES = pd.DataFrame(
    {
        "arm": "fusion",
        "repeat": 0,
        "fold": [0, 0, 1],
        "member": 0,
        "epoch": [0, 1, 0],
        "train_loss": [0.7, 0.6, 0.8],
        "val_auroc": [0.5, np.nan, 0.75],
    }
)
METRICS = {"fusion": {"auroc": {"value": 0.81, "low": 0.7, "high": 0.9}}, "late": {"auroc": {"value": 0.7}}}


def configuration(backend: str, **logger: Any) -> DictConfig:
    return OmegaConf.create(
        {
            "name": "breast",
            "seed": 7,
            "logger": {"backend": backend, "project": "oncofusion", "offline": True, "hash_ids": True, **logger},
            "cohort": {"root": "/home/someone/SIM-BR-0012/cohort", "exclude": ["SIM-BR-0001", "7"], "draws": 7},
        }
    )


def log_all(config: DictConfig, folder: Path, *, simulated: bool = True) -> None:
    figure = folder / "roc.png"
    Image.new("RGB", (24, 24), "white").save(figure)
    with open_logger(config, folder, simulated=simulated, patient_ids=IDS) as logger:
        logger.log_curves(CURVES)
        logger.log_metrics(METRICS)
        logger.log_figures([figure])


@pytest.fixture(scope="module")
def wandb_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    folder = tmp_path_factory.mktemp("run")
    log_all(configuration("wandb"), folder)
    (file,) = folder.rglob("*.wandb")
    return folder, list(wandb_records(file))


def test_wandb_offline_run_holds_config_curves_metrics_and_figures(wandb_run: tuple[Path, list[Any]]) -> None:
    folder, records = wandb_run
    run = next(record.run for record in records if record.WhichOneof("record_type") == "run")
    assert run.project == "oncofusion"
    assert run.display_name == "SIMULATED breast seed 7"
    assert list(run.tags) == ["SIMULATED"]
    config = {
        key_of(item): json.loads(item.value_json)
        for record in records
        for update in ([record.run.config, record.config])
        for item in update.update
    }
    assert config["simulated"] is True
    assert config["cohort"]["draws"] == 7
    rows = [
        {key_of(item): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    curve = [
        row["fusion/repeat0_fold0_member0/train_loss"]
        for row in rows
        if "fusion/repeat0_fold0_member0/train_loss" in row
    ]
    assert curve == [0.7, 0.6]
    assert any(row.get("fusion/repeat0_fold1_member0/val_auroc") == 0.75 for row in rows)
    assert any(row.get("arms/fusion/auroc/value") == 0.81 and row["arms/fusion/auroc/low"] == 0.7 for row in rows)
    assert any(row.get("figures/roc/captions") == ["SIMULATED roc"] for row in rows)
    assert list(folder.rglob("media/images/figures/*.png"))


def test_wandb_files_hold_no_patient_and_no_path(wandb_run: tuple[Path, list[Any]]) -> None:
    folder, records = wandb_run
    text = "".join(str(record) for record in records)
    salt = (folder / SALT_FILE).read_text()
    assert hash_id("SIM-BR-0001", salt) in text
    for forbidden in ("SIM-BR", "/home/someone"):
        assert forbidden not in text
        for file in folder.rglob("*"):
            assert not file.is_file() or forbidden.encode() not in file.read_bytes(), file


def test_wandb_ids_leave_when_the_user_says_so(tmp_path: Path) -> None:
    log_all(configuration("wandb", hash_ids=False), tmp_path, simulated=False)
    (file,) = tmp_path.rglob("*.wandb")
    text = "".join(map(str, wandb_records(file)))
    assert "SIM-BR-0001" in text
    assert "SIMULATED" not in text
    assert not (tmp_path / SALT_FILE).exists()


def test_csv_is_one_long_table_with_its_stamp(tmp_path: Path) -> None:
    log_all(configuration("csv"), tmp_path, simulated=False)
    (tmp_path / "logs" / "live.csv").write_text("curves")
    log_all(configuration("csv"), tmp_path)  # a resumed run begins its log anew, without a warning
    assert (tmp_path / "logs" / "live.csv").read_text() == "curves"
    rows = list(csv.DictReader((tmp_path / "logs" / "metrics.csv").read_text().splitlines()))
    assert {row["data"] for row in rows} == {"SIMULATED"}
    first = [row for row in rows if row["group"] == "fusion/repeat0_fold0_member0"]
    assert [(row["step"], row["train_loss"]) for row in first] == [("0", "0.7"), ("1", "0.6")]
    assert first[1]["val_auroc"] == ""
    assert next(row for row in rows if row["group"] == "arms/fusion/auroc")["high"] == "0.9"
    assert "simulated: true" in (tmp_path / "logs" / "hparams.yaml").read_text()


def test_settings_that_follow_others_are_logged_as_values(tmp_path: Path) -> None:
    config = configuration("csv")
    config.folds = {"seed": "${seed}"}
    log_all(config, tmp_path)
    logged = yaml.safe_load((tmp_path / "logs" / "hparams.yaml").read_text())
    assert logged["folds"] == {"seed": 7}


def test_none_writes_nothing(tmp_path: Path) -> None:
    log_all(configuration("none"), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["roc.png"]


def test_scrubber_reaches_nested_text_and_leaves_the_rest() -> None:
    scrub = Scrubber(IDS, "salt")
    one, seven = hash_id("SIM-BR-0001", "salt"), hash_id("7", "salt")
    assert scrub({"a": ["slides/SIM-BR-0001.tif", "SIM-BR-00012", 7, "7", "17:7675088"], "SIM-BR-0001": None}) == {
        "a": [f"slides/{one}.tif", "SIM-BR-00012", 7, seven, "17:7675088"],
        one: None,
    }
    assert scrub("see /data/study/clinical.tsv, or s3://bucket/x") == "see …/clinical.tsv, or s3://bucket/x"


def test_salt_is_the_owners_and_differs_between_runs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    salt = read_salt(tmp_path / "a")
    assert read_salt(tmp_path / "a") == salt != read_salt(tmp_path / "b")
    assert (tmp_path / "a" / SALT_FILE).stat().st_mode & 0o077 == 0


def test_sending_without_login_is_refused_before_long_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    check_logger(configuration("wandb"))
    check_logger(configuration("csv", offline=False))
    with pytest.raises(FusionError, match="wandb login"):
        check_logger(configuration("wandb", offline=False))
