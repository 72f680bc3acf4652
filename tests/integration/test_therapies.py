"""Train on a cohort that declares its therapy, then ask for other treatments: real commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers import warm

COHORT = """\
# @package _global_
defaults:
  - /modality@modality.clinical: table
  - /modality@modality.regimen: regimen
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: dealt
  root: ROOT
  tables:
    clinical:
      file: clinical.csv
      columns:
        age: {time: baseline, kind: number}
        her2: {time: baseline, kind: number}
        best: {time: outcome}
    treatment:
      file: treatment.csv
      columns:
        arm: {time: baseline}
  endpoints:
    response: {table: clinical, column: best, positive: [CR], negative: [PD]}
  therapy:
    {table: treatment, columns: [arm], strata: [clinical.her2], control: [A], min_patients: 4, agents: regimens.csv}
modality:
  clinical: {table: clinical}
"""


def write(root: Path) -> None:
    """64 patients, two strata, arms A and B in both and C in one."""
    root.mkdir()
    rng = np.random.default_rng(0)
    ids = [f"P{one:02}" for one in range(64)]
    age, arm = rng.normal(50, 10, 64), np.array(["A", "B"])[np.arange(64) // 2 % 2]
    her2 = np.arange(64) % 2
    arm[:16:2] = "C"
    best = np.where((age > 50) == (arm == "B"), "CR", "PD")
    pd.DataFrame({"patient_id": ids, "age": age, "her2": her2, "best": best}).to_csv(root / "clinical.csv", index=False)
    pd.DataFrame({"patient_id": ids, "arm": arm}).to_csv(root / "treatment.csv", index=False)
    (root / "regimens.csv").write_text("regimen,agent,class\nA,red,warm\nB,red,warm\nB,blue,cold\nC,green,cold\n")


def test_a_run_values_its_rule_and_scores_new_patients_under_each_treatment(tmp_path: Path) -> None:
    write(tmp_path / "data")
    (tmp_path / "conf" / "cohort").mkdir(parents=True)
    (tmp_path / "conf" / "cohort" / "dealt.yaml").write_text(COHORT.replace("ROOT", str(tmp_path / "data")))
    conf = ("--config-dir", str(tmp_path / "conf"), "cohort=dealt", "device=cpu")
    done = warm.command(
        "train", *conf, "output=run", "folds.outer=2", "folds.inner=2", "trainer.max_epochs=1", "trainer.min_epochs=1",
        "arms=[fusion]", "evaluation.draws=20", "evaluation.audit=false", "workers=1", "logger=none", "model.width=8",
        cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run, out = tmp_path / "run", tmp_path / "out"
    part = json.loads((run / "metrics.json").read_text())["policy"]
    assert set(part["arms"]) == {"fusion", "base", "t_learner", "interactions"}
    assert sum(row["patients"] for row in part["left_out"]) + part["patients"] == 64
    # Each regimen was scored by models that saw nobody given it, through the agents it shares.
    unseen = {row["regimen"]: row for row in part["arms_left_out"]["regimens"]}
    assert sum(row["patients"] for row in unseen.values()) == part["arms_left_out"]["all"]["patients"] == 64
    assert [(one["agent"], one["in"], one["class_in"]) for one in unseen["B"]["agents"]] == [
        ("blue", 0, 1),
        ("red", 1, 1),
    ]
    assert "A regimen that the model never saw" in (run / "report.html").read_text()
    assert "regimens.csv" in json.loads((run / "inputs.json").read_text())["files"]
    assert "not a promise" in (run / "report.html").read_text()

    # New patients come without any treatment of their own.
    (tmp_path / "data" / "treatment.csv").unlink()
    asked = (*conf, "run=run", "output=out")
    done = warm.command("predict", *asked, "treatments=[A,D]", cwd=tmp_path, timeout=600)
    assert done.returncode == 2
    assert "treatments: D was never seen in training. The run knows A, B, C" in done.stderr
    done = warm.command("predict", *asked, "treatments=all", cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(out / "treatments.csv").set_index(["patient_id", "regimen"])
    assert len(table) == 3 * 64
    # Each patient was left out by one fold, whose training patients say what is refused.
    for fold in json.loads((run / "folds.json").read_text())["folds"]:
        kept = json.loads((run / "models" / f"repeat0_fold{fold['index']}" / "therapy.json").read_text())
        for (patient, regimen), row in table[table.index.isin(fold["test"], level=0)].iterrows():
            number = kept["support"]["patients"][row["stratum"]].get(regimen, 0)
            assert (patient, regimen, row["training_patients"]) == (patient, regimen, number)
            assert pd.isna(row["score"]) == (number < 4)
    assert table.loc[table["stratum"] == "her2=1"].xs("C", level=1)["score"].isna().all()
    # And their score under a treatment is the one that was theirs out of fold.
    known = pd.read_parquet(run / "policy.parquet")
    known = known[known["arm"] == "fusion"].set_index(["patient_id", "regimen"])["score"]
    assert len(known) > 64
    assert table["score"].loc[known.index].to_numpy() == pytest.approx(known.to_numpy(), abs=1e-9)
    # The plain model was refitted to draws of patients in every fold: differences have a spread.
    scored = table[table["score"].notna()]
    assert set(scored["interval"]) == {"95 % of refits"}
    other = scored[scored["against"] != scored.index.get_level_values(1)]
    spread = other["difference_high"] - other["difference_low"]
    assert (spread >= 0).all() and (spread > 0).mean() > 0.9
    assert (other["difference_low"] <= other["difference"]).mean() > 0.9
    facts = json.loads((out / "predictions.json").read_text())
    assert "the middle of 200" in facts["treatments"]["interval"]
    assert facts["treatments"]["promise"] == "association in these patients, not a promise"
    page = (out / "prediction_report.html").read_text()
    assert "Under each treatment" in page
    assert "Association in these patients, not a promise" in page
