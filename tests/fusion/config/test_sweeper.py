"""Sweeps that Optuna proposes, by the real command in this process; jobs are arithmetic."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from omegaconf import DictConfig

from fusion.config.command import run
from fusion.config.files import ConfigError
from fusion.config.overrides import jobs_of, parse, singles
from fusion.config.search import search_space
from fusion.contract import FusionError
from fusion.run.watched import report

optuna = pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'oncofusion[optuna]'")
ROOT = Path(__file__).parents[3]
LEARNING_RATE = "trainer.learning_rate=tag(log, interval(1e-5, 1e-1))"
WIDTH = "model.width=choice(8, 16)"
Task = Callable[[DictConfig], float | None]


class Jobs:
    """What each job was given, by its number."""

    def __init__(self, score: Callable[[int, float, int], float]) -> None:
        self.score = score
        self.given: dict[int, tuple[float, int]] = {}
        self.resumed: list[int] = []

    def task(self) -> Task:
        def train(config: DictConfig) -> float:
            number = int(Path(config.output).name)
            self.given[number] = (config.trainer.learning_rate, config.model.width)
            if config.resume:
                self.resumed.append(number)
            return self.score(number, *self.given[number])

        train.__module__ = "fusion.train"
        return train


def good(number: int, rate: float, width: int) -> float:
    """Best at a rate of 0.001 and a width of 16."""
    import math

    return 1 - 0.1 * (math.log10(rate) + 3) ** 2 - (0.2 if width == 8 else 0)


CONFIG = """\
defaults:
  - _self_
  - override hydra/sweeper: optuna
  - override hydra/job_logging: none
  - override hydra/hydra_logging: none
name: small
seed: 7
output: ${hydra:runtime.output_dir}
resume: false
workers: null
folds: {outer: 5}
trainer: {learning_rate: 0.002}
model: {width: 32}
hydra: {output_subdir: null, sweep: {subdir: "${hydra.job.num}"}}
"""


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A sweep of Hydra itself, with this package's sweeper and a small configuration."""
    from hydra import main

    conf = tmp_path / "conf"
    (conf / "hydra" / "sweeper").mkdir(parents=True)
    (conf / "config.yaml").write_text(CONFIG)
    shutil.copy(ROOT / "conf/hydra/sweeper/optuna.yaml", conf / "hydra" / "sweeper")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def command(folder: Path, jobs: Jobs, *arguments: str, trials: int = 4) -> None:
        common = [f"hydra.sweeper.trials={trials}", f"hydra.sweep.dir={folder}"]
        monkeypatch.setattr(sys, "argv", ["train", "-m", *common, *arguments])
        main(config_path=str(conf), config_name="config", version_base="1.3")(jobs.task())()

    return command


def study_of(folder: Path) -> Any:
    return optuna.load_study(study_name="sweep", storage=f"sqlite:///{folder / 'study.db'}")


def test_the_command_ends_with_what_its_jobs_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, jobs = tmp_path / "not there yet" / "sweep", Jobs(good)
    arguments = ["+experiment=breast_tcga", "hydra/sweeper=optuna", "hydra.sweeper.trials=2", LEARNING_RATE]
    monkeypatch.setattr(sys, "argv", ["train", "-m", *arguments, f"hydra.sweep.dir={folder}"])
    run(jobs.task(), "train")
    found = json.loads((folder / "sweep.json").read_text())
    assert found["sweeper"] == "hydra_plugins.oncofusion.OptunaSweeper"
    assert {row["job"]: row["score"] for row in found["jobs"]} == {
        str(number): good(number, *values) for number, values in jobs.given.items()
    }
    monkeypatch.setattr(sys, "argv", ["train", "-m", "+experiment=breast_tcga", LEARNING_RATE])
    with pytest.raises(SystemExit, match="2"):
        run(jobs.task(), "train")


