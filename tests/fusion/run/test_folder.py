from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from fusion.contract import CohortSpec, EndpointSpec, FusionError
from fusion.run.files import disk_errors, replace_file, require_space
from fusion.run.folder import FORMAT, RunFolder
from fusion.run.record import git_commit, package_versions, peak_memory
from fusion.run.result import FoldResult

COHORT = CohortSpec(
    name="small",
    endpoint=EndpointSpec(name="response", kind="binary", classes=("no", "yes")),
    build=None,
    simulated=True,
    patients=4,
    hashes={"clinical.tsv": "aa"},
)
CONFIG = {"seed": 1, "workers": 2, "model": {"width": 32}, "arms": ["fusion"], "output": "x"}


def result(fold: int = 0) -> FoldResult:
    return FoldResult(
        predictions=pd.DataFrame({"patient_id": ["a", "b"], "arm": "fusion", "fold": fold, "score": [0.1, 0.1 + 0.2]}),
        inner=pd.DataFrame({"arm": ["fusion"], "fold": fold, "auroc": [0.7]}),
        selected=pd.DataFrame(),
        curves=pd.DataFrame({"epoch": [0, 1], "val_loss": [0.7, 0.6]}),
        choices=pd.DataFrame({"arm": ["fusion"] * 2, "fold": fold, "candidate": ["1", "2"], "chosen": [False, True]}),
        inner_predictions=pd.DataFrame({"patient_id": ["c"], "arm": "fusion", "fold": fold, "score": [0.4]}),
        audit=pd.DataFrame({"patient_id": ["a"], "arm": "slides: removed", "fold": fold, "score": [0.5]}),
    )


def begun(path: Path) -> RunFolder:
    run = RunFolder.create(path)
    run.begin(config=CONFIG, cohort=COHORT, seed=1, command=["fusion.train", "seed=1"])
    return run


def finished(path: Path) -> RunFolder:
    run = begun(path)
    run.save_fold("repeat0_fold0", result())
    (run.models("repeat0_fold0") / "fusion").mkdir()
    (run.models("repeat0_fold0") / "fusion" / "member0.safetensors").write_bytes(b"weights")
    run.gather(["repeat0_fold0"])
    run.finish(seconds=3.21, steps={"train": 2.0})
    return run


def change_record(run: RunFolder, **entries: object) -> None:
    (run.path / "run.json").write_text(json.dumps(run.record() | entries))


def test_a_run_began_when_its_command_did(tmp_path: Path) -> None:
    """Reading the cohort comes before the run folder is written, and counts."""
    run = RunFolder.create(tmp_path / "run")
    run.begin(config=CONFIG, cohort=COHORT, seed=1, seconds=3600)
    begun = [datetime.fromisoformat(one) for one in (run.record()["started"], run.record()["attempts"][0]["started"])]
    assert begun[0] == begun[1] and 3598 < (datetime.now(UTC) - begun[0]).total_seconds() < 3660


