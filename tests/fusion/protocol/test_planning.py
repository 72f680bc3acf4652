"""Plans: rules by hand, the power statement against its formula, and the real command, whose file trains."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from fusion.contract import EndpointSpec
from fusion.protocol.planning import Fingerprint, choices, detectable, fingerprint, plan_text

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
  - /modality@modality.rna: features
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
  rna: {{file: rna.csv, id: patient_id, time: baseline}}
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


@pytest.mark.parametrize(
    ("patients", "fewest", "complete", "key", "value"),
    [
        (150, 9, 150, "folds.outer", 2), (150, 14, 150, "folds.outer", 2), (150, 15, 150, "folds.outer", 3),
        (150, 24, 150, "folds.outer", 4), (150, 60, 150, "folds.outer", 5),
        (249, 38, 249, "folds.inner", 5), (250, 38, 250, "folds.inner", 3),
        # Of 34 in five folds four hold 24; of 35 they hold 28.
        (150, 34, 150, "folds.inner", 3), (150, 35, 150, "folds.inner", 5),
        (400, 38, 400, "folds.repeats", 3), (401, 38, 401, "folds.repeats", 1),
        (500, 38, 500, "datamodule.batch_size", 16), (501, 38, 501, "datamodule.batch_size", 32),
        (150, 38, 148, "model.modality_dropout", 0.0), (150, 38, 146, "model.modality_dropout", 0.2),
    ],
)  # fmt: skip
def test_the_bounds_of_rules(patients: int, fewest: int, complete: int, key: str, value: object) -> None:
    found = replace(
        FOUND,
        patients=patients,
        classes={"no": patients - fewest, "yes": fewest},
        modalities={"clinical": "table"},
        have={"clinical": complete},
        complete=complete,
    )
    assert values(found)[key] == value


def test_columns_too_many_to_be_tokens_become_components() -> None:
    assert not any(key.startswith("modalities.") for key in values(FOUND))
    found = replace(
        FOUND,
        modalities={"clinical": "table", "rna": "features"},
        have={"clinical": 150, "rna": 120},
        wide={"rna": 4999},
    )
    plan = choices(found)
    assert (plan[0].key, plan[0].value) == ("modalities.rna", {"components": 50})
    # 16 patients, 4 heads, 4 matrices of 5000 × 5001 numbers of 4 bytes
    assert "4,999 columns to one another, 25.6 GB a batch" in plan[0].why
    assert yaml.safe_load(plan_text("mine", found, plan, {}, command=""))["modalities"] == {"rna": {"components": 50}}
    few = choices(replace(found, patients=10, classes={"no": 5, "yes": 5}, complete=10))
    assert "16.0 GB a batch" in few[0].why, "a batch has no more than there are"


def test_a_cohort_is_counted() -> None:
    def modality(*patients: str, **more: object) -> SimpleNamespace:
        return SimpleNamespace(patients=frozenset(patients), **more)

    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    ids = ["A", "B", "C", "D"]
    cohort = SimpleNamespace(
        patient_ids=tuple(ids),
        spec=SimpleNamespace(endpoint=endpoint),
        labels=pd.Series([0, 0, 0, 1], index=ids),
        groups=pd.Series(["g", "g", "h", None], index=ids),
        sites=pd.Series(["x", "y", "y", "z"], index=ids),
    )
    modalities = {
        "clinical": modality("A", "B", "C", "dropped", columns=["age", "grade"]),
        "slides": modality("B", "D"),
        "rna": modality(*ids, known_columns=501),
        "few": modality(*ids, known_columns=500),
        "other": modality(*ids, known_columns=501),
    }
    setup: Any = SimpleNamespace(cohort=cohort, modalities=modalities)
    found = fingerprint(setup, {"clinical": "table", "rna": "features", "few": "features", "other": "variants"})
    assert found.wide == {"rna": 501}
    del modalities["rna"], modalities["few"], modalities["other"]
    found = fingerprint(setup, {"clinical": "table"})
    assert found.wide == {}
    assert (found.patients, found.classes) == (4, {"no": 3, "yes": 1})
    assert found.modalities == {"clinical": "table", "slides": ""}
    assert (found.have, found.complete) == ({"clinical": 3, "slides": 2}, 1)
    assert found.columns == {"clinical": 2}
    assert (found.sites, found.groups) == (3, 1)
    cohort.groups = cohort.sites = None
    found = fingerprint(setup, {})
    assert (found.sites, found.groups) == (0, 0)


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
    wide = pd.DataFrame(np.arange(60 * 501).reshape(60, 501) + 0.5, columns=[f"g{at}" for at in range(501)])
    wide.insert(0, "patient_id", [f"P{number:02d}" for number in range(60)])
    wide.to_csv(tmp_path / "rna.csv", index=False)
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
    assert config["modality"]["rna"]["components"] == 50
    (tmp_path / "conf/preset/mine.yaml").write_text("head: by_endpoint\n")
    again = command("plan", *asked, "plan=conf/preset/mine.yaml", where=tmp_path)
    assert again.returncode == 2 and "there is a plan already" in again.stderr
    assert (tmp_path / "conf/preset/mine.yaml").read_text() == "head: by_endpoint\n"
    mended = command("plan", *asked, "plan=conf/preset/mine.yaml", "overwrite=true", where=tmp_path)
    assert mended.returncode == 0, mended.stderr
    assert "kinds:" in (tmp_path / "conf/preset/mine.yaml").read_text()