def test_it_finds_the_best_goes_on_where_it_ended_and_proposes_the_same(
    tmp_path: Path, sweep: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts, rest = Jobs(good), Jobs(good), Jobs(good)
    sweep(tmp_path / "whole", whole, LEARNING_RATE, WIDTH, trials=14)
    assert sorted(whole.given) == list(range(14))
    assert all(1e-5 <= rate <= 1e-1 and width in (8, 16) for rate, width in whole.given.values())
    best = max(whole.given.values(), key=lambda one: good(0, *one))
    assert best[1] == 16 and 1e-4 < best[0] < 1e-2
    late = [good(0, *whole.given[number]) for number in range(10, 14)]
    early = [good(0, *whole.given[number]) for number in range(10)]
    assert sum(late) / 4 > sum(early) / 10, "TPE learns from ten jobs"
    # In two commands, and then there is nothing to do.
    sweep(tmp_path / "parts", parts, LEARNING_RATE, WIDTH, trials=5)
    sweep(tmp_path / "parts", rest, LEARNING_RATE, WIDTH, trials=7)
    assert sorted(rest.given) == [5, 6]
    assert {**parts.given, **rest.given} == {number: whole.given[number] for number in range(7)}
    capsys.readouterr()
    sweep(tmp_path / "parts", rest, LEARNING_RATE, WIDTH, trials=7)
    assert "7 jobs" in capsys.readouterr().err


def test_a_job_that_is_behind_is_given_up(tmp_path: Path, sweep: Callable[..., None]) -> None:
    def score(number: int, rate: float, width: int) -> float:
        report(1, 0.5 + (0.1 if number == 6 else -0.01 * number))
        return 0.7 + 0.01 * number

    sweep(tmp_path / "sweep", Jobs(score), LEARNING_RATE, trials=8)
    states = [trial.state.name for trial in study_of(tmp_path / "sweep").trials]
    assert states == ["COMPLETE"] * 5 + ["PRUNED", "COMPLETE", "PRUNED"]


def test_an_interrupted_job_goes_on_and_one_of_another_machine_is_left_alone(
    tmp_path: Path, sweep: Callable[..., None]
) -> None:
    def interrupted(number: int, rate: float, width: int) -> float:
        if number == 1:
            raise KeyboardInterrupt
        return 0.5

    folder = tmp_path / "sweep"
    first, second, third = Jobs(interrupted), Jobs(good), Jobs(good)
    with pytest.raises(KeyboardInterrupt):
        sweep(folder, first, LEARNING_RATE, WIDTH, trials=3)
    assert sorted(first.given) == [0, 1]
    with FileLock(folder / ".1.lock"):  # another machine has it
        sweep(folder, second, LEARNING_RATE, WIDTH, trials=3)
    assert sorted(second.given) == [2]
    sweep(folder, third, LEARNING_RATE, WIDTH, trials=3)
    assert third.given == {1: first.given[1]} and third.resumed == [1]
    assert {trial.state.name for trial in study_of(folder).trials} == {"COMPLETE"}


def test_a_study_of_another_experiment_is_refused(tmp_path: Path, sweep: Callable[..., None]) -> None:
    folder = tmp_path / "sweep"
    sweep(folder, Jobs(good), LEARNING_RATE, trials=1)
    for arguments, said in (
        ([LEARNING_RATE, "folds.outer=3"], r"folds\.outer \(then 5, now 3\)"),
        ([LEARNING_RATE, WIDTH], r"model\.width \(then unset"),
        (["trainer.learning_rate=interval(1e-5, 1e-1)"], r"trainer\.learning_rate \(then "),
    ):
        with pytest.raises(FusionError, match=f"this study is of another experiment, .*{said}"):
            sweep(folder, Jobs(good), *arguments)
    sweep(folder, Jobs(good), LEARNING_RATE, "workers=1", trials=2)
    assert len(study_of(folder).trials) == 2


def test_a_job_that_fails_ends_the_sweep_and_is_not_gone_on_with(tmp_path: Path, sweep: Callable[..., None]) -> None:
    def broken(number: int, rate: float, width: int) -> float:
        if number == 1:
            raise FusionError("mend it")
        return float("nan")

    with pytest.raises(FusionError, match="mend it"):
        sweep(tmp_path / "sweep", Jobs(broken), LEARNING_RATE)
    assert [trial.state.name for trial in study_of(tmp_path / "sweep").trials] == ["FAIL", "FAIL"]
    later = Jobs(good)
    sweep(tmp_path / "sweep", later, LEARNING_RATE, trials=3)
    assert sorted(later.given) == [2]


def test_what_cannot_be_searched_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="nothing is searched"):
        search_space(["seed=7"])
    with pytest.raises(ConfigError, match=r"learning_rate=interval\(1e-1, 1e-5\)"):
        search_space(["trainer.learning_rate=interval(1e-1, 1e-5)"])
    interval, lone = parse("trainer.learning_rate=interval(0.1, 0.2)"), parse("hydra/sweeper=optuna")
    assert [one.value() for one in singles(interval)] == [0.1, 0.2]
    assert len(list(jobs_of([lone, interval], multirun=True))) == 2
    with pytest.raises(ConfigError, match="is an interval, of which Optuna tries values: add hydra/sweeper=optuna"):
        list(jobs_of([interval], multirun=True))
    monkeypatch.setattr("fusion.config.search.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'oncofusion\[optuna\]'"):
        search_space([LEARNING_RATE])


def test_the_syntax_is_hydras() -> None:
    fixed, space = search_space(
        [
            "seed=7",
            LEARNING_RATE,
            WIDTH,
            "a=int(interval(1, 8))",
            "b=interval(0, 0.5)",
            "model/fuser=concat,gated",
            "c=range(1,4)",
        ]
    )
    dist = optuna.distributions
    assert fixed == ["seed=7"]
    assert space == {
        "trainer.learning_rate": dist.FloatDistribution(1e-5, 1e-1, log=True),
        "model.width": dist.CategoricalDistribution(["8", "16"]),
        "a": dist.IntDistribution(1, 8),
        "b": dist.FloatDistribution(0, 0.5),
        "model/fuser": dist.CategoricalDistribution(["concat", "gated"]),
        "c": dist.CategoricalDistribution(["1", "2", "3"]),
    }
