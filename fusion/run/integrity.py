"""Whether a run folder still is what the run left, and whether an interrupted run may go on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion.contract import some
from fusion.run.earlier import completed
from fusion.run.files import RunFolderError

FREE_TO_CHANGE = {
    "output", "resume", "overwrite", "workers", "logger", "cache", "hydra", "verify", "execution", "ray", "slurm",
    "device", "accelerator",
}  # fmt: skip
"""Keys of the configuration that change no result; the device none beyond rounding."""


def hash_files(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """File under `folder`, posix → SHA-256, of the files `names` and of all within the folders `names`."""
    paths = sorted(path for name in names for path in files_under(folder / name))
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in paths}


def verify_hashes(folder: Path, names: Sequence[str], known: Mapping[str, str]) -> None:
    """Compare every file with the hash it had when the run ended.

    Raises:
        RunFolderError: a file is missing, altered, or was added.
    """
    missing = [name for name in known if not (folder / name).is_file()]
    if missing:
        raise RunFolderError(
            f"{folder}: {len(missing)} of {len(known)} files of this run are missing, e.g. {missing[0]}. "
            "Restore them or train again."
        )
    today = hash_files(folder, names)
    altered = [name for name, hashed in today.items() if known.get(name) != hashed]
    if altered:
        raise RunFolderError(
            f"{folder}: {len(altered)} files were altered or added since the run, e.g. {altered[0]} (its "
            "SHA-256 is not the one in run.json). Restore them or train again."
        )


def refuse_another_run(
    folder: Path, *, config: tuple[Mapping[str, Any], Mapping[str, Any]], inputs: Sequence[str]
) -> None:
    """An interrupted run goes on only with the configuration and the data it began with.

    Args:
        folder: of the run.
        config: then and now, plain containers; see `changed_since`.
        inputs: of `changed_inputs`.

    Raises:
        RunFolderError: naming the keys and files that differ.
    """
    changed = changed_since(*config)
    if changed or inputs:
        raise RunFolderError(
            f"{folder}: cannot go on with this run, for "
            + "; ".join(
                [f"these keys differ: {', '.join(changed[:5])}"] * bool(changed)
                + [f"these files changed: {some(inputs, rest='others')}"] * bool(inputs)
            )
            + ". Restore them, or start anew with overwrite=true or output=<folder>."
        )


def changed_keys(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Keys that bear on results and differ between two configurations, each with both values."""
    before, today = flat(then), flat(now)
    return [
        f"{key} (then {before.get(key, 'unset')}, now {today.get(key, 'unset')})"
        for key in sorted(before.keys() | today.keys())
        if before.get(key) != today.get(key) and not FREE_TO_CHANGE & set(key.split("."))
    ]


def changed_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """As `changed_keys`, of a run and today; keys that have come since count where they change what the run did."""
    before, today = flat(then), flat(now)
    return changed_keys(completed(before, today), today)


def changed_inputs(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Files that are not what they were, or are new or gone, each with which."""
    kinds = {name: "gone" if name not in now else "new" if name not in then else "changed" for name in {**then, **now}}
    return [
        name if kinds[name] == "changed" else f"{name} ({kinds[name]})"
        for name in sorted(kinds)
        if then.get(name) != now.get(name)
    ]


def files_under(path: Path) -> list[Path]:
    """The file itself, or all files of a folder; what a crash left half written is not one."""
    if path.is_dir():
        return [item for item in path.rglob("*") if item.is_file() and not item.name.endswith(".partial")]
    return [path] if path.is_file() else []


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots."""
    if not isinstance(content, Mapping) or not content:
        return {prefix: content}
    parts = [flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in content.items()]
    return {key: value for part in parts for key, value in part.items()}
