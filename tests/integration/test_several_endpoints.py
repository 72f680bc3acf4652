"""Grades, a response and a time trained together, from files to a report, by the real functions of the commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from fusion.config.command import run
from fusion.explain import explain
from fusion.predict import predict
from fusion.run.folder import RunFolder
from fusion.train import train

COHORT = """\
# @package _global_
defaults:
  - /modality@modality.clinical: table
  - /modality@modality.expression: table
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: several
  root: ROOT
  cache: ${cache}
  tables:
    clinical:
      file: clinical.csv
      id: patient
      columns:
        age: {time: baseline, kind: number}
        burden: {time: outcome}
        pcr: {time: outcome}
        months: {time: outcome, kind: number, unit: months}
        died: {time: outcome}
        type: {time: outcome}
    expression:
      file: expression.csv
      id: patient
      columns:
        g0: {time: baseline, kind: number}
        g1: {time: baseline, kind: number}
  endpoint: ${endpoint}
  endpoints:
    pcr: {table: clinical, column: pcr, positive: ['yes'], negative: ['no']}
    rcb: {table: clinical, column: burden, kind: ordinal, classes: {'0': ['0'], I: [I], II: [II]}}
    type: {table: clinical, column: type, classes: {a: [a], b: [b], c: [c]}}
    pfs: {table: clinical, kind: survival, time: months, event: died, horizons: [6]}
modality:
  clinical: {table: clinical}
  expression: {table: expression}
