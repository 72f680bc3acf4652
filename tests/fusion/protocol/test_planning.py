"""Plans: rules by hand, the power statement against its formula, and the real command, whose file trains."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from fusion.protocol.planning import Fingerprint, choices, detectable, plan_text

FOUND = Fingerprint(
    patients=150,
    classes={"no": 112, "yes": 38},
    modalities={"clinical": "table", "slides": "slides"},
    have={"clinical": 150, "slides": 120},
    columns={"clinical": 7},
    complete=120,
    sites=6,
    groups=0,
)
COHORT = """# @package _global_
defaults:
  - /modality@modality.clinical: table
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: mine
  root: {root}
  build: null
  tables:
    clinical:
      file: clinical.csv
      columns:
        age: {{time: baseline, kind: number}}
        response: {{time: outcome}}
  endpoints:
    response: {{table: clinical, column: response, positive: [CR], negative: [PD], classes: [PD, CR]}}
modality:
  clinical: {{table: clinical}}
"""


def values(found: Fingerprint) -> dict[str, object]:
    return {one.key: one.value for one in choices(found)}


def test_the_rules_by_hand() -> None:
    plan = values(FOUND)
    assert (plan["folds.outer"], plan["folds.inner"], plan["folds.repeats"]) == (5, 5, 1)
    assert plan["model.base"] == "choose" and plan["model.modality_dropout"] == 0.2
    tables = replace(FOUND, modalities={"clinical": "table"}, have={"clinical": 150}, complete=150)
    assert values(tables)["folds.repeats"] == 3 and values(tables)["model.modality_dropout"] == 0.0
    few = replace(FOUND, classes={"no": 138, "yes": 12})
    assert (values(few)["folds.outer"], values(few)["folds.inner"]) == (2, 3)
    images = replace(FOUND, modalities={"slides": "slides"}, have={"slides": 150}, complete=150)
    assert values(images)["model.base"] == "choose" and values(images)["folds.repeats"] == 1
    many = replace(FOUND, patients=900, classes={"no": 600, "yes": 300})
    assert (values(many)["datamodule.batch_size"], values(many)["folds.inner"]) == (32, 3)


def test_what_so_many_patients_can_show() -> None:
    """Hanley and McNeil's standard error at 0.75 with 38 against 112, by hand."""
    q1, q2 = 0.75 / 1.25, 2 * 0.5625 / 1.75
    variance = (0.75 * 0.25 + 37 * (q1 - 0.5625) + 111 * (q2 - 0.5625)) / (38 * 112)
    assert detectable(FOUND) == pytest.approx(1.96 * np.sqrt(2 * variance * 0.3))
    assert 0.07 < detectable(FOUND) < 0.08
    assert detectable(replace(FOUND, classes={"no": 140, "yes": 10})) > detectable(FOUND)


def test_every_choice_has_its_reason_in_the_file() -> None:
    text = plan_text("mine", FOUND, choices(FOUND), {"table": {"encoder": "table"}}, command="train")
    for one in choices(FOUND):
        assert one.why in text
    assert "slides (slides): 120 patients." in text and "6 sites" in text
    content = yaml.safe_load(text)
    assert content["folds"]["inner"] == 5 and content["kinds"] == {"table": {"encoder": "table"}}


def command(name: str, *arguments: str, where: Path) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", f"fusion.{name}", *arguments]
    return subprocess.run(asked, cwd=where, capture_output=True, text=True, check=False)


def test_a_plan_is_written_read_and_never_written_over(tmp_path: Path) -> None:
    rows = [f"P{number:02d},{50 + number % 17},{'CR' if number % 3 else 'PD'}" for number in range(60)]
    (tmp_path / "clinical.csv").write_text("patient_id,age,response\n" + "\n".join(rows) + "\n")
    (tmp_path / "conf/cohort").mkdir(parents=True)
    (tmp_path / "conf/preset").mkdir()
    (tmp_path / "conf/cohort/mine.yaml").write_text(COHORT.format(root=tmp_path))
    asked = ("--config-dir", "conf", "cohort=mine")
    done = command("plan", *asked, "plan=conf/preset/mine.yaml", where=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "60 patients: 20 PD, 40 CR." in done.stdout and "clinical (table): 60 patients, 1 columns." in done.stdout
    composed = command("train", *asked, "--cfg", "job", where=tmp_path)
    assert composed.returncode == 0, composed.stderr
    config = yaml.safe_load(composed.stdout)
    assert config["preset"] == "mine" and config["folds"]["outer"] == 4 and config["folds"]["repeats"] == 3
    assert config["model"]["encoders"]["clinical"]["_target_"].endswith("TableEncoder")
    (tmp_path / "conf/preset/mine.yaml").write_text("head: by_endpoint\n")
    again = command("plan", *asked, "plan=conf/preset/mine.yaml", where=tmp_path)
    assert again.returncode == 2 and "there is a plan already" in again.stderr
    assert (tmp_path / "conf/preset/mine.yaml").read_text() == "head: by_endpoint\n"
    mended = command("plan", *asked, "plan=conf/preset/mine.yaml", "overwrite=true", where=tmp_path)
    assert mended.returncode == 0, mended.stderr
    assert "kinds:" in (tmp_path / "conf/preset/mine.yaml").read_text()
