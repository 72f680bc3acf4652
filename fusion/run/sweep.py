"""The folder of a sweep (Hydra's multirun): one run folder a job, and what is known of how jobs were proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yaml import YAMLError

from fusion.run.bounded import as_mapping, read_json, read_yaml
from fusion.run.files import RunFolderError
from fusion.run.folder import RunFolder
from fusion.run.integrity import FREE_TO_CHANGE, flat
from fusion.run.watched import PRUNED

FILE = "sweep.json"
GRID = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
"""Hydra's own sweeper, which proposes all jobs before the first is done."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep's folder holds.

    Attributes:
        jobs: name → its run, of those that finished; in the order of their numbers, else of their names.
        settings: name → what it set, as one types it.
        unfinished: names of jobs that failed or were interrupted.
        pruned: names of jobs that were given up, for they were behind others.
        sweeper: class that proposed the jobs; None where nothing says which.
    """

    jobs: Mapping[str, RunFolder]
    settings: Mapping[str, str]
    unfinished: tuple[str, ...]
    pruned: tuple[str, ...]
    sweeper: str | None

    @property
    def adaptive(self) -> bool:
        """Whether a job may have been proposed by what others gave, or nobody knows."""
        return self.sweeper != GRID


def open_sweep(folder: Path) -> Sweep:
    """Read a sweep's folder.

    Raises:
        RunFolderError: there is no such folder, or no job in it finished.
    """
    if not folder.is_dir():
        raise RunFolderError(f"{folder}: is no folder. Set jobs=<folder of a sweep>, e.g. multirun/<name>/<time>.")
    runs = {path.name: RunFolder(path) for path in sorted(folder.iterdir(), key=_order) if _is_job(path)}
    jobs = {name: run for name, run in runs.items() if run.status == "complete"}
    pruned = tuple(name for name, run in runs.items() if run.status == PRUNED)
    if not jobs:
        raise RunFolderError(f"{folder}: holds no finished job of a sweep. Set jobs=<folder that --multirun wrote>.")
    known = _known(folder)
    told = {str(job.get("job")): _typed(job.get("overrides", ())) for job in known.get("jobs", ())}
    differing = _differing(jobs)
    return Sweep(
        jobs=jobs,
        settings={name: told.get(name) or differing[name] for name in jobs},
        unfinished=tuple(name for name in runs if name not in jobs and name not in pruned),
        pruned=pruned,
        sweeper=known.get("sweeper") or _sweeper(folder),
    )


def _is_job(path: Path) -> bool:
    """A run, or a numbered folder of a job that ended before it was one."""
    return path.is_dir() and not path.is_symlink() and ((path / "run.json").is_file() or path.name.isdecimal())


def _order(path: Path) -> tuple[int, str]:
    return (int(path.name) if path.name.isdecimal() else 0, path.name)


def _typed(overrides: str | list[Any]) -> str:
    return overrides if isinstance(overrides, str) else " ".join(map(str, overrides))


def _known(folder: Path) -> dict[str, Any]:
    """What training, or this command before, wrote down of the sweep."""
    try:
        return as_mapping(read_json(folder / FILE), folder / FILE)
    except (OSError, ValueError, RunFolderError):
        return {}


def _sweeper(folder: Path) -> str | None:
    try:
        return str(read_yaml(folder / "multirun.yaml")["hydra"]["sweeper"]["_target_"])
    except (OSError, ValueError, KeyError, TypeError, YAMLError, RunFolderError):
        return None


def _differing(jobs: Mapping[str, RunFolder]) -> dict[str, str]:
    """Of each job, the keys whose values are not the same in all."""
    configs = {name: flat(run.config()) for name, run in jobs.items()}
    keys = dict.fromkeys(key for config in configs.values() for key in config)
    apart = [
        key
        for key in keys
        if len({repr(config.get(key)) for config in configs.values()}) > 1 and not FREE_TO_CHANGE & set(key.split("."))
    ]
    return {
        name: " ".join(f"{key}={config.get(key)}" for key in apart if not key.startswith("choose."))
        for name, config in configs.items()
    }
