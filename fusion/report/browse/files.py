"""Files below a folder, opened so that no name and no link leads out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

LARGEST = 512 << 20
"""Bytes of a page; a cohort's explanations with pictures have some ten million."""


class NotHereError(Exception):
    """There is no such file below the folder, or it may not be shown."""


def parts_of(path: str) -> list[str]:
    """Names of a URL's path, decoded once.

    Raises:
        NotHereError: a name that is none: empty, hidden, of two parts, or one that leads up.
    """
    parts = [unquote(part, errors="strict") for part in path.split("/")]
    for part in parts:
        if not part or part.startswith(".") or any(one in part for one in ("/", "\\", "\0")):
            raise NotHereError(path)
    return parts


def read_below(root: Path, parts: Sequence[str], *, suffixes: tuple[str, ...]) -> bytes:
    """The bytes of a regular file.

    Every folder on the way is opened from the one above it without following a link, so that nothing can be exchanged
    between a check and the reading.

    Args:
        root: the folder; itself may be reached by a link, which is the user's own.
        parts: names from it to the file.
        suffixes: of files that may be shown.

    Raises:
        NotHereError: there is none, a link is on the way, or it is not for showing.
    """
    if not parts or not parts[-1].endswith(suffixes):
        raise NotHereError("/".join(parts))
    opened: list[int] = []
    try:
        opened.append(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
        for part in parts[:-1]:
            opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        # A pipe would wait for whoever writes into it.
        opened.append(os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1]))
        facts = os.fstat(opened[-1])
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST:
            raise NotHereError("/".join(parts))
        with os.fdopen(os.dup(opened[-1]), "rb") as stream:
            return stream.read(LARGEST)
    except (OSError, ValueError) as error:
        raise NotHereError("/".join(parts)) from error
    finally:
        for one in opened:
            os.close(one)
