"""Whether a run folder still is what the run left, and whether an interrupted run may go on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion.run.files import RunFolderError

_FREE_TO_CHANGE = {"output", "resume", "overwrite", "workers", "logger", "cache", "hydra"}
"""Keys of the configuration that change no result."""


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
    folder: Path,
    *,
    config: tuple[Mapping[str, Any], Mapping[str, Any]],
    hashes: tuple[Mapping[str, str], Mapping[str, str]],
) -> None:
    """An interrupted run goes on only with the configuration and the data it began with.

    Args:
        folder: of the run.
        config: then and now, plain containers.
        hashes: of the cohort's files, then and now.

    Raises:
        RunFolderError: naming the keys and files that differ.
    """
    before, today = (flat(one) for one in config)
    changed = [
        f"{key} (then {before.get(key, 'unset')}, now {today.get(key, 'unset')})"
        for key in sorted(before.keys() | today.keys())
        if before.get(key) != today.get(key) and not _FREE_TO_CHANGE & set(key.split("."))
    ]
    then, now = hashes
    data = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if changed or data:
        raise RunFolderError(
            f"{folder}: cannot go on with this run, for "
            + "; ".join(
                [f"these keys differ: {', '.join(changed[:5])}"] * bool(changed)
                + [f"these files changed: {', '.join(data[:5])}"] * bool(data)
            )
            + ". Start anew with overwrite=true or output=<folder>."
        )


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
