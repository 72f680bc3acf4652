"""What `--help` lists, how a sweep ends, and what is said of the machine's state, without a command."""

from __future__ import annotations

import errno
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from fusion.config.command import _disk_problem, _Jobs, _replace_in_argv
from fusion.config.help import _chosen, _examples, _keys, _listing, groups, help_text, options

PRIMARY = """# @package _global_
# what it is
defaults:
  - _self_
  - cohort: null
  - override /model/fuser: concat

# a comment between
name: x
output: runs/${name}

folds:
  outer: 5
hydra:
  run: {dir: "."}

  job: {chdir: false}
seed: 1
"""


@pytest.fixture
def user(tmp_path: Path) -> Path:
    for name, text in {
        "experiment/zeta": "# @package _global_\n# the last one\nname: z\n",
        "cohort/aaa": "cohort: {name: a}\n",
        "model/fuser/concat": "# mine\n",
        "hydra/mine": "# none\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def test_keys_are_shown_without_machinery() -> None:
    assert _keys(PRIMARY).splitlines() == ["name: x", "output: runs/${name}", "", "folds:", "  outer: 5", "seed: 1"]
    assert _chosen(PRIMARY) == {"cohort", "model/fuser"}
    lines = _listing({"a": "short", "longer": "word " * 30}).splitlines()
    assert lines[0] == "  a       short"
    assert lines[1].startswith("  longer  word") and lines[2].startswith(" " * 10 + "word")
    assert max(map(len, lines)) <= 110


def test_choices_of_ones_own_are_listed_with_their_first_comment(user: Path) -> None:
    assert options("experiment", user)["zeta"] == "the last one"
    assert options("cohort", user)["aaa"] == ""
    assert options("model/fuser", user)["concat"] == options("model/fuser", None)["concat"], "the package's comes first"
    assert "model/fuser" in groups(user) and not any(name.startswith("hydra") for name in groups(user))
    assert _examples("p", None).splitlines()[0] == f"p +experiment={next(iter(options('experiment', None)))}"
    assert _examples("p", None).splitlines()[2].endswith(",".join(options("model/fuser", None)))


def test_the_cohorts_of_examples_are_there(root: Path) -> None:
    """What a command's help shows can be typed; ``mine`` and ``my_cohort`` are the user's own."""
    asked = {
        (file.name, name)
        for file in (root / "fusion").glob("*.py")
        for name in re.findall(r"(?m)^  python -m .*\bcohort=(\w+)", file.read_text().split('"""')[1])
    }
    assert len(asked) > 3
    assert {one for one in asked if one[1] not in {*options("cohort", None), "mine", "my_cohort"}} == set()


def test_each_command_says_what_may_be_chosen() -> None:
    train = help_text("p", " Train. ", "train", None)
    assert train.startswith("Train.\n\nExperiments, chosen with +experiment=<name>:\n  ")
    assert "(a modality or encoder: <group>@<key>=<choice>)" in train and "Examples:\n  p +experiment=" in train
    assert "\n  experiment " not in train
    predict = help_text("p", "Predict.", "predict", None)
    assert "Experiments," not in predict and "Examples:" not in predict and "\n  model/fuser" not in predict


def test_a_sweep_is_ranked_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = _Jobs(lambda config: None, after_sweep=lambda folder: f"after {folder.name}", sweeper="grid")
    for name, score in (("0", 0.25), ("1", None), ("2", 0.75), ("3", -1.0)):
        jobs.scores.append({"job": name, "overrides": [f"a={name}", "b=1"], "score": score})
    jobs.report_sweep(tmp_path)
    kept = json.loads((tmp_path / "sweep.json").read_text())
    assert kept["sweeper"] == "grid"
    assert [job["job"] for job in kept["jobs"]] == ["2", "0", "3", "1"]
    assert capsys.readouterr().out.splitlines() == [
        "Sweep, best inner score first:",
        "    0.7500  a=2 b=1",
        "    0.2500  a=0 b=1",
        "   -1.0000  a=3 b=1",
        "            a=1 b=1",
        f"Saved: {tmp_path / 'sweep.json'}",
        f"after {tmp_path.name}",
    ]


def test_jobs_of_other_machines_make_a_sweep_too(tmp_path: Path) -> None:
    def jobs(number: int, **more: Any) -> _Jobs:
        return _Jobs(lambda config: None, scores=[{}] * number, **more)

    assert jobs(2).swept() and not jobs(1).swept() and not jobs(0).swept()
    here = {"output": tmp_path / "0", "overrides": ["hydra.mode=MULTIRUN"]}
    for name in ("0", "1"):
        assert not jobs(1, **here).swept()
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    assert jobs(1, **here).swept()
    assert not jobs(1, output=tmp_path / "0").swept()


def test_how_to_go_on_is_told_where_that_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "a=1 2", "output=old", "resume=true", "overwrite=false"])
    jobs = _Jobs(lambda config: None, resumable=True, output=tmp_path)
    assert jobs.resume_hint().endswith(f" 'a=1 2' output={tmp_path} resume=true")
    jobs.overrides = ["hydra.mode=MULTIRUN"]
    assert jobs.resume_hint() == f"\nJobs of the sweep that finished are in {tmp_path.parent}."
    for more in ({"resumable": False}, {"output": None}, {"output": tmp_path / "none"}):
        assert _Jobs(lambda config: None, **{"resumable": True, "output": tmp_path, **more}).resume_hint() == ""


