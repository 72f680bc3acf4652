"""What is read of a sweep's folder, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fusion.run.files import RunFolderError
from fusion.run.sweep import FILE, GRID, open_sweep
from fusion.run.watched import PRUNED


def job(folder: Path, name: str, status: str | None = "complete", **config: Any) -> None:
    (folder / name).mkdir(parents=True)
    if status is not None:
        (folder / name / "run.json").write_text(json.dumps({"format": 1, "status": status}))
        (folder / name / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sweep"
    same = {"seed": 1, "choose": {}}
    job(made, "10", output="c", workers=3, trainer={"rate": 0.1, "epochs": 5}, **same)
    job(made, "2", output="b", workers=2, trainer={"rate": 0.1, "epochs": 9}, **same)
    job(made, "0", output="a", workers=1, trainer={"rate": 0.5, "epochs": 5}, **same)
    job(made, "3", PRUNED)
    job(made, "4", "running")
    job(made, "5", None)
    job(made, ".hydra", None)
    (made / "multirun.log").touch()
    (made / "7").symlink_to(made / "0")
    return made


def test_jobs_are_in_the_order_of_their_numbers_and_what_differs_is_what_they_set(folder: Path) -> None:
    found = open_sweep(folder)
    assert list(found.jobs) == ["0", "2", "10"]
    assert (found.unfinished, found.pruned) == (("4", "5"), ("3",))
    assert found.settings == {
        "0": "trainer.rate=0.5 trainer.epochs=5",
        "2": "trainer.rate=0.1 trainer.epochs=9",
        "10": "trainer.rate=0.1 trainer.epochs=5",
    }
    assert found.sweeper is None and found.adaptive, "nobody knows who proposed them"


def test_what_was_typed_counts_more_and_the_sweeper_is_known(folder: Path) -> None:
    (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": {"sweeper": {"_target_": GRID}}}))
    assert (open_sweep(folder).sweeper, open_sweep(folder).adaptive) == (GRID, False)
    jobs = [{"job": 0, "overrides": ["trainer.rate=0.5", "seed=1"]}, {"job": "10", "overrides": "a=1"}, {"job": 2}]
    (folder / FILE).write_text(json.dumps({"jobs": jobs, "sweeper": "optuna"}))
    found = open_sweep(folder)
    assert (found.sweeper, found.adaptive) == ("optuna", True)
    assert found.settings == {
        "0": "trainer.rate=0.5 seed=1",
        "2": "trainer.rate=0.1 trainer.epochs=9",
        "10": "a=1",
    }


def test_folders_without_a_finished_job_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"is no folder\. Set jobs="):
        open_sweep(tmp_path / "none")
    job(tmp_path / "sweep", "0", "running")
    with pytest.raises(RunFolderError, match="holds no finished job"):
        open_sweep(tmp_path / "sweep")
