"""Folds on one Ray node of one core against two, and what a task costs on a worker that is cold or warm.

    python benchmarks/ray_nodes.py [outer folds × repeats, default 4]

Two real nodes on this machine (`ray start` twice), one core each; folds of a small table, networks and all. Times are
taken from what folds tell: *cold* from handing a fold over to its first word on a worker that had not run any (imports
and the opening of the cohort), *warm* from one fold's end to the next one's first word on the same worker. What folds
tell is looked at twice a second, so half a second is within error. The last column is the load of the machine before
each part: on a busy machine two workers take twice the share of it, and the ratio says less. Each number of nodes does
the folds twice; the second time no worker is cold.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.helpers.rays import Rays
from tests.helpers.small_cohort import configured, silent, write_cohort

IMPORTS = "import fusion.protocol.crossval, fusion.arms.network, data_modules.modalities.tables.table"


@dataclass
class Times:
    """When folds began to tell and when they were done, in seconds since they were handed over."""

    first: dict[str, float] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> float:
        return max(self.done.values())


def run(config: Any, address: str, output: Path) -> tuple[Times, Times]:
    """All folds on workers that are cold, and again on the same, which are warm."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from fusion.protocol.execution.cluster import run_on
    from fusion.protocol.execution.on_ray import RayCluster
    from fusion.protocol.execution.places import Folds
    from fusion.protocol.setup import open_setup
    from fusion.run.folder import RunFolder

    config = OmegaConf.merge(config, {"output": str(output)})
    setup = open_setup(config, silent)
    folder = RunFolder.create(output)
    folds = instantiate(config.folds, setup.cohort, path=folder.folds_path, seed=config.seed)

    class Twice(RayCluster):
        """Its workers stay warm after the first time."""

        left = 1

        def close(self) -> None:
            self.left -= 1
            if self.left < 0:
                super().close()

    ray = Twice(OmegaConf.create({"address": address, "cpus": 1, "gpus": 0}), workers=None)
    place = Folds(run=output.absolute(), config=OmegaConf.to_container(config, resolve=True))

    def once() -> Times:
        times, begun = Times(), time.perf_counter()

        def told(task: str, content: Any) -> None:
            times.first.setdefault(task, time.perf_counter() - begun)

        for name, _ in run_on(ray, {fold.name: fold.name for fold in folds}, place, retries=0, told=told):
            times.done[name] = time.perf_counter() - begun
        return times

    return once(), once()


def warm(times: Times) -> list[float]:
    """Of folds one after the other on one worker."""
    order = sorted(times.done, key=times.done.__getitem__)
    return [times.first[later] - times.done[earlier] for earlier, later in pairwise(order)]


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def main() -> None:
    folds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        root = Path(place) / "small"
        write_cohort(root, patients=60)
        settings = (f"folds.repeats={folds // 2}", "trainer.max_epochs=60", "trainer.patience=60", "arms=[fusion]")
        config = configured(root, patch, *settings, only=("clinical",))
        begun = time.perf_counter()
        before = load()
        subprocess.run([sys.executable, "-c", IMPORTS], check=True)
        print(f"imports alone                    {time.perf_counter() - begun:6.1f} s   {before}", flush=True)
        rays = Rays()
        try:
            before = load()
            cold, one = run(config, rays.address, Path(place) / "one")
            print(f"one node, {folds} folds: cold         {cold.whole:6.1f} s   {before}")
            print(f"                   warm         {one.whole:6.1f} s")
            print(f"a cold worker                    {min(cold.first.values()):6.1f} s")
            print(f"a warm worker, median            {statistics.median(warm(cold) + warm(one)):6.1f} s", flush=True)
            rays.node()
            before = load()
            cold, two = run(config, rays.address, Path(place) / "two")
            print(f"two nodes: cold                  {cold.whole:6.1f} s   {before}")
            print(f"           warm                  {two.whole:6.1f} s")
            print(f"warm, one over two               {one.whole / two.whole:6.2f}")
        finally:
            rays.close()
        same = {
            path.name: path.read_bytes() == (Path(place) / "two" / path.relative_to(Path(place) / "one")).read_bytes()
            for path in (Path(place) / "one").glob("models/*/predictions.parquet")
        }
        print(f"the same predictions: {all(same.values())}")


if __name__ == "__main__":
    main()
