"""Files of a run: replaced whole, and refused in good words where the disk is full."""

from __future__ import annotations

import errno
import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fusion.contract import FusionError

PARTIAL = ".partial"
"""Ending of files that are being written."""


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
    # Random, for processes of two containers may have the same number, and threads of one process do.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PARTIAL}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def replace_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON as all result files have it, the same way; NaN is refused."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def remove_partial(folder: Path, below: Iterable[str]) -> None:
    """Remove what killed processes left half written; only for whoever has the folder to themselves (`locked`).

    Args:
        folder: to look into.
        below: folders under it that are looked through as well.
    """
    pattern = f".*{PARTIAL}"
    for path in [*folder.glob(pattern), *(path for name in below for path in (folder / name).rglob(pattern))]:
        path.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, *, key: str = "output") -> Iterator[None]:
    """Have a folder to oneself: made where it is missing, refused where another process writes into it.

    The lock is the operating system's, which takes it back when its process ends, however it ends.

    Args:
        folder: to write into.
        key: the configuration key that names another.

    Raises:
        RunFolderError: another process has it, or it may not be written.
    """
    from filelock import FileLock, Timeout

    file = folder / ".lock"
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{folder}: is no folder. Choose another with {key}=<folder>.")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise RunFolderError(
                f"{folder}: another process is writing into this folder. Wait until it has ended, or choose another "
                f"folder with {key}=<folder>."
            ) from error
    try:
        yield
    finally:
        # A folder that holds nothing else was made for nothing.
        if [item.name for item in folder.iterdir()] == [file.name]:
            file.unlink(missing_ok=True)
        lock.release()


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
