"""Candidates of ``choose`` that read modalities differently: chosen within folds, kept, applied and explained."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers import warm
from tests.helpers.small_cohort import silent
from tests.integration.test_leakage import learned

COHORT = """\
# @package _global_
defaults:
  - /modality@modality.clinical: table
  - /modality@modality.labs: features
cohort:
  _target_: data_modules.cohort.source.CohortSource
  name: tiny
  root: ROOT
  tables:
    clinical:
      file: clinical.csv
      id: patient
      columns: {age: {time: baseline, kind: number}, noise: {time: baseline, kind: number}, outcome: {time: outcome}}
  endpoints:
    response: {table: clinical, column: outcome, positive: ['yes'], negative: ['no'], classes: ['no', 'yes']}
modality:
  labs: {file: labs.csv, time: baseline}
"""
PRESET = """\
kinds: {{table: {{encoder: linear}}, features: {{encoder: linear}}}}
modalities: {{clinical: {{columns: [{column}]}}, labs: {{exclude: [{exclude}], screen: 2}}}}
fuser: concat
head: response
"""
SHORT = (
    "cohort=tiny", "folds.outer=2", "folds.inner=2", "trainer.max_epochs=1", "trainer.min_epochs=1", "device=cpu",
    "evaluation.draws=50", "logger=none", "model.width=4", "workers=1", "choose={preset:[noise,age]}",
    "arms=[fusion,singles,classical_lr,classical_boosting,late,stacked]",
)  # fmt: skip
NETWORKS = {"fusion": "2", "only_clinical": "2", "only_labs": "1"}
"""Age tells the outcome, of laboratory values the first does, which the second preset leaves out."""


def write(root: Path, *, poison: Collection[str] = (), patients: int = 48) -> Path:
    """A cohort under `root` and its YAML, with two presets, beside it; other values and outcomes of the poisoned."""
    conf = root.with_name(f"{root.name}_conf")
    for folder in (root, conf / "cohort", conf / "preset"):
        folder.mkdir(parents=True)
    rows, labs = [], {}
    for number in range(patients):
        patient, label = f"P{number:02d}", number % 2
        other = patient in poison
        rng = np.random.default_rng([number, int(other)])
        values = rng.normal(size=5) * (40 if other else 1) + np.array([1.2 * label, 0, 0, 0, 0])
        age = 900 + number if other else 50 + 30 * label + rng.normal(0, 5)
        rows.append((patient, age, rng.normal(), ("no", "yes")[1 - label if other else label]))
        labs[patient] = values
    pd.DataFrame(rows, columns=["patient", "age", "noise", "outcome"]).to_csv(root / "clinical.csv", index=False)
    table = pd.DataFrame.from_dict(labs, orient="index", columns=[f"lab{at}" for at in range(5)])
    table.rename_axis("patient_id").to_csv(root / "labs.csv")
    (conf / "cohort" / "tiny.yaml").write_text(COHORT.replace("ROOT", str(root)))
    (conf / "preset" / "noise.yaml").write_text(PRESET.format(column="noise", exclude=""))
    (conf / "preset" / "age.yaml").write_text(PRESET.format(column="age", exclude="lab0"))
    return conf


def command(name: str, *arguments: str) -> None:
    done = warm.command(name, *arguments)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reading") / "tiny"
    output = root.with_name("run")
    conf = write(root)
    command("train", "--config-dir", str(conf), *SHORT, f"output={output}", f"cache={root.with_name('cache')}")
    return output


def kept(run: Path, arm: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(run.glob(f"models/*/{arm}/arm.json"))]


def test_each_arm_chooses_how_what_it_sees_is_read(run: Path) -> None:
    for arm, number in {**NETWORKS, "classical_lr": "2"}.items():
        assert [one["candidate"] for one in kept(run, arm)] == [number, number], arm
    assert "candidate" not in kept(run, "late")[0]
    rows = pd.read_parquet(run / "choices.parquet").groupby("arm")
    assert sorted(set(rows.get_group("floor_clinical")["candidate"])) == ["1", "2"]
    assert list(rows.get_group("classical_lr")["candidate"])[:5] == [
        "1, C=0.001", "1, C=0.01", "1, C=0.1", "1, C=1", "2, C=0.001",
    ]  # fmt: skip
    assert (rows["chosen"].sum() == 2).all()
    assert not list(run.rglob("tried"))


def test_what_the_chosen_candidate_fitted_is_kept_with_the_arm(run: Path) -> None:
    parts = ["member0", "member1", "whole"]
    for fold in sorted((run / "models").glob("repeat*")):
        assert sorted(path.name for path in (fold / "modalities").iterdir()) == parts
        assert not (fold / "only_labs" / "modalities").exists(), "it reads what the run itself reads"
        own = sorted(path.stem for path in (fold / "only_clinical" / "modalities" / "whole").glob("*.json"))
        assert own == ["clinical"], "it does not see the other"
        for part in parts:
            labs = [
                json.loads((where / "modalities" / part / "labs.json").read_text()) for where in (fold, fold / "fusion")
            ]
            first, chosen = (json.dumps(one) for one in labs)
            assert "lab0" in first and "lab0" not in chosen
        assert "clinical:age" in (fold / "novelty.json").read_text()
    selected = pd.read_parquet(run / "selected.parquet")
    assert set(selected["feature"]) == {"lab1", "lab2", "lab3", "lab4"}


def test_workers_choose_and_score_alike(run: Path) -> None:
    """Candidates are fitted in processes of their own folds: two at once change no bit."""
    output = run.with_name("two_workers")
    places = (f"output={output}", f"cache={run.with_name('cache')}")
    command("train", "--config-dir", str(run.with_name("tiny_conf")), *SHORT, *places, "workers=2")
    for name in ("predictions.parquet", "choices.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(output / name), pd.read_parquet(run / name), check_exact=True)


def test_predict_reads_in_each_fold_what_it_chose(run: Path) -> None:
    """Out of fold bit for bit as training said, every arm."""
    output = run.with_name("predicted")
    conf, cache = run.with_name("tiny_conf"), run.with_name("cache")
    command("predict", "--config-dir", str(conf), f"run={run}", "cohort=tiny", f"output={output}", f"cache={cache}")
    expected = pd.read_parquet(run / "predictions.parquet").set_index(["arm", "patient_id"])["score"]
    by_arm = pd.read_csv(output / "arms.csv", float_precision="round_trip").set_index(["arm", "patient_id"])["score"]
    arms = set(expected.index.get_level_values("arm")) - {"floor_clinical"}
    assert arms == set(by_arm.index.get_level_values("arm"))
    for arm in sorted(arms):
        assert by_arm[arm].loc[expected[arm].index].tolist() == expected[arm].tolist(), arm
    matches = json.loads((output / "matches.json").read_text())
    assert {"age", "noise"} <= set(matches["clinical"]["matched"])


def test_explain_explains_what_was_chosen(run: Path) -> None:
    output = run.with_name("explained")
    command("explain", f"run={run}", f"output={output}", "patients=[P00,P01]", "steps=4", "workers=1")
    scores = pd.read_parquet(run / "predictions.parquet").set_index(["arm", "patient_id"])["score"]
    for patient in ("P00", "P01"):
        told = json.loads((output / "parts" / f"{patient}.json").read_text())["score"]
        assert told == pytest.approx(scores["fusion", patient], abs=1e-6)
    rows = pd.read_parquet(output / "attributions.parquet")
    assert {"age"} <= set(rows["feature"]) and not {"noise", "lab0"} & set(rows["feature"])


def test_poisoned_test_patients_have_no_part_in_it(tmp_path: Path) -> None:
    """Other values and outcomes of whom the fold tests: the same choices, and every kept file byte for byte."""
    from data_modules.folds.draw import make_folds
    from fusion.config.compose import composed
    from fusion.protocol.crossval import fit_fold, units
    from fusion.protocol.setup import open_setup

    fold, results, steps = None, [], []
    for name in ("clean", "poisoned"):
        conf = write(tmp_path / name, poison=() if fold is None else fold.test, patients=24)
        config = composed("train", [*SHORT, f"cache={tmp_path / 'cache'}", f"output={tmp_path / 'run'}"], conf)
        setup = open_setup(config, silent).prepare(silent)
        fold = fold or make_folds(setup.cohort, outer=2, inner=2, seed=1)[0]
        results.append(fit_fold(config, setup, fold, tmp_path / f"{name}_fold", lambda: steps.append(1)))
        assert len(steps) == len(results) * units(config, list(setup.modalities), [fold], setup.cohort.spec.endpoint)
    clean, poisoned = learned(tmp_path / "clean_fold"), learned(tmp_path / "poisoned_fold")
    assert set(clean) == set(poisoned)
    assert [name for name in clean if clean[name] != poisoned[name]] == []
    pd.testing.assert_frame_equal(results[0].choices, results[1].choices, check_exact=True)
    scores = [one.predictions.set_index(["arm", "patient_id"])["score"] for one in results]
    assert not scores[0].equals(scores[1])


def test_candidates_are_compared_on_the_same_patients(tmp_path: Path) -> None:
    """P03 has no age: by the second preset they have no clinical table, by the first they have."""
    from fusion.config.compose import composed
    from fusion.contract import FusionError
    from fusion.protocol.setup import open_setup

    conf = write(tmp_path / "tiny")
    table = pd.read_csv(tmp_path / "tiny" / "clinical.csv")
    table.loc[table["patient"] == "P03", "age"] = np.nan
    table.to_csv(tmp_path / "tiny" / "clinical.csv", index=False)
    config = composed("train", [*SHORT, f"cache={tmp_path / 'cache'}"], conf)
    with pytest.raises(FusionError) as told:
        open_setup(config, silent)
    assert str(told.value).startswith(
        "choose, candidate 2 (preset=age): 1 patients lack modality.clinical by its settings and not by those of "
        "candidate 1: P03."
    )
