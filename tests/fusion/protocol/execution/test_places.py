"""Folds and ingest on Ray and under submitit give the bytes that they give here, nodes lost on the way included."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import psutil
import pytest
from omegaconf import DictConfig, OmegaConf

from data_modules.ingest.slides.ingest import entry_for
from data_modules.ingest.volumes.__main__ import main as ingest_volumes
from fusion.contract import FusionError, telling
from fusion.protocol.execution import extras, on_ray
from fusion.protocol.execution.ingest import elsewhere_of
from fusion.protocol.execution.node import TOLD
from fusion.protocol.execution.on_ray import RayCluster
from fusion.protocol.setup import open_setup
from fusion.protocol.workers import run_folds
from fusion.run.folder import RunFolder
from tests.helpers import ingest as mine
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


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    """Four slides."""
    root = tmp_path_factory.mktemp("places") / "pictures"
    write_cohort(root, patients=4)
    with pytest.MonkeyPatch.context() as patch:
        return configured(root, patch, only=("slides",))


@pytest.fixture(scope="module")
def ingested_here(pictures: DictConfig, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return ingested(pictures, tmp_path_factory.mktemp("here"))


def ingested(config: DictConfig, cache: Path, said: list[str] | None = None, **changed: Any) -> dict[str, bytes]:
    """Every file of every slide's entry, and the quality table."""
    config = OmegaConf.merge(config, changed, {"cache": str(cache)})  # type: ignore[assignment]
    elsewhere = elsewhere_of(config, (said if said is not None else []).append)
    steps: list[tuple[int, int]] = []
    setup = open_setup(config, silent, elsewhere=elsewhere)
    setup.prepare(lambda step, done, total: steps.append((done, total)))
    assert steps == [(done, 4) for done in range(5)]
    assert not (cache / "tasks").exists()
    files = [*cache.glob("slides/*/*"), *cache.glob("slide_sets/*/quality.csv")]
    return {str(path.relative_to(cache)): path.read_bytes() for path in files}


def test_headers_that_take_long_to_read_are_told(
    pictures: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "QUIET", 0.0)
    monkeypatch.setattr(telling, "_EVERY", 0.0)
    told: list[tuple[str, int, int]] = []
    open_setup(OmegaConf.merge(pictures, {"cache": str(tmp_path)}), lambda *step: told.append(step))
    opened = [(done, total) for step, done, total in told if step == "Opening slides of modality.slides"]
    assert opened == [(done, 4) for done in range(1, 5)]


def test_slides_on_two_ray_nodes_of_which_one_is_lost_are_the_same_bytes(
    pictures: DictConfig, ingested_here: dict[str, bytes], rays: Rays, tmp_path: Path
) -> None:
    other, said = rays.node(), list[str]()
    setup = open_setup(OmegaConf.merge(pictures, {"cache": str(tmp_path)}), silent)
    slides: Any = setup.modalities["slides"]
    # Each node gets one of these first, and waits as it would for another run that makes the same.
    busy = [entry_for(slides.requests[number], slides.rules, cache=tmp_path).claim() for number in (0, 1)]

    def lose() -> None:
        rays.lose(other)
        for claim in busy:
            claim.release()  # type: ignore[union-attr]

    losing = once(lambda: rays.working() == 2, lose)
    settings = {"execution": "ray", "ray": {"address": rays.address}}
    assert ingested(pictures, tmp_path, said, **settings) == ingested_here
    losing.join()
    (one,) = said
    assert re.match(r"modality\.slides: P00[01]\.png: its node or process was lost .*begins again \(1 of 3", one)


def test_volumes_under_submitit_are_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.random.default_rng(0).normal(100, 30, (12, 12, 12)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "P1_t1.nii.gz")
    lines = (
        "files: '*.nii.gz'", "patient_pattern: '(P\\d)'", "size: 8", "patch: 4",
        "sequences: {t1: {match: t1, time: baseline, intensity: mr}}",
    )  # fmt: skip
    conf = mine.write_cohort(
        tmp_path, tmp_path, name="mri", option="volumes", modality="\n".join(lines), patients="P1 P2"
    )
    asked = ["execution=slurm", "slurm.cluster=local", "slurm.minutes=5"]
    told = []
    for cache, more in ((tmp_path / "here", []), (tmp_path / "there", asked)):
        assert ingest_volumes(mine.over_cohort(conf, cache, *more)) == 0
        told.append(capsys.readouterr().out.replace(str(cache), ""))
        made = [*cache.glob("volumes/*/*"), *cache.glob("volume_sets/*/quality.csv")]
        told.append({path.relative_to(cache): path.read_bytes() for path in made})  # type: ignore[arg-type]
    assert "modality.mri: 1 patients, 1 volumes" in told[0]
    assert told[:2] == told[2:] and len(told[1]) == 7
    assert list((tmp_path / "there/logs/slurm").glob("*_submitted.pkl"))


def test_a_cluster_without_what_a_fold_needs_is_refused(rays: Rays) -> None:
    settings = OmegaConf.create({"address": rays.address, "cpus": 1, "gpus": 1, "retries": 0})
    with pytest.raises(FusionError, match=r"no node of the cluster has 1 CPU and 1 GPU for a task \(1 CPU, 0 GPU"):
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
    assert extras.KNOCK + on_ray.WAIT < 60 > time.monotonic() - begun
    monkeypatch.setattr(on_ray, "WAIT", 0.5)
    with socket.socket() as mute:  # takes the call and says nothing
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        settings["address"] = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(FusionError, match="answers, but no Ray cluster took this run in"):
            RayCluster(OmegaConf.create(settings), workers=None)