def test_a_finished_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    finished(tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    record = run.record()
    assert record["simulated"] is True
    assert (record["seed"], record["seconds"], record["steps"]) == (1, 3.21, {"train": 2.0})
    assert record["peak_memory_bytes"] > 10_000_000
    assert record["command"] == ["fusion.train", "seed=1"]
    assert run.cohort_spec() == COHORT
    assert run.config() == CONFIG
    pd.testing.assert_frame_equal(run.predictions(), result().predictions)
    assert "models/repeat0_fold0/fusion/member0.safetensors" in record["files"]


def test_an_interrupted_run_resumes_with_its_finished_folds_bit_for_bit(tmp_path: Path) -> None:
    run = begun(tmp_path)
    run.save_fold("repeat0_fold0", result(0))
    kept = run.unfinished("repeat0_fold1")  # of a fold that was interrupted
    kept.mkdir(parents=True)
    (kept / "network.json").write_text("{}")
    again = RunFolder.create(tmp_path, resume=True)
    again.begin(config=CONFIG | {"workers": 1, "output": "y"}, cohort=COHORT, seed=1)
    assert again.finished_folds() == ("repeat0_fold0",)
    pd.testing.assert_frame_equal(again.load_fold("repeat0_fold0").predictions, result(0).predictions, check_exact=True)
    with pytest.raises(FusionError, match="repeat0_fold1: this fold is not finished"):
        again.gather(["repeat0_fold0", "repeat0_fold1"])
    assert (kept / "network.json").exists()
    again.save_fold("repeat0_fold1", result(1))
    assert not kept.exists()
    run.unfinished("repeat0_fold0").mkdir()  # a kill before it was removed
    assert list(again.gather(["repeat0_fold0", "repeat0_fold1"])["fold"]) == [0, 0, 1, 1]
    assert not run.unfinished("repeat0_fold0").exists()


def test_resuming_with_other_settings_or_data_is_refused_naming_them(tmp_path: Path) -> None:
    begun(tmp_path)
    run = RunFolder.create(tmp_path, resume=True)
    with pytest.raises(FusionError, match=r"model\.width \(then 32, now 64\)"):
        run.begin(config=CONFIG | {"model": {"width": 64}}, cohort=COHORT, seed=1)
    other = CohortSpec(**(vars(COHORT) | {"hashes": {"clinical.tsv": "bb"}}))
    with pytest.raises(FusionError, match=r"these files changed: clinical\.tsv.*overwrite=true"):
        run.begin(config=CONFIG, cohort=other, seed=1)


def test_existing_folders_are_kept_unless_asked(tmp_path: Path) -> None:
    finished(tmp_path / "done")
    with pytest.raises(FusionError, match=r"holds a finished run.*overwrite=true"):
        RunFolder.create(tmp_path / "done")
    begun(tmp_path / "half").save_fold("repeat0_fold0", result())
    with pytest.raises(FusionError, match=r"interrupted run with 1 finished folds.*resume=true"):
        RunFolder.create(tmp_path / "half")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("mine")
    with pytest.raises(FusionError, match="is not empty and holds no run"):
        RunFolder.create(tmp_path / "thesis", overwrite=True)


def test_resume_begins_goes_on_or_finds_all_done(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path / "new", resume=True).status is None
    begun(tmp_path / "half")
    assert RunFolder.create(tmp_path / "half", resume=True).status == "running"
    finished(tmp_path / "done")
    assert RunFolder.create(tmp_path / "done", resume=True).status == "complete"


def test_overwriting_removes_the_run_and_nothing_of_the_users(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "train.log").write_text("log")
    RunFolder.create(tmp_path, overwrite=True)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["notes.txt", "train.log"]


def test_logs_that_came_first_do_not_hinder(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("log")
    (tmp_path / ".hydra").mkdir()
    assert RunFolder.create(tmp_path).path == tmp_path


def test_what_is_no_usable_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match=r"is not a run folder \(no run.json\)"):
        RunFolder.open(tmp_path / "nowhere")
    begun(tmp_path / "half")
    with pytest.raises(FusionError, match=r"did not finish.*resume=true"):
        RunFolder.open(tmp_path / "half")
    run = finished(tmp_path / "newer")
    change_record(run, format=FORMAT + 1, versions={"oncofusion": "9.9"})
    with pytest.raises(FusionError, match=r"newer version, 9\.9 \(folder format 2; this one reads up to 1\).*Update"):
        RunFolder.open(run.path)
    (run.path / "run.json").write_text("{")
    with pytest.raises(FusionError, match=r"run\.json: cannot be read"):
        RunFolder.open(run.path)
    (run.path / "run.json").write_text('{"status": "complete"}')
    with pytest.raises(FusionError, match="no format number"):
        RunFolder.open(run.path)


def test_altered_missing_and_added_files_are_refused(tmp_path: Path) -> None:
    run = finished(tmp_path)
    weights = run.models("repeat0_fold0") / "fusion" / "member0.safetensors"
    weights.write_bytes(b"Weights")
    with pytest.raises(FusionError, match=r"1 files were altered or added.*member0\.safetensors \(its SHA-256"):
        RunFolder.open(tmp_path)
    assert RunFolder.open(tmp_path, verify=False) == run
    weights.unlink()
    with pytest.raises(FusionError, match=r"1 of \d+ files of this run are missing, e\.g\. .*member0"):
        RunFolder.open(tmp_path)
    weights.write_bytes(b"weights")
    RunFolder.open(tmp_path)
    weights.with_name("member1.safetensors").write_bytes(b"planted")
    with pytest.raises(FusionError, match="member1"):
        RunFolder.open(tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "metrics.json"
    target.write_text("old")

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise ValueError("interrupted")

    with pytest.raises(ValueError, match="interrupted"):
        replace_file(target, fail)
    assert [item.name for item in tmp_path.iterdir()] == ["metrics.json"]
    assert target.read_text() == "old"


def test_nan_never_gets_into_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        begun(tmp_path).write_metrics({"auroc": float("nan")})


def test_a_device_that_is_full_says_where_and_what_to_do() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(FusionError, match=r"/dev/full: the disk is full.*output="), disk_errors(full):
        full.write_bytes(b"x")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs more rights")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_in_mid_run(small_disk: Path) -> None:
    run = begun(small_disk / "run")
    with pytest.raises(FusionError, match=r"the disk is full.*output=.*resume=true"):
        for fold in range(100):
            run.save_fold(f"repeat0_fold{fold}", result(fold))
    assert run.record()["status"] == "running"
    assert not list(small_disk.rglob("*.partial"))


def test_space_is_asked_for_before_work(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "there" / "yet", 1000)
    with pytest.raises(FusionError, match=r"GB are free on this disk and 1000000\.00 GB are needed.*cache=<folder"):
        require_space(tmp_path, 10**15, key="cache")


def test_the_record_names_versions_memory_and_commit(tmp_path: Path) -> None:
    assert {"python", "torch", "numpy"} <= package_versions().keys()
    assert peak_memory() > 10_000_000
    commit = git_commit()
    assert commit is None or len(commit.removesuffix("+changes")) == 40
    assert git_commit(tmp_path) is None


def test_the_run_of_the_fixture_is_a_run(tmp_path: Path, make_run: Callable[..., RunFolder]) -> None:
    run = RunFolder.open(make_run(tmp_path / "run", patients=60).path)
    assert len(run.predictions()) == 60 * 8
    assert len(run.cohort()) == 66
    assert run.metrics()["verdict"]["status"] in ("supported", "not shown", "worse")
