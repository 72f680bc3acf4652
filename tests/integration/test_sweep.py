"""``fusion.train -m`` and ``fusion.sweep``: the winner's plain and corrected figure, and what was left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion.contract import FusionError
from fusion.report.sweeps.page import write_sweep
from fusion.run.sweep import open_sweep
from tests.helpers.small_cohort import CHEAP, COHORT, EXPERIMENT, write_cohort
from tests.helpers.warm import command


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a sweep of three jobs, and what it said."""
    folder = tmp_path_factory.mktemp("swept")
    write_cohort(folder / "small", patients=24)
    for group, text in (
        ("cohort/small", COHORT.replace("ROOT", str(folder / "small"))),
        ("experiment/leaks", EXPERIMENT),
    ):
        file = folder / "conf" / f"{group}.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    cheap = [one for one in CHEAP if "slides" not in one]
    left_out = [f"~modality.{name}" for name in ("clinical", "expression", "segments", "slides")]
    done = command(
        "train", "-m", "--config-dir", str(folder / "conf"), "+experiment=leaks", *cheap, *left_out,
        *(one.replace("modality", "model.encoders") for one in left_out), "arms=[fusion,classical_lr]",
        f"cache={folder / 'cache'}", f"hydra.sweep.dir={folder / 'sweep'}", "trainer.learning_rate=0.0001,0.003,0.03",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "sweep", done.stdout


def test_the_sweep_ends_with_both_figures(swept: tuple[Path, str]) -> None:
    folder, said = swept
    found = json.loads((folder / "sweep.json").read_text())
    assert found["jobs"][0]["job"] == found["winner"]
    assert {row["job"]: row["overrides"].split()[-1] for row in found["jobs"]} == {
        "0": "trainer.learning_rate=0.0001", "1": "trainer.learning_rate=0.003", "2": "trainer.learning_rate=0.03",
    }  # fmt: skip
    for row in found["jobs"]:
        run = folder / row["job"]
        inner = pd.read_parquet(run / "inner.parquet")
        assert row["score"] == pytest.approx(inner.loc[inner["arm"] == "fusion", "auroc"].mean(), abs=1e-12)
        metrics = json.loads((run / "metrics.json").read_text())
        assert row["outer"] == pytest.approx(metrics["arms"]["fusion"]["auroc"]["value"], abs=1e-12)
    assert (found["adaptive"], found["unfinished"]) == (False, [])
    assert found["plain"] == next(row["outer"] for row in found["jobs"] if row["job"] == found["winner"])
    assert 0 <= found["corrected"]["low"] <= found["corrected"]["value"] <= found["corrected"]["high"] <= 1
    assert f"Winner of 3 jobs: {found['winner']} (" in said
    assert "approximate" not in said
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "parallel.svg",
        "parallel.png",
    }  # of one key no shares
    html = (folder / "sweep.html").read_text(encoding="utf-8")
    assert f"<dd>job {found['winner']}<small>" in html
    assert f"{found['corrected']['value']:.3f}" in html
    assert "Approximate" not in html


def test_inner_predictions_are_kept_by_patient(swept: tuple[Path, str]) -> None:
    table = pd.read_parquet(swept[0] / "0" / "inner_predictions.parquet")
    folds = json.loads((swept[0] / "0" / "folds.json").read_text())["folds"]
    assert set(table["arm"]) == {"fusion", "base", "classical_lr", "classical", "floor_site"}
    for fold in folds:
        for _, rows in table[table["fold"] == fold["index"]].groupby("arm"):
            assert sorted(rows["patient_id"]) == sorted(fold["train"])


def test_unfinished_jobs_are_counted_and_left_out_and_other_sweepers_are_approximate(
    swept: tuple[Path, str], tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(swept[0], folder)
    before = json.loads((folder / "sweep.json").read_text())
    record = json.loads((folder / "1" / "run.json").read_text())
    (folder / "1" / "run.json").write_text(json.dumps({**record, "status": "running"}))
    (folder / "7").mkdir()
    (folder / "8").mkdir()
    (folder / "8" / "run.json").write_text(json.dumps({**record, "status": "pruned"}))
    (folder / "notes").mkdir()
    done = command("sweep", f"jobs={folder}", "draws=100", "arm=classical_lr")
    assert done.returncode == 0, done.stderr
    assert "left out, unfinished: 2 (job 1, 7)" in done.stdout
    assert "left out, given up for they were behind: 1" in done.stdout
    found = json.loads((folder / "sweep.json").read_text())
    assert (found["unfinished"], found["draws"], found["arm"]) == (["1", "7"], 100, "classical_lr")
    assert {row["job"]: row["overrides"] for row in found["jobs"]} == {
        row["job"]: row["overrides"] for row in before["jobs"] if row["job"] != "1"
    }
    assert found["pruned"] == ["8"]
    page = (folder / "sweep.html").read_text(encoding="utf-8")
    assert "job 1, 7" in page and "1 pruned" in page and "job 8." in page

    (folder / "sweep.json").write_text(json.dumps({"sweeper": "hydra_plugins.hydra_optuna_sweeper.OptunaSweeper"}))
    assert "approximate, for jobs may have been proposed" in write_sweep(folder, arm="fusion", draws=20, seed=0)
    assert "<strong>Approximate.</strong>" in (folder / "sweep.html").read_text(encoding="utf-8")

    (folder / "sweep.json").unlink()  # then multirun.yaml says it, and the runs what was set
    sweep = open_sweep(folder)
    assert not sweep.adaptive
    assert sweep.settings == {"0": "trainer.learning_rate=0.0001", "2": "trainer.learning_rate=0.03"}
    (folder / "multirun.yaml").unlink()
    assert open_sweep(folder).adaptive


def test_what_is_no_sweep_is_refused(swept: tuple[Path, str], tmp_path: Path) -> None:
    done = command("sweep", f"jobs={tmp_path}")
    assert (done.returncode, "holds no finished job" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    with pytest.raises(FusionError, match="is no folder"):
        open_sweep(tmp_path / "nowhere")
    folder = tmp_path / "sweep"
    shutil.copytree(swept[0], folder)
    with pytest.raises(
        FusionError, match=r"has no arm 'late'; set arm to one of base, classical, classical_lr, floor_site, fusion"
    ):
        write_sweep(folder, arm="late", draws=10, seed=0)
    predictions = pd.read_parquet(folder / "1" / "predictions.parquet")
    predictions["patient_id"] = np.roll(predictions["patient_id"], 1)
    predictions.to_parquet(folder / "1" / "predictions.parquet")
    with pytest.raises(FusionError, match="two labels"):
        write_sweep(folder, arm="fusion", draws=10, seed=0)
    (folder / "0" / "inner_predictions.parquet").unlink()
    with pytest.raises(FusionError, match="keeps no inner predictions"):
        write_sweep(folder, arm="fusion", draws=10, seed=0)
