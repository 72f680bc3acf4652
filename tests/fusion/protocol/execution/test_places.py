"""Folds on Ray and under submitit give the bytes that they give here, nodes lost on the way included."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from omegaconf import DictConfig, OmegaConf

from fusion.contract import FusionError
from fusion.protocol.execution import on_ray
from fusion.protocol.execution.node import TOLD
from fusion.protocol.execution.on_ray import RayCluster
from fusion.protocol.setup import open_setup
from fusion.protocol.workers import run_folds
from fusion.run.folder import RunFolder
from tests.helpers.rays import Rays
from tests.helpers.small_cohort import configured, silent, write_cohort

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'oncofusion[ray]'")
pytest.importorskip("submitit", reason="submitit is not installed: pip install 'oncofusion[slurm]'")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    """Two by two folds over a table."""
    root = tmp_path_factory.mktemp("places") / "small"
    write_cohort(root, patients=24)
    with pytest.MonkeyPatch.context() as patch:
        return configured(root, patch, "trainer.max_epochs=1", "arms=[fusion,classical_lr]", only=("clinical",))


def trained(config: DictConfig, output: Path, said: list[str] | None = None, **changed: Any) -> pd.DataFrame:
    """The out-of-fold table of a run, and what was said on the way."""
    from hydra.utils import instantiate

    config = OmegaConf.merge(config, changed, {"output": str(output)})  # type: ignore[assignment]
    setup = open_setup(config, silent)
    folder = RunFolder.create(output)
    folds = instantiate(config.folds, setup.cohort, path=folder.folds_path, seed=config.seed)
    steps: list[int] = []
    done = list(
        run_folds(config, setup, folds, folder.path, steps.append, say=(said if said is not None else []).append)
    )
    assert sorted(fold.name for fold in done) == sorted(fold.name for fold in folds)
    assert sum(steps) == 2 * (2 + 1)  # a member is a step, a classical arm too; of a lost attempt none twice
    assert not (folder.path / "logs" / "tasks").exists()
    return folder.gather([fold.name for fold in folds])


@pytest.fixture(scope="module")
def here(config: DictConfig, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(trained(config, tmp_path_factory.mktemp("here") / "run"))


def written(table: pd.DataFrame) -> bytes:
    return table.to_parquet(index=False)


@pytest.fixture(scope="module")
def rays() -> Iterator[Rays]:
    rays = Rays()
    yield rays
    rays.close()


def once(there: Callable[[], bool], lose: Callable[[], None]) -> threading.Thread:
    """Call `lose` once something is there."""

    def wait() -> None:
        until = time.monotonic() + 120
        while not there() and time.monotonic() < until:
            time.sleep(0.02)
        lose()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_two_ray_nodes_of_which_one_is_lost_give_the_same_bytes(
    config: DictConfig, here: bytes, rays: Rays, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", list[str]()
    other = rays.node()

    def begun() -> bool:
        return sum(1 for path in (run / TOLD).glob("*.jsonl") if path.stat().st_size) == 2

    losing = once(begun, lambda: rays.lose(other))
    settings = {"execution": "ray", "ray": {"address": rays.address}}
    assert written(trained(config, run, said, **settings)) == here
    losing.join()
    (one,) = said
    assert "its node or process was lost" in one and "it begins again (1 of 3 times)" in one


def test_a_cluster_without_what_a_fold_needs_is_refused(rays: Rays) -> None:
    settings = OmegaConf.create({"address": rays.address, "cpus": 1, "gpus": 1, "retries": 0})
    with pytest.raises(FusionError, match=r"no node of the cluster has 1 CPU and 1 GPU for a fold \(1 CPU, 0 GPU"):
        RayCluster(settings, workers=None)
    assert not ray.is_initialized()


def test_submitit_with_a_job_that_is_killed_gives_the_same_bytes(
    config: DictConfig, here: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How long the files of a job that has ended are waited for on a slow shared disk.
    monkeypatch.setattr("submitit.core.core.Job._results_timeout_s", 1)
    run, said = tmp_path / "run", list[str]()

    def kill_one() -> None:
        jobs = [
            process
            for process in psutil.Process().children(recursive=True)
            if "submitit.core._submit" in process.cmdline() and not process.children()
        ]
        jobs[0].kill()

    def begun() -> bool:
        """A fold has kept a network, so neither is near its end."""
        return any(run.glob("models/*/unfinished/*.json"))

    losing = once(begun, kill_one)
    settings = {"execution": "slurm", "slurm": {"cluster": "local", "minutes": 5}}
    assert written(trained(config, run, said, **settings)) == here
    losing.join()
    (one,) = said
    assert "ended without a word" in one and "it begins again (1 of 3 times)" in one


def test_what_does_not_answer_is_told_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"address": "127.0.0.1:1", "cpus": 1, "gpus": 0}
    begun = time.monotonic()
    with pytest.raises(FusionError, match=r"ray.address=127.0.0.1:1 does not answer .*ray start --head"):
        RayCluster(OmegaConf.create(settings), workers=None)
    assert on_ray.KNOCK + on_ray.WAIT < 60 > time.monotonic() - begun
    monkeypatch.setattr(on_ray, "WAIT", 0.5)
    with socket.socket() as mute:  # takes the call and says nothing
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        settings["address"] = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(FusionError, match="answers, but no Ray cluster took this run in"):
            RayCluster(OmegaConf.create(settings), workers=None)