"""
PATIENTS = 48


def write(root: Path) -> None:
    """Patient 0 has no burden and trains the others alone; 1 to 5 have no response."""
    rng = np.random.default_rng(5)
    root.mkdir()
    ids = [f"P{number:03d}" for number in range(PATIENTS)]
    age, genes = rng.normal(size=PATIENTS), rng.normal(size=(PATIENTS, 2))
    latent = 2 * age + 2 * genes[:, 0] + 0.5 * rng.normal(size=PATIENTS)
    burden = np.array(["0", "I", "II"])[np.digitize(latent, np.quantile(latent, [1 / 3, 2 / 3]))]
    until = rng.exponential(12 * np.exp(-latent / 2)) + 0.1
    table = pd.DataFrame(
        {"patient": ids, "age": age, "burden": burden, "pcr": np.where(latent < 0, "yes", "no"),
         "months": np.minimum(until, 30), "died": (until < 30).astype(int),
         "type": np.array(["a", "b", "c"])[np.digitize(genes[:, 1], np.quantile(genes[:, 1], [1 / 3, 2 / 3]))]}
    )  # fmt: skip
    table.loc[0, "burden"] = ""
    table.loc[1:5, "pcr"] = ""
    table.to_csv(root / "clinical.csv", index=False)
    pd.DataFrame({"patient": ids, "g0": genes[:, 0], "g1": genes[:, 1]}).to_csv(root / "expression.csv", index=False)


def command(monkeypatch: pytest.MonkeyPatch, function, name: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    run(function, name)


# A command leaves a temporary folder of configuration to the end of its process, which here is not the end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_first_decides_and_the_others_stand_beside_it(tmp_path, monkeypatch, capsys):
    root, output = tmp_path / "data", tmp_path / "run"
    write(root)
    (tmp_path / "conf" / "cohort").mkdir(parents=True)
    (tmp_path / "conf" / "cohort" / "several.yaml").write_text(COHORT.replace("ROOT", str(root)))
    monkeypatch.chdir(tmp_path)
    command(
        monkeypatch, train, "train", "--config-dir", str(tmp_path / "conf"), "cohort=several",
        "endpoint=[rcb,pcr,pfs,type]",
        f"output={output}", f"cache={tmp_path / 'cache'}", "folds.outer=2", "folds.inner=2", "trainer.max_epochs=2",
        "trainer.min_epochs=1", "device=cpu", "evaluation.draws=20", "evaluation.audit=false", "logger=none",
        "workers=1", "model.width=8", "model.head._target_=fusion.heads.by_endpoint.by_endpoint",
        "model.endpoints.weights=learned",
        "arms=[fusion,singles,classical_lr,late,stacked]", "evaluation.floors=[]",
    )  # fmt: skip
    said = capsys.readouterr().out
    told = pd.read_csv(root / "clinical.csv", index_col="patient", dtype={"burden": str})
    metrics = json.loads((output / "metrics.json").read_text())

    # Grades decide: quadratic-weighted kappa of the grade nearest to the expected one.
    first = pd.read_parquet(output / "predictions.parquet")
    one = first[first["arm"] == "fusion"].set_index("patient_id")
    assert sorted(one.index) == list(told.index[1:])
    grades = one[["score_0", "score_I", "score_II"]].to_numpy()
    label = told.loc[one.index, "burden"].map({"0": 0, "I": 1, "II": 2})
    assert (one["label"] == label).all()
    kappa = cohen_kappa_score(label, np.rint(grades @ np.arange(3)), weights="quadratic")
    assert metrics["verdict"]["metric"] == "kappa"
    assert metrics["arms"]["fusion"]["kappa"]["value"] == pytest.approx(kappa) and kappa > 0.4
    assert set(first["arm"]) >= {"classical_ordinal", "classical", "base"}

    # The others: by whom their label is known of, never by who trains alone.
    second = pd.read_parquet(output / "secondary.parquet")
    for name, absent, own in (("pcr", 6, "classical_lr"), ("pfs", 1, "classical_cox"), ("type", 1, "classical_lr")):
        rows = second[second["endpoint"] == name]
        singles = {"only_clinical", "only_expression", "late", "stacked"}
        assert set(rows["arm"]) == {"fusion", "base", own, "classical", *singles}
        assert set(rows["patient_id"]) == set(told.index[absent:]), name
        part = metrics["secondary"][name]
        assert part["role"] == "secondary, decides nothing" and part["patients"] == PATIENTS - absent
    pcr = second[(second["endpoint"] == "pcr") & (second["arm"] == "fusion")]
    area = roc_auc_score(told.loc[pcr["patient_id"], "pcr"] == "yes", pcr["score"])
    assert metrics["secondary"]["pcr"]["arms"]["fusion"]["auroc"]["value"] == pytest.approx(area)
    assert metrics["secondary"]["pcr"]["arms"]["classical"]["auroc"]["value"] > 0.7
    assert metrics["secondary"]["pfs"]["arms"]["classical"]["c_harrell"]["value"] > 0.6
    cohort = pd.read_csv(output / "cohort.csv").set_index("patient_id")
    assert cohort.loc["P000", "reason"].endswith("trains pcr and pfs and type and is never tested")

    # The run says so, and is read as a run of its primary endpoint.
    page = (output / "report.html").read_text()
    assert "Secondary endpoints, not deciding" in page and page.count("Secondary, decides nothing:") == 3
    assert "pcr (secondary, decides nothing):" in said and "pfs (secondary, decides nothing):" in said
    spec = RunFolder.open(output).cohort_spec()
    assert [one.name for one in (spec.endpoint, *spec.secondary)] == ["rcb", "pcr", "pfs", "type"]
    assert (output / "models" / "repeat0_fold0" / "fusion" / "secondary_member1.safetensors").is_file()
    place = ("--config-dir", str(tmp_path / "conf"), "cohort=several", f"run={output}")
    who = f"patients=[{','.join(told.index[1:])}]"
    command(monkeypatch, predict, "predict", *place, f"output={tmp_path / 'new'}", who)
    new = pd.read_csv(tmp_path / "new" / "predictions.csv")
    assert len(new) == PATIENTS - 1 and {"score_0", "score_II"} < set(new)

    # Training patients have what training wrote of them out of fold, bit for bit, and are judged by it.
    beside = pd.read_csv(tmp_path / "new" / "secondary.csv", float_precision="round_trip")
    scored = {"pcr": ["score"], "pfs": ["score", "survival@6"], "type": ["score", "score_a", "score_c"]}
    for name, columns in scored.items():
        mine = beside[beside["endpoint"] == name].set_index("patient_id")
        there = second[(second["endpoint"] == name) & (second["arm"] == "fusion")].set_index("patient_id")
        assert list(mine.index) == list(told.index[1:]) and (mine["fold_models"] == 1).all()
        for column in columns:
            assert mine.loc[there.index, column].tolist() == there[column].tolist(), (name, column)
    # So has every other arm, and each is compared on them as in training.
    every = pd.read_csv(tmp_path / "new" / "secondary_arms.csv", float_precision="round_trip")
    for name, columns in scored.items():
        mine, there = (table[table["endpoint"] == name].set_index(["arm", "patient_id"]) for table in (every, second))
        assert set(mine.index) == set(there.index) and len(mine) == len(there)
        for column in columns:
            assert mine.loc[there.index, column].tolist() == there[column].tolist(), (name, column)
    judged = json.loads((tmp_path / "new" / "metrics.json").read_text())["secondary"]
    assert judged["pcr"]["role"] == "secondary, decides nothing"
    there = {row["arm"]: row["gain"] for row in metrics["secondary"]["pcr"]["comparisons"] if row["metric"] == "auroc"}
    gains = {row["arm"]: row["gain"] for row in judged["pcr"]["comparisons"] if row["metric"] == "auroc"}
    assert gains == pytest.approx(there) and {"late", "stacked", "classical", "only_expression"} <= set(gains)
    assert judged["pcr"]["verdict"]["metric"] == "auroc"
    assert judged["pcr"]["arms"]["fusion"]["auroc"]["value"] == pytest.approx(area)
    assert (judged["pcr"]["patients"], judged["pfs"]["patients"]) == (PATIENTS - 6, PATIENTS - 1)
    page = (tmp_path / "new" / "prediction_report.html").read_text()
    # Of the grades that decide: what acting on them brings, as the run says of the same patients.
    mine = json.loads((tmp_path / "new" / "metrics.json").read_text())
    for then, now in zip(metrics["decision"]["rows"], mine["decision"]["rows"], strict=True):
        assert now["at"] == then["at"]
        assert now["arms"]["fusion"]["value"] == pytest.approx(then["arms"]["fusion"]["value"], abs=1e-6)
    assert {row["at"] for row in mine["operating"]["rows"]} == {"I", "II"}
    assert 'id="decision"' in page and 'id="operating"' in page and "II or higher" in page
    assert page.count("Paired gains of fusion in ") == 3
    assert page.count("Secondary, decides nothing.") == 3 and "Free of the event at 6 months" in page
    assert "pcr (secondary, decides nothing): AUROC" in capsys.readouterr().out

    # New patients without outcomes: every fold speaks; of who trained alone none may.
    (tmp_path / "others").mkdir()
    for name in ("clinical", "expression"):
        table = pd.read_csv(root / f"{name}.csv").iloc[:5].filter(["patient", "age", "g0", "g1"])
        table["patient"] = table["patient"].where(table["patient"] == "P000", "N" + table["patient"])
        table.to_csv(tmp_path / "others" / f"{name}.csv", index=False)
    command(
        monkeypatch, predict, "predict", *place, f"output={tmp_path / 'newer'}", f"cohort.root={tmp_path / 'others'}"
    )
    newer = pd.read_csv(tmp_path / "newer" / "secondary.csv").set_index("patient_id")
    alone, newer = newer.loc["P000"], newer.drop("P000")
    assert alone["score"].isna().all() and (alone["fold_models"] == 0).all()
    assert (newer["fold_models"] == 2).all() and len(newer) == 12 and not (tmp_path / "newer" / "metrics.json").exists()
    assert ((newer["low"] <= newer["score"]) & (newer["score"] <= newer["high"])).all()
    assert "1 patients without rcb trained pcr and pfs and type in every fold" in capsys.readouterr().out

    # And one class against the rest: what the plain model and the network's head say of it adds up to its score.
    command(
        monkeypatch, explain, "explain", f"run={output}", "endpoint=type", "class=c", "patients=[P006,P007]",
        "steps=16",
        f"output={tmp_path / 'why'}", "workers=1",
    )  # fmt: skip
    checks = json.loads((tmp_path / "why" / "faithfulness.json").read_text())
    assert checks["score_difference"] < 1e-6 and checks["delta"]["largest"] < 1e-3
    why = pd.read_parquet(tmp_path / "why" / "attributions.parquet")
    assert set(why["endpoint"]) == {"type"} and set(why["patient"]) == {"P006", "P007"}
    page = (tmp_path / "why" / "attribution_report.html").read_text()
    assert "log-odds against the rest" in page and "predictions of c" in page
