"""Files of a run: replaced whole, hashed, and refused in good words where the disk is full."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fusion.contract import FusionError


class RunFolderError(FusionError):
    """The folder is no run, or not one that this program can use."""


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk under `path` into a message that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise RunFolderError(
                f"{path}: the disk is full. Free some space or write elsewhere with output=<folder on another disk>; "
                "finished folds are kept and resume=true goes on from them."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise RunFolderError(f"{path}: may not be written. Choose another folder with output=<folder>.") from error
        raise


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it over `path`: readers never see half a file.

    Raises:
        RunFolderError: the disk is full or may not be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def require_space(path: Path, needed: int, *, key: str = "output") -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        path: a folder that exists or will be made.
        needed: bytes.
        key: the configuration key that moves it to another disk.

    Raises:
        RunFolderError: with what is free and what is needed.
    """
    existing = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise RunFolderError(
            f"{path}: {free / 1e9:.2f} GB are free on this disk and {needed / 1e9:.2f} GB are needed. "
            f"Free some space or set {key}=<folder on another disk>."
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