def test_folders_that_were_made_for_nothing_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "runs" / "x").mkdir(parents=True)
    (tmp_path / "here" / "kept" / "y" / "z").mkdir(parents=True)
    (tmp_path / "here" / "kept" / "file").touch()
    for output in (None, Path("runs/x"), Path("kept/y/z"), Path("none")):
        _Jobs(lambda config: None, output=output).tidy()
    assert sorted(path.name for path in (tmp_path / "here").rglob("*")) == ["file", "kept"]
    _Jobs(lambda config: None, output=tmp_path / "here").tidy()
    assert Path.cwd().is_dir()


@pytest.mark.parametrize("typed", [["--config-dir={}"], ["-cd={}"], ["--config-dir", "{}"], ["-cd", "{}"]])
def test_a_folder_with_old_cohort_files_is_copied_and_named_instead(
    user: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str]
) -> None:
    argv = ["predict", "a=1", *(one.format(user) for one in typed), "b=2"]
    monkeypatch.setattr(sys, "argv", list(argv))
    jobs = _Jobs(lambda config: None)
    assert jobs.data_alone(None) is None
    assert (jobs.data_alone(user), sys.argv) == (user, argv), "holds data alone"
    assert jobs.copied is not None
    jobs.copied.cleanup()
    (user / "cohort" / "old.yaml").write_text("# @package _global_\ncohort: {name: o}\ntrainer: {max_epochs: 3}\n")
    made = jobs.data_alone(user)
    assert made is not None and made != user and (made / "cohort" / "old.yaml").is_file()
    assert "trainer" not in (made / "cohort" / "old.yaml").read_text()
    assert sys.argv == ["predict", "a=1", "b=2", "--config-dir", str(made)]
    assert jobs.user_dir == made
    jobs.copied.cleanup()


def test_what_is_corrected_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train", "-m", "a=1", "b=2"])
    _replace_in_argv(["a=1", "b=2"], ["a=3", "b=2"])
    assert sys.argv == ["train", "-m", "a=3", "b=2"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "The disk is full (x.npy)."),
        (errno.EDQUOT, "The disk is full (x.npy)."),
        (errno.EROFS, "Permission denied (x.npy)."),
        (errno.EACCES, "Permission denied (x.npy)."),
        (errno.EPERM, "Permission denied (x.npy)."),
        (errno.EIO, None),
    ],
)
def test_the_machines_state_is_told_in_a_sentence(code: int, said: str | None) -> None:
    found = _disk_problem(OSError(code, "message", "x.npy"))
    assert found is None if said is None else str(found).startswith(said)
    assert said is None or str(_disk_problem(OSError(code, "message"))).startswith(said.replace(" (x.npy)", ""))
