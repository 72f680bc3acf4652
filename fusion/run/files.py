"""Files of a run: replaced whole, and refused in good words where the disk is full."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
