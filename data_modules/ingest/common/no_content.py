"""What lies in a file's place where the file itself is not there: nothing, a pointer to it, a web page."""

from __future__ import annotations

from pathlib import Path

_HEAD = 256
_PAGES = (b"<!doctype html", b"<html")


def no_content(path: Path) -> str | None:
    """A clause on what a file that does not open is instead; None where it is none of these."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        return f"it cannot be read, {error.strerror}"
    if not head:
        return "the file is empty, 0 bytes"
    if head.startswith(b"version https://git-lfs"):
        return "it is the pointer of a Git LFS file, not the file: git lfs pull"
    if head.startswith((b"/annex/objects/", b"../.git/annex/", b".git/annex/")):
        return "it is the pointer of a git-annex file, not the file: git annex get, or datalad get"
    if head.lstrip().lower().startswith(_PAGES):
        return "it is a web page: a log-in or error page was downloaded"
    return None
