"""A time to an event from files to a report, by the real functions of the commands: train, resume, predict."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion.config.command import run
from fusion.contract import Truth
from fusion.evaluation.outcomes.survival import harrell
from fusion.explain import explain
from fusion.predict import predict
from fusion.train import train

COHORT = """\
# @package _global_
defaults:
  - /modality@modality.clinical: table
  - /modality@modality.expression: table
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: times
  root: ROOT
  cache: ${cache}
  tables:
    clinical:
      file: clinical.csv
      id: patient
      columns:
        age: {time: baseline, kind: number}
        months: {time: outcome, kind: number, unit: months}
        enrolled: {time: outcome, kind: number, unit: months}
        died: {time: outcome}
    expression:
      file: expression.csv
      id: patient
      columns:
        g0: {time: baseline, kind: number}
        g1: {time: baseline, kind: number}
  endpoint: ${endpoint}
  endpoints:
    os:
      {table: clinical, kind: survival, time: months, entry: enrolled, event: died, horizons: [6, 12],
       competing_values: {other death: [2]}}
modality:
  clinical: {table: clinical}
  expression: {table: expression}
"""
PATIENTS = 60
OTHERS = 5
"""Who died of something else: censored for what is learned."""


def write(root: Path) -> None:
    rng = np.random.default_rng(4)
    root.mkdir()
    ids = [f"P{number:03d}" for number in range(PATIENTS)]
    age, genes = rng.normal(size=PATIENTS), rng.normal(size=(PATIENTS, 2))
    until = rng.exponential(12 * np.exp(-1.2 * age - 1.2 * genes[:, 0]))
    last = rng.uniform(5, 40, size=PATIENTS)
    table = {"patient": ids, "age": age, "months": np.minimum(until, last) + 0.1, "died": (until <= last).astype(int)}
    table["died"][np.flatnonzero(table["died"] == 0)[:OTHERS]] = 2
    table["enrolled"] = np.where(np.arange(PATIENTS) % 3 == 0, table["months"] / 3, 0.0)
    pd.DataFrame(table).to_csv(root / "clinical.csv", index=False)
    pd.DataFrame({"patient": ids, "g0": genes[:, 0], "g1": genes[:, 1]}).to_csv(root / "expression.csv", index=False)


def command(monkeypatch: pytest.MonkeyPatch, function, name: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    run(function, name)


# A command leaves a temporary folder of configuration to the end of its process, which here is not the end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_from_files_to_a_report_and_new_patients(tmp_path, monkeypatch):
    root, output = tmp_path / "data", tmp_path / "run"
    write(root)
    (tmp_path / "conf" / "cohort").mkdir(parents=True)
    (tmp_path / "conf" / "cohort" / "times.yaml").write_text(COHORT.replace("ROOT", str(root)))
    monkeypatch.chdir(tmp_path)
    settings = (
        "--config-dir", str(tmp_path / "conf"), "cohort=times", f"output={output}", f"cache={tmp_path / 'cache'}",
        "folds.outer=2", "folds.inner=2", "trainer.max_epochs=1", "trainer.min_epochs=1", "device=cpu",
        "evaluation.draws=50", "logger=none", "workers=1", "model.width=8", "trainer.seeds=2",
    )  # fmt: skip
    command(monkeypatch, train, "train", *settings)

    predictions = pd.read_parquet(output / "predictions.parquet")
    arms = ("fusion", "base", "only_clinical", "only_expression", "classical_cox", "classical_boosting")
    assert set(predictions["arm"]) >= {*arms, "late", "classical"}
    assert {"time", "entry", "score", "survival@6", "survival@12"} < set(predictions)
    told = pd.read_csv(root / "clinical.csv", index_col="patient")
    one = predictions[predictions["arm"] == "fusion"].set_index("patient_id")
    assert sorted(one.index) == list(told.index)
    np.testing.assert_allclose(one["time"], told["months"].loc[one.index])
    np.testing.assert_allclose(one["entry"], told["enrolled"].loc[one.index])
    assert (one["survival@6"] >= one["survival@12"]).all()
    assert (one["survival@6"] > one["survival@12"]).mean() > 0.9, "but where both are 0"
    columns = {"label": "label", "time": "time", "entry": "entry", "part": "fold"}
    truth = Truth(**{name: one[column].to_numpy() for name, column in columns.items()})
    concordance = harrell(one["score"].to_numpy(), truth)
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["arms"]["fusion"]["c_harrell"]["value"] == pytest.approx(concordance)
    assert concordance > 0.7, "both modalities tell a lot"
    assert metrics["verdict"]["metric"] == "c_harrell"
    assert set(metrics["audit"]["modalities"]) == {"clinical", "expression"}
    assert metrics["audit"]["modalities"]["clinical"]["permuted"]["fall"]["value"] > 0
    page = (output / "report.html").read_text()
    assert "Harrell" in page
    assert metrics["events"] == int(one["label"].sum()) == int((told["died"] == 1).sum())
    competing = metrics["competing"]
    assert [(row["name"], row["patients"]) for row in competing["causes"]] == [
        ("os", metrics["events"]), ("other death", OTHERS),
    ]  # fmt: skip
    assert competing["horizons"][1]["incidence"]["value"] <= competing["horizons"][1]["alone"]
    assert f"{OTHERS} patients had other death" in page
    assert f"Times are left-truncated: 20 of {PATIENTS} patients came under observation after time zero" in page

    # What a horizon's probability rests on adds up to it, out of fold.
    why = ("patients=[P000,P001]", "horizon=6", "steps=4", "workers=1", "evaluation.draws=20", "device=cpu")
    command(monkeypatch, explain, "explain", f"run={output}", f"output={tmp_path / 'why'}", *why)
    facts = json.loads((tmp_path / "why" / "parts" / "P001.json").read_text())
    assert facts["log_odds"] == pytest.approx(one.loc["P001", "survival@6"], abs=1e-6)
    rows = pd.read_parquet(tmp_path / "why" / "attributions.parquet").set_index(["patient", "feature"])["attribution"]
    assert rows.loc["P001"].drop("(modality)").sum() == pytest.approx(facts["log_odds"] - facts["reference"], abs=1e-6)
    checks = json.loads((tmp_path / "why" / "faithfulness.json").read_text())
    assert checks["score_difference"] < 1e-6
    page = (tmp_path / "why" / "patients" / "P001.html").read_text()
    assert "Predicted probability of being free of os at 6 months" in page
    status = "event at" if one.loc["P001", "label"] else "no event until"
    assert f"observed: {status} {one.loc['P001', 'time']:.3g} months" in page

    # A fold that was not finished is trained again, and says the same.
    shutil.rmtree(output / "models" / "repeat0_fold1")
    (output / "metrics.json").unlink()
    record = json.loads((output / "run.json").read_text())
    (output / "run.json").write_text(json.dumps({**record, "status": "running"}))
    command(monkeypatch, train, "train", *settings, "resume=true")
    pd.testing.assert_frame_equal(pd.read_parquet(output / "predictions.parquet"), predictions)

    # Patients of whom nothing became known yet, and the run's own out of fold.
    with (root / "clinical.csv").open("a") as file:
        file.write("N1,3.0,,,\n")
    scored = tmp_path / "scored"
    place = ("--config-dir", str(tmp_path / "conf"), f"run={output}", "cohort=times", f"output={scored}")
    command(monkeypatch, predict, "predict", *place)
    table = pd.read_csv(scored / "predictions.csv").set_index("patient_id")
    assert table.loc["N1", "score"] > table["score"].median(), "older than all others"
    assert table.loc["N1", "low@12"] <= table.loc["N1", "survival@12"] <= table.loc["N1", "high@12"]
    again = table.loc[one.index]
    np.testing.assert_allclose(again["score"], one["score"], atol=1e-9)
    np.testing.assert_allclose(again["survival@12"], one["survival@12"], atol=1e-9)
    by_arm = pd.read_csv(scored / "arms.csv").merge(predictions, on=["patient_id", "arm"], suffixes=("", "_run"))
    assert set(by_arm["arm"]) >= {*arms, "late", "classical"}
    np.testing.assert_allclose(by_arm["score"], by_arm["score_run"], atol=1e-9)
    meaning = json.loads((scored / "predictions.json").read_text())["columns"]
    assert "without the event at 12 months" in meaning["survival@12"]
    page = " ".join((scored / "prediction_report.html").read_text().split())
    judged = json.loads((scored / "metrics.json").read_text())
    value = judged["arms"]["fusion"]["c_harrell"]["value"]
    assert f"has Harrell's C {value:.3f}" in page
    assert f"{judged['patients']} followed patients, {judged['events']} of them with the event" in page
    assert judged["entry"]["late"] == 20
    assert "Times are left-truncated: 20 of 60" in page
    assert "P000" not in page, "the page names no patient"
    # The run's own patients: what acting on their scores brings is what the run says of them.
    for then, now in zip(metrics["decision"]["rows"], judged["decision"]["rows"], strict=True):
        assert (now["at"], now["x"]) == (then["at"], then["x"])
        np.testing.assert_allclose(now["all"], then["all"], atol=1e-6)
        for arm in arms:
            np.testing.assert_allclose(now["arms"][arm]["value"], then["arms"][arm]["value"], atol=1e-6)
    found = {(row["at"], row["arm"]): row for row in judged["operating"]["rows"]}
    assert set(arms) <= {arm for _, arm in found}
    for row in (one for one in metrics["operating"]["rows"] if one["arm"] in arms):
        mine = found[row["at"], row["arm"]]
        assert (mine["low"], mine["high"]) == (row["low"], row["high"])
        assert mine["low"] <= mine["cut"] <= mine["high"]
    assert 'id="decision"' in page and "event by 12 months" in page
    assert f"their mean is applied here, where {PATIENTS} patients had a part in choosing them" in page
