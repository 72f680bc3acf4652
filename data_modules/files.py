"""Files: found by glob, and written so that a reader never sees half of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file in the same folder, then rename it over `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: numpy and pandas choose or append a format by it.
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def find_files(root: Path, files: str | Sequence[str]) -> tuple[list[Path], list[str]]:
    """Files that the patterns name, sorted and once each, and the patterns that name none.

    Args:
        root: where relative patterns start.
        files: paths or globs (``*``, ``?``, ``**``), absolute or relative to `root`.
    """
    found: set[Path] = set()
    empty: list[str] = []
    for pattern in [files] if isinstance(files, str) else files:
        path = Path(pattern).expanduser()
        # A literal path comes first, so that brackets in a folder's name are no glob.
        exact = path if path.is_absolute() else root / path
        if exact.is_file() or _is_table(exact):
            found.add(exact)
            continue
        start, relative = (
            (Path(path.anchor), str(path.relative_to(path.anchor))) if path.is_absolute() else (root, str(path))
        )
        if path.is_absolute() and path.is_relative_to(root):
            start, relative = root, str(path.relative_to(root))
        listed = start.glob(relative) if relative != "." else ()
        matches = [match for match in listed if match.is_file() or _is_table(match)]
        found.update(matches)
        if not matches:
            empty.append(str(pattern))
    return sorted(found), empty


def _is_table(path: Path) -> bool:
    """A Hail MatrixTable, which is a folder."""
    return path.suffix == ".mt" and path.is_dir()
