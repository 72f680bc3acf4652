"""Several finished runs to be compared: opened as a stranger's, of one endpoint, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fusion.run.files import RunFolderError
from fusion.run.folder import RunFolder
from fusion.run.integrity import FREE_TO_CHANGE, changed_inputs, flat

_LONGEST = 200


@contextmanager
def as_written(run: RunFolder) -> Iterator[None]:
    """Whatever is not where a run has it is said of the run's folder, which may be a stranger's."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        raise RunFolderError(f"{run.path}: is not as a run writes it ({type(error).__name__}: {error}).") from error


def letter(place: int) -> str:
    """A, B, … Z, A1, B1, …: what a page calls the runs."""
    turn, which = divmod(place, 26)
    return chr(ord("A") + which) + (str(turn) if turn else "")


def open_runs(paths: Sequence[str | Path]) -> dict[str, RunFolder]:
    """Runs by letter, in the order given; nothing that they name is ever made, so their classes need no trust.

    Raises:
        RunFolderError: fewer than two, the same folder twice, no finished run, or runs of different endpoints.
    """
    if len(paths) < 2:
        raise RunFolderError(f"{len(paths)} run given: name two or more, run=<folder> run=<folder>.")
    real = [Path(path).resolve() for path in paths]
    twice = next((path for place, path in enumerate(real) if path in real[:place]), None)
    if twice is not None:
        raise RunFolderError(f"{twice}: is given twice; a run is compared with others.")
    runs = {letter(place): RunFolder.open(path, trust=None) for place, path in enumerate(paths)}
    (_, first), *others = runs.items()
    known = first.cohort_spec().endpoint
    for _, run in others:
        other = run.cohort_spec().endpoint
        for what in ("name", "kind", "classes"):
            mine, theirs = getattr(known, what), getattr(other, what)
            if mine != theirs:
                raise RunFolderError(
                    f"{first.path} and {run.path} are of different endpoints: the {what} is {_said(mine)} in the first "
                    f"and {_said(theirs)} in the second. Compare runs of one endpoint."
                )
    return runs


def differences(runs: Mapping[str, RunFolder]) -> list[dict[str, Any]]:
    """Keys of the configuration that bear on results and are not the same in all runs: ``key`` and, by run, ``values``.

    A list of settings is compared whole. What no run has set to anything but one value is left out.
    """
    configs = {name: flat(run.config()) for name, run in runs.items()}
    keys = dict.fromkeys(key for config in configs.values() for key in config)
    return [
        {"key": key, "values": {name: shown(config.get(key, "unset")) for name, config in configs.items()}}
        for key in keys
        if not FREE_TO_CHANGE & set(key.split("."))
        and len({repr(config.get(key, "unset")) for config in configs.values()}) > 1
    ]


def surroundings(runs: Mapping[str, RunFolder]) -> list[str]:
    """What else differs from the first run, in sentences: folds, input files, cohort, versions, commit."""
    (name, first), *others = runs.items()
    told = []
    for other, run in others:
        with as_written(run):
            told += _apart(name, first, other, run)
    return told


def _apart(name: str, first: RunFolder, other: str, run: RunFolder) -> list[str]:
    told = []
    mine, theirs = first.record(), run.record()
    if first.folds().get("sha256") != run.folds().get("sha256"):
        told.append(
            f"{name} and {other} were tested in other folds: part of their difference is the chance of the draw. "
            "folds=<folds.json of a run> gives both the same."
        )
    if mine["cohort"]["name"] != theirs["cohort"]["name"]:
        told.append(f"{name} is of the cohort {mine['cohort']['name']}, {other} of {theirs['cohort']['name']}.")
    files = changed_inputs(first.inputs(), run.inputs())
    if files and first.inputs() and run.inputs():
        told.append(f"{name} and {other} read files that differ ({len(files)}), e.g. {files[0]}.")
    before, today = mine.get("versions", {}), theirs.get("versions", {})
    apart = sorted(one for one in before.keys() | today.keys() if before.get(one) != today.get(one))
    if apart:
        told.append(f"{name} and {other} ran with other versions of {', '.join(map(str, apart[:6]))}.")
    elif mine.get("git_commit") != theirs.get("git_commit"):
        told.append(f"{name} and {other} ran at other commits of this program.")
    return told


def shown(value: Any) -> str:
    """A setting as one reads it."""
    text = "null" if value is None else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
