"""Runs that fail, are killed, or meet another process: what was finished stays, and the command says what to do."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from integration.conftest import Workplace

FAILING = """
from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from data_modules.modalities.tables.table import Table

DONE = Path(__file__).with_name("first_fold_is_saved")


class Failing(Table):
    '''A table that cannot be fitted once a first fold was saved; all folds but one wait for that.'''

    def __init__(self, *, how: str, **settings):
        super().__init__(**settings)
        self.how = how

    def fit(self, train_ids, labels):
        run = Path(__file__).with_name(self.how)
        if not getattr(self, "waited", False):
            self.waited = True
            try:
                run.with_suffix(".claimed").open("x").close()
            except FileExistsError:
                while not list(run.glob("models/*/result.json")):
                    time.sleep(0.05)
                if self.how == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise ValueError("this table is broken")
        return super().fit(train_ids, labels)
"""


def small(workplace: Workplace, *arguments: str) -> tuple[str, ...]:
    """A run of the clinical table alone, and one epoch."""
    own = workplace.folder / "own"
    own.mkdir(exist_ok=True)
    return (
        "~modality.slides",
        "~modality.variants",
        "trainer.max_epochs=1",
        "arms=[fusion,classical_lr]",
        "logger=none",
        *arguments,
    )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("broken", ("ValueError: this table is broken", "Traceback: ", "resume=true")),
        ("killed", ("signal 9 (SIGKILL)", "memory", "Lower workers (now 2), datamodule.batch_size", "resume=true")),
    ],
)
def test_a_fold_that_fails_keeps_what_others_finished_and_ends_at_once(
    trained: Path, workplace: Workplace, how: str, words: tuple[str, ...]
) -> None:
    (workplace.folder / "failing_table.py").write_text(FAILING)
    override = ["+modality.clinical.how=" + how, "modality.clinical._target_=failing_table.Failing"]
    done = workplace.train(*small(workplace, f"output={how}", "workers=2", *override))
    assert done.returncode == 2, done.stderr
    assert "Fold repeat0_fold" in done.stderr and "at fitting the modalities" in done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback (most recent call last)" not in done.stderr
    saved = list((workplace.folder / how).glob("models/*/result.json"))
    assert len(saved) == 1
    # Without the fault it goes on from there.
    (workplace.folder / "failing_table.py").write_text(
        "from data_modules.modalities.tables.table import Table\n\n\nclass Failing(Table):\n"
        "    def __init__(self, *, how: str, **settings):\n        super().__init__(**settings)\n"
    )
    before = saved[0].stat().st_mtime_ns
    done = workplace.train(*small(workplace, f"output={how}", "resume=true", "workers=1", *override))
    assert done.returncode == 0, done.stderr
    assert saved[0].stat().st_mtime_ns == before
    assert not list((workplace.folder / how).glob("models/*.log"))
    record = json.loads((workplace.folder / how / "run.json").read_text())
    assert len(record["attempts"]) == 2
    assert set(record["folds"]) == {"repeat0_fold0", "repeat0_fold1"}
    assert all(fold["accelerator"] == "cpu" and fold["seconds"] > 0 for fold in record["folds"].values())


def test_resume_is_safe_to_pass_always(trained: Path, workplace: Workplace) -> None:
    """Nothing there: begins. Killed: goes on in the same folder, found by itself. Finished: says so."""
    command = [sys.executable, "-m", "fusion.train", "+experiment=breast_tcga", "cohort.patients=40", "name=always"]
    command += ["folds.outer=2", "folds.inner=2", "trainer.min_epochs=1", "evaluation.draws=50", "resume=true"]
    command += ["workers=1", *small(workplace)]
    with subprocess.Popen(command, cwd=workplace.folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not list(workplace.folder.glob("runs/always/*/models/*/result.json")) and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(signal.SIGSTOP)  # it works on, but gets no further
            (run,) = (workplace.folder / "runs" / "always").iterdir()
            second = subprocess.run(
                [*command, f"output={run}"], cwd=workplace.folder, capture_output=True, text=True, check=False
            )
        finally:
            process.send_signal(signal.SIGKILL)
        assert process.stderr is not None
        told = process.stderr.read()
    assert f"Beginning {run}." in told
    assert second.returncode == 2
    assert "another process is writing into this folder" in second.stderr
    done = subprocess.run(command, cwd=workplace.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Going on with {run}." in done.stderr
    assert list((workplace.folder / "runs" / "always").iterdir()) == [run]
    again = subprocess.run(
        [*command, f"output={run}"], cwd=workplace.folder, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "this run is finished; there is nothing to do" in again.stderr
    other = subprocess.run(
        [*command, f"output={run}", "seed=8"], cwd=workplace.folder, capture_output=True, text=True, check=False
    )
    assert other.returncode == 2
    assert "seed (then 7, now 8)" in other.stderr


def test_a_slide_overwritten_in_place_is_noticed(trained: Path, workplace: Workplace) -> None:
    """Its size and modification time are as they were; resume and explain name it."""
    import os

    slide = sorted((workplace.folder / "data").glob("*/slides/*.tif"))[0]
    content, facts = slide.read_bytes(), slide.stat()
    record = (trained / "run.json").read_text()
    saved = trained / "models" / "repeat0_fold1" / "result.json"
    kept = saved.read_bytes()
    changed = bytearray(content)
    changed[-1] ^= 1
    with slide.open("r+b") as stream:
        stream.write(changed)
    os.utime(slide, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    try:
        explained = workplace("explain", "run=run", "output=noticed", "steps=2", "tiles=0")
        assert explained.returncode == 2, explained.stderr
        assert f"slides/{slide.name}" in explained.stderr and "SHA-256 differs" in explained.stderr
        content_json = {k: v for k, v in json.loads(record).items() if k != "files"}
        (trained / "run.json").write_text(json.dumps({**content_json, "status": "running"}))
        saved.unlink()
        resumed = workplace.train("output=run", "resume=true")
        assert resumed.returncode == 2, resumed.stderr
        assert f"these files changed: slides/{slide.name}" in resumed.stderr
    finally:
        slide.write_bytes(content)
        saved.write_bytes(kept)
        (trained / "run.json").write_text(record)
        shutil.rmtree(workplace.folder / "noticed", ignore_errors=True)
    assert len(pd.read_parquet(trained / "predictions.parquet"))
