"""SHA-256 of files, remembered by what the file system says of them; text replaced whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from data_modules.files import replace_file

_READERS = 4
"""Threads that read files: hashing lets other threads run."""


def write_text_atomic(path: Path, text: str) -> None:
    """Write `text` so that readers see the old file or the new one, never a part."""
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def file_hash(path: Path, *, memo: Path | None = None, again: bool = False) -> str:
    """SHA-256 of a file's bytes.

    Args:
        path: the file.
        memo: cache folder in which the result is remembered by path and by what the file system says of the file, so
            that gigabytes are read once; None reads the file anew.
        again: read the file whatever is remembered of it, and remember that.
    """
    path = Path(path).resolve()
    remembered = None if memo is None or again else remembered_hash(path, memo=memo)
    if remembered is not None:
        return remembered
    stamp = file_stamp(path)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    # A file that was written to meanwhile has a hash of neither state: it is not remembered.
    if memo is not None and file_stamp(path) == stamp:
        write_text_atomic(_note(path, memo), json.dumps({"stamp": stamp, "sha256": digest}))
    return digest


def remembered_hash(path: Path, *, memo: Path) -> str | None:
    """What `file_hash` noted of the file as it is now; None where it noted nothing, or the file has changed since."""
    path = Path(path).resolve()
    try:
        remembered = json.loads(_note(path, memo).read_text(encoding="utf-8"))
        return str(remembered["sha256"]) if remembered["stamp"] == file_stamp(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or damaged: hash again


def file_hashes(
    files: Mapping[str, Path],
    *,
    memo: Path,
    again: bool = False,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, str]:
    """SHA-256 of many files, several read at once.

    Args:
        files: name → file; of a folder each file below it counts, named after it.
        memo: see `file_hash`.
        again: see `file_hash`.
        told: after every file, with how many are done and how many there are.
    """
    every = {
        inner if part == path else f"{inner}/{part.relative_to(path).as_posix()}": part
        for inner, path in files.items()
        for part in ([path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file()))
    }
    found: dict[str, str] = {}
    with ThreadPoolExecutor(_READERS) as pool:
        hashed = pool.map(lambda path: file_hash(path, memo=memo, again=again), every.values())
        for done, (name, digest) in enumerate(zip(every, hashed, strict=True), start=1):
            found[name] = digest
            told(done, len(every))
    return found


def file_stamp(path: Path) -> list[str | int]:
    """What changes when a file does: ctime also where its size and modification time were restored."""
    facts = path.stat()
    return [str(path), facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def _note(path: Path, memo: Path) -> Path:
    return Path(memo) / "hashes" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"


def content_hash(files: Sequence[Path], settings: Mapping[str, Any], *, memo: Path | None = None) -> str:
    """SHA-256 over the contents of `files`, in order, and `settings` as JSON; file names and places do not count.

    Args:
        files: input files.
        settings: JSON-able; everything that changes the result, a format version included.
        memo: see `file_hash`.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(file_hash(path, memo=memo).encode())
    digest.update(json.dumps(settings, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()


Thing = TypeVar("Thing")


def same_content(
    files: Mapping[Thing, Sequence[Path]],
    owners: Mapping[Thing, str],
    *,
    memo: Path,
    told: Callable[[int], None] = lambda more: None,
) -> list[list[Thing]]:
    """Things of several owners whose files hold the same bytes; only those of equal size are hashed.

    Of these the first file, and the others only where it is the same: series of slices are of equal size for many
    patients and differ from the first one on.

    Args:
        files: thing → its files.
        owners: thing → whose it is.
        memo: cache folder in which hashes are remembered.
        told: how many more things were compared.
    """
    sizes: dict[tuple[int, ...], list[Thing]] = {}
    for thing, paths in files.items():
        sizes.setdefault(tuple(path.stat().st_size for path in paths), []).append(thing)
    same: list[list[Thing]] = []
    for alike in sizes.values():
        if len({owners[thing] for thing in alike}) < 2:
            told(len(alike))
            continue
        first: dict[str, list[Thing]] = {}
        for thing in alike:
            first.setdefault(content_hash(files[thing][:1], {}, memo=memo), []).append(thing)
            told(1)
        for group in first.values():
            whole: dict[str, list[Thing]] = {}
            for thing in group if len({owners[thing] for thing in group}) > 1 else ():
                whole.setdefault(content_hash(files[thing], {}, memo=memo), []).append(thing)
            same += [found for found in whole.values() if len({owners[thing] for thing in found}) > 1]
    return same
