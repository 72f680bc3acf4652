"""What a cluster is asked and what is made of its answers; nodes that see other files."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fusion.contract import FusionError
from fusion.protocol.execution.cluster import LostError, run_on
from fusion.protocol.execution.extras import check_execution, require_extra
from fusion.protocol.execution.node import SIGN, TOLD, serve
from fusion.protocol.execution.places import Folds
from fusion.protocol.pool import TaskFailedError
from tests.helpers.cluster import Here


def place(folder: Path) -> Folds:
    return Folds(run=folder, config={"seed": 7, "cache": str(folder), "cohort": {"root": None}})


def tell(job: dict[str, Any], *contents: Any) -> None:
    with (Path(job["run"]) / TOLD / job["told"]).open("a") as stream:
        stream.writelines(json.dumps(content) + "\n" for content in contents)


def test_a_lost_task_begins_again_and_is_counted_once(tmp_path: Path) -> None:
    said: list[str] = []
    heard: list[Any] = []

    class Cluster(Here):
        def finished(self, waiting: Collection[int], seconds: float) -> list[int]:
            number = min(waiting)
            tell(self.given[number - 1], "arm fusion", None, *([None] if number > 1 else []))
            return [number]

    def work(job: dict[str, Any], number: int) -> str:
        if number == 1:
            raise LostError("its node was lost")
        return json.dumps({"host": "n"})

    cluster = Cluster(work)
    done = run_on(
        cluster, {"a": "A"}, place(tmp_path), retries=1, told=lambda task, what: heard.append((task, what)),
        say=said.append,
    )  # fmt: skip
    assert list(done) == [("A", None)]
    assert heard == [("A", "arm fusion"), ("A", None), ("A", "arm fusion"), ("A", None)]
    assert said == ["Fold a: its node was lost; it begins again (1 of 1 times)."]
    assert cluster.closed and not (tmp_path / "logs").exists()
    assert len({job["told"] for job in cluster.given}) == 2
    # Whom the fold is of does not travel.
    assert set(cluster.given[0]) == {"config", "folder", "run", "fold", "seen", "token", "told"}
    assert cluster.given[0]["seen"] == {"cache": str(tmp_path)}


def test_a_task_lost_too_often_fails_and_what_finished_is_handed_over(tmp_path: Path) -> None:
    def work(job: dict[str, Any], number: int) -> str:
        if job["fold"] == "b":
            raise LostError("its node was lost", memory=True)
        return json.dumps({"host": "n"})

    cluster = Here(work)
    done = []
    with pytest.raises(TaskFailedError, match="its node was lost, 2 times") as raised:
        for task, _ in run_on(cluster, {"a": "a", "b": "b"}, place(tmp_path), retries=1, told=lambda task, what: None):
            done.append(task)
    assert done == ["a"]
    assert raised.value.failure.memory
    assert cluster.closed


def test_an_error_on_a_node_names_it(tmp_path: Path) -> None:
    def work(job: dict[str, Any], number: int) -> str:
        failed = {"said": "ValueError: no", "details": "Traceback", "memory": False, "mendable": False}
        return json.dumps({"host": "node7", "failed": failed})

    with pytest.raises(TaskFailedError, match="ValueError: no") as raised:
        list(run_on(Here(work), {"a": 1}, place(tmp_path), retries=0, told=lambda task, what: None))
    assert raised.value.task == 1
    assert raised.value.failure.details == "On node node7:\nTraceback"


def test_what_is_mended_on_a_node_names_it(tmp_path: Path) -> None:
    def work(job: dict[str, Any], number: int) -> str:
        failed = {"said": "device=cuda: no GPU here.", "details": "", "memory": False, "mendable": True}
        return json.dumps({"host": "node7", "failed": failed})

    with pytest.raises(TaskFailedError) as raised:
        list(run_on(Here(work), {"a": 1}, place(tmp_path), retries=0, told=lambda task, what: None))
    assert raised.value.failure.said == "device=cuda: no GPU here (node node7)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": "another"}, "does not see the run folder .* Set output to a folder on a disk that all nodes share"),
        ({"run": "/nowhere/run"}, "does not see the run folder /nowhere/run"),
        ({"seen": {"cohort.root": "/nowhere/data"}}, r"does not see /nowhere/data \(cohort.root\)"),
        ({"folder": "/nowhere"}, r"does not see /nowhere \(the working directory\)"),
    ],
)
def test_a_node_that_sees_other_files_says_so(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    (tmp_path / TOLD).mkdir(parents=True)
    (tmp_path / TOLD / SIGN).write_text("token")
    job = json.loads(place(tmp_path).text("repeat0_fold0", "token", "told.jsonl")) | change
    answer = json.loads(serve(json.dumps(job)))
    assert answer["failed"]["mendable"] and answer["host"] in answer["failed"]["said"]
    with pytest.raises(FusionError, match=said):
        raise FusionError(answer["failed"]["said"])


def test_what_cannot_run_is_refused_before_long_work() -> None:
    node = {"cpus": 1, "gpus": 0, "retries": 3}
    check_execution(OmegaConf.create({"execution": "local", "ray": {"cpus": 0}}))
    check_execution(OmegaConf.create({"execution": "ray", "ray": node}))
    with pytest.raises(FusionError, match="execution=yarn: there is no such place; choose from local, ray, slurm"):
        check_execution(OmegaConf.create({"execution": "yarn"}))
    with pytest.raises(FusionError, match=r"ray\.cpus=0: give at least 1"):
        check_execution(OmegaConf.create({"execution": "ray", "ray": {**node, "cpus": 0}}))
    with pytest.raises(FusionError, match=r"no_such_engine is not installed. Run: pip install 'oncofusion\[ray\]'"):
        require_extra("no_such_engine", "ray")


def test_slurm_without_sbatch_is_refused_and_a_preempted_job_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitit = pytest.importorskip("submitit", reason="submitit is not installed: pip install 'oncofusion[slurm]'")
    from fusion.protocol.execution.on_slurm import Served, SlurmCluster

    settings = {"cluster": "slurm", "minutes": 5, "cpus": 1, "gpus": 0, "memory_gb": None, "partition": None}
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FusionError, match="this machine has no sbatch"):
        SlurmCluster(OmegaConf.create({**settings, "account": None, "parameters": {}}), tmp_path)
    unknown = {**settings, "cluster": "local", "account": None, "parameters": {"no_such_option": 1}}
    with pytest.raises(FusionError, match=r"no_such_option.* See slurm\.parameters"):
        SlurmCluster(OmegaConf.create(unknown), tmp_path)
    again = Served().checkpoint("text")
    assert isinstance(again, submitit.helpers.DelayedSubmission) and again.args == ("text",)
