"""Files: found by glob, and written so that a reader never sees half of one."""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from fusion.contract import FusionError, some

_EFFECTIVE = os.access in os.supports_effective_ids
"""Whether the system says what the user in charge may read, who need not be the one who started the process."""


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file in the same folder, then rename it over `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: numpy and pandas choose or append a format by it. Random, for two containers may have the
    # same process number, and threads of one process do.
    partial = path.with_name(f".partial-{secrets.token_hex(8)}-{path.name}")
    try:
        write(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What patterns name on the disk.

    Attributes:
        found: files, sorted and once each; links to files and to folders are followed.
        empty: patterns that name none.
        hidden: files whose name, or whose folder's below the pattern's start, begins with a dot; of no pattern.
        dead: links to nothing.
    """

    found: list[Path]
    empty: list[str]
    hidden: list[Path]
    dead: list[Path]


def find_files(root: Path, files: str | Sequence[str]) -> tuple[list[Path], list[str]]:
    """`list_files`: what is found, and the patterns that name nothing."""
    listing = list_files(root, files)
    return listing.found, listing.empty


def list_files(root: Path, files: str | Sequence[str], *, folders: bool = False) -> Listing:
    """Files that the patterns name.

    Hidden files (``.DS_Store``, ``._slide.svs``) are named by a pattern only where it says their name without a
    wildcard.

    Args:
        root: where relative patterns start.
        files: paths or globs (``*``, ``?``, ``**``), absolute or relative to `root`.
        folders: whether a folder stands for all files below it; else folders are left out.

    Raises:
        FusionError: a folder that cannot be looked into, or files that cannot be read: what they hold would be missing
            without a word.
    """
    closed: list[Path] = []
    try:
        listing = _listed(root, files, folders=folders, closed=closed)
        closed += [path for path in listing.found if not os.access(path, os.R_OK, effective_ids=_EFFECTIVE)]
    except PermissionError as error:
        closed.append(Path(error.filename))
    if closed:
        raise FusionError(
            f"{some([str(path) for path in dict.fromkeys(closed)], 3)} cannot be read (permission denied). Ask for the "
            "right to read them (chmod u+r; of folders u+rx), or leave them out of `files`."
        )
    return listing


def _listed(root: Path, files: str | Sequence[str], *, folders: bool, closed: list[Path]) -> Listing:
    found: set[Path] = set()
    hidden: set[Path] = set()
    dead: set[Path] = set()
    empty: list[str] = []
    for pattern in [files] if isinstance(files, str) else files:
        path = Path(pattern).expanduser()
        # A literal path comes first, so that brackets in a folder's name are no glob.
        exact = path if path.is_absolute() else root / path
        if exact.is_file() or _is_table(exact):
            found.add(exact)
            continue
        start, matches = (exact, [exact]) if os.path.lexists(exact) else _globbed(root, path, closed)
        if folders:
            matches = [file for match in matches for file in (_below(match, closed) if match.is_dir() else [match])]
        for match in matches:
            if _is_hidden(match, start):
                if match.is_file() or match.is_symlink():
                    hidden.add(match)
            elif match.is_file() or _is_table(match):
                found.add(match)
            elif match.is_symlink() and not match.exists():
                dead.add(match)
        if not any(match in found or match in dead for match in matches):
            empty.append(str(pattern))
    return Listing(found=sorted(found), empty=empty, hidden=sorted(hidden - found), dead=sorted(dead))


def _globbed(root: Path, path: Path, closed: list[Path]) -> tuple[Path, list[Path]]:
    """The folder where a pattern's wildcards start, and what matches it."""
    parts = list((path if path.is_absolute() else root / path).parts)
    if path.is_absolute() and path.is_relative_to(root):
        parts = [*root.parts, *path.relative_to(root).parts]
    literal = len(root.parts) if parts[: len(root.parts)] == list(root.parts) else 1
    while literal < len(parts) - 1 and not glob.has_magic(parts[literal]):
        literal += 1
    start, wanted = Path(*parts[:literal]), parts[literal:]
    if "**" not in wanted:
        return start, _matching(start, wanted, closed) if wanted else []
    return start, [found for found in _below(start, closed) if _fits(found.relative_to(start).parts, wanted)]


def _matching(start: Path, wanted: Sequence[str], closed: list[Path]) -> list[Path]:
    """What matches the parts of a pattern below a folder, sorted; folders that cannot be looked into go to `closed`."""
    if not wanted:
        return [start]
    try:
        if glob.has_magic(wanted[0]):
            names = sorted(path.name for path in start.iterdir() if fnmatchcase(path.name, wanted[0]))
        else:
            os.lstat(start / wanted[0])
            names = [wanted[0]]
    except PermissionError:
        closed.append(start)
        return []
    except OSError:
        return []
    return [found for name in names for found in _matching(start / name, wanted[1:], closed)]


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_fits(parts[skipped:], wanted[1:]) for skipped in range(len(parts) + 1)) or len(wanted) == 1
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def _below(folder: Path, closed: list[Path]) -> list[Path]:
    """All files below a folder; links are followed, but into no folder that is being walked already."""
    files: list[Path] = []

    def barred(error: OSError) -> None:
        if isinstance(error, PermissionError):
            closed.append(Path(error.filename))

    for top, inner, names in os.walk(folder, followlinks=True, onerror=barred):
        above = {os.path.realpath(top), *(os.path.realpath(part) for part in Path(top).parents)}
        files += [Path(top, name) for name in (*names, *(name for name in inner if name.endswith(".mt")))]
        inner[:] = sorted(
            name for name in inner if not name.endswith(".mt") and os.path.realpath(Path(top, name)) not in above
        )
    return files


def _is_hidden(path: Path, start: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(start).parts)


def _is_table(path: Path) -> bool:
    """A Hail MatrixTable, which is a folder."""
    return path.suffix == ".mt" and path.is_dir()
