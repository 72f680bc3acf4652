"""A cohort of one's own, as a user writes it: data alone, and as earlier versions wrote it, with choices in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.helpers import warm

DATA = """# @package _global_
defaults:
  - /modality@modality.clinical: table
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: {name}
  root: data
  tables:
    clinical:
      file: clinical.csv
      id: patient
      columns:
        age: {{time: baseline, kind: number}}
        ki67: {{time: baseline, kind: number}}
        later: {{time: baseline, kind: number}}
        best_response: {{time: outcome}}
  endpoints:
    response: {{table: clinical, column: best_response, positive: [CR, PR], negative: [SD, PD]}}
modality:
  clinical: {{table: clinical}}
"""
CHOICES = """folds: {outer: 2, inner: 2}
arms: [fusion]
evaluation: {draws: 50}
trainer: {max_epochs: 1, min_epochs: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 patients in one table; cohorts ``mine`` (data alone, with a preset) and ``old`` (as commit 2c33775 had it)."""
    home = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    best = rng.permutation(["CR", "PR", "SD", "PD"] * 10)
    table = pd.DataFrame({"patient": [f"P{at:02}" for at in range(40)], "age": rng.integers(30, 80, 40)})
    table = table.assign(ki67=rng.normal(20, 5, 40).round(1) + 10 * np.isin(best, ["CR", "PR"]), best_response=best)
    table = table.assign(later=np.isin(best, ["CR", "PR"]) + rng.random(40) / 2)  # what no column of baseline can be
    (home / "data").mkdir()
    table.to_csv(home / "data" / "clinical.csv", index=False)
    (home / "my_conf" / "cohort").mkdir(parents=True)
    (home / "my_conf" / "preset").mkdir()
    (home / "my_conf" / "cohort" / "mine.yaml").write_text(DATA.format(name="mine"))
    (home / "my_conf" / "preset" / "mine.yaml").write_text(f"kinds: {{table: {{encoder: linear}}}}\n{CHOICES}")
    old = DATA.format(name="old").replace("data_modules.cohort.source.CohortSource", "data_modules.cohort.CohortSource")
    old = old.replace(
        "cohort:\n", "  - /model/encoder@model.encoders.clinical: linear\ncohort:\n  cache: ${cache}\n", 1
    )
    (home / "my_conf" / "cohort" / "old.yaml").write_text(old + CHOICES)
    return home


def run(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.command(command, "--config-dir", "my_conf", *arguments, cwd=folder)


def test_both_ways_of_writing_it_train_alike_and_predict(folder: Path) -> None:
    done = run(folder, "train", "cohort=mine", "logger=none", "workers=1")
    assert done.returncode == 0, done.stderr
    assert "holds choices" not in done.stderr
    told = "clinical.csv: later alone separates the classes (AUROC 1.00): is it known at baseline?"
    assert f"Note: {told}" in done.stderr
    assert f"Caution, columns: {told}" in done.stdout
    (mine,) = (folder / "runs" / "mine").iterdir()
    assert told in (mine / "report.html").read_text()
    assert yaml.safe_load((mine / "config.yaml").read_text())["preset"] == "mine"
    done = run(folder, "train", "cohort=old", "logger=none", "workers=1", "output=old")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("holds choices") == 1
    assert "my_conf/preset/old.yaml" in done.stderr
    left, right = (pd.read_parquet(one / "predictions.parquet")["score"] for one in (mine, folder / "old"))
    assert left.tolist() == right.tolist(), "the same choices, wherever they stand"
    done = run(folder, "predict", "run=old", "cohort=old", "output=predicted")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(folder / "predicted" / "predictions.csv")) == 40
