"""SHA-256 of files, remembered by what the file system says of them; text replaced whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from data_modules.files import replace_file

_CHUNK = 1 << 20


def write_text_atomic(path: Path, text: str) -> None:
    """Write `text` so that readers see the old file or the new one, never a part."""
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def file_hash(path: Path, *, memo: Path | None = None) -> str:
    """SHA-256 of a file's bytes.

    Args:
        path: the file.
        memo: cache folder in which the result is remembered by path, size and modification time, so that gigabytes are
            read once; None reads the file anew.
    """
    path = Path(path).resolve()
    remembered = None if memo is None else remembered_hash(path, memo=memo)
    if remembered is not None:
        return remembered
    stamp = _stamp(path)
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    if memo is not None:
        write_text_atomic(_note(path, memo), json.dumps({"stamp": stamp, "sha256": digest.hexdigest()}))
    return digest.hexdigest()


def remembered_hash(path: Path, *, memo: Path) -> str | None:
    """What `file_hash` noted of the file as it is now; None where it noted nothing, or the file has changed since."""
    path = Path(path).resolve()
    try:
        remembered = json.loads(_note(path, memo).read_text(encoding="utf-8"))
        return str(remembered["sha256"]) if remembered["stamp"] == _stamp(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or damaged: hash again


def _stamp(path: Path) -> list[str | int]:
    facts = path.stat()
    return [str(path), facts.st_size, facts.st_mtime_ns]


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
    files: Mapping[Thing, Sequence[Path]], owners: Mapping[Thing, str], *, memo: Path
) -> list[list[Thing]]:
    """Things of several owners whose files hold the same bytes; only those of equal size are hashed.

    Args:
        files: thing → its files.
        owners: thing → whose it is.
        memo: cache folder in which hashes are remembered.
    """
    sizes: dict[tuple[int, ...], list[Thing]] = {}
    for thing, paths in files.items():
        sizes.setdefault(tuple(path.stat().st_size for path in paths), []).append(thing)
    contents: dict[str, list[Thing]] = {}
    for alike in sizes.values():
        if len({owners[thing] for thing in alike}) > 1:
            for thing in alike:
                contents.setdefault(content_hash(files[thing], {}, memo=memo), []).append(thing)
    return [same for same in contents.values() if len({owners[thing] for thing in same}) > 1]
