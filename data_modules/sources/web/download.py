"""Files of an archive onto the disk: told before, resumed where they stopped, compared with their checksum."""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from data_modules.sources.web.http import MissingError, Service
from fusion.contract import FusionError, some

_BLOCK = 1 << 20
_SPARE = 64 << 20
"""Bytes that the disk keeps."""


@contextmanager
def alone_in(output: Path, lock: str) -> Iterator[None]:
    """The folder, made where there is none, for one process at a time.

    Args:
        output: the folder.
        lock: name of the file in it that says so.

    Raises:
        FusionError: it is no folder, or another process fetches into it.
    """
    from filelock import FileLock, Timeout

    if output.exists() and not output.is_dir():
        raise FusionError(f"{output}: is no folder. Set output=<folder>.")
    output.mkdir(parents=True, exist_ok=True)
    held = FileLock(output / lock, blocking=False)
    try:
        held.acquire()
    except Timeout as error:
        raise FusionError(f"{output}: another process is fetching into this folder.") from error
    try:
        yield
    finally:
        held.release()


def not_there(missing: Sequence[str]) -> str:
    """What is said at the end of files that a service lists, and does not have or gives otherwise."""
    return (
        f"{len(missing)} files are listed and cannot be fetched:\n  " + "\n  ".join(missing) + "\n"
        "The others are there. Nothing of these is kept; give the same command again later.\n"
    )


class _OtherBytesError(FusionError):
    """A file whose checksum or size is twice not what the service says."""


class Remote(Protocol):
    """A file of a service."""

    @property
    def uuid(self) -> str:
        """Its name at the service."""

    @property
    def address(self) -> str:
        """What is asked for, below the service's host."""

    @property
    def folder(self) -> str:
        """Where it is put below the output."""

    @property
    def name(self) -> str:
        """Its file name, plain."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def md5(self) -> str | None:
        """Hexadecimal; None where the service gives no checksum, and the size alone is compared."""


def places(files: Sequence[Remote], output: Path) -> dict[str, Path]:
    """UUID → where each file goes; of files of one name in a kind, below a folder of their UUID."""
    times = Counter((one.folder, one.name) for one in files)
    return {
        one.uuid: output / one.folder / (one.name if times[one.folder, one.name] == 1 else f"{one.uuid}/{one.name}")
        for one in files
    }


def remaining(files: Sequence[Remote], where: dict[str, Path]) -> tuple[list[Remote], int]:
    """Files that are still to be fetched, and their bytes.

    A file gets its name when its checksum was right, so one of the right size is not read again.

    Raises:
        FusionError: another file has a name that is needed.
    """
    other, wanted, size = [], [], 0
    for one in files:
        path = where[one.uuid]
        if not path.exists():
            wanted.append(one)
            size += one.size - min(one.size, _there(_partial(path)))
        elif not path.is_file() or path.stat().st_size != one.size:
            other.append(f"{path} (there is another of {one.size} bytes)")
    if other:
        raise FusionError(
            f"{len(other)} files have the name of one that is wanted, and another size: {some(other)}. Move them away, "
            "or set output=<another folder>."
        )
    return wanted, size


def require_space(output: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        FusionError: with what is free and what is needed.
    """
    there = next(folder for folder in (output.absolute(), *output.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed + _SPARE > free:
        raise FusionError(
            f"{output}: {needed / 1e9:.2f} GB are to be fetched and {free / 1e9:.2f} GB are free. Free some space, set "
            "output=<folder on another disk>, or limit=<patients>."
        )


def fetch_all(
    service: Service, files: Sequence[Remote], where: dict[str, Path], say: Callable[[str], object]
) -> list[str]:
    """Fetch one file after the other; of those that the service does not have, or gives otherwise than it says, why.

    Raises:
        FusionError: the service gives up, or the disk is full.
    """
    missing = []
    for number, one in enumerate(files, start=1):
        say(f"[{number}/{len(files)}] {one.folder}/{one.name} ({one.size / 1e6:.1f} MB)")
        try:
            fetch(service, one, where[one.uuid])
        except MissingError:
            missing.append(f"{one.folder}/{one.name} ({one.uuid}): not there (404)")
        except _OtherBytesError as error:
            missing.append(f"{one.folder}/{error}")
    return missing


def fetch(service: Service, file: Remote, path: Path) -> None:
    """One file: goes on where an earlier attempt stopped, and gets its name when its checksum is right.

    Raises:
        MissingError: the service does not have it.
        FusionError: its checksum is wrong twice, the service gives up, or the disk is full.
    """
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(2):
            _complete(service, file, partial)
            found = _md5(partial) if file.md5 is not None else None
            if found == file.md5 and partial.stat().st_size == file.size:
                partial.replace(path)
                return
            partial.unlink()
            # What was kept of an earlier attempt may be of another release; a whole one is not.
            if attempt:
                wrong = (
                    f"MD5 is {found} where the service says {file.md5}"
                    if file.md5
                    else f"size is not {file.size} bytes"
                )
                raise _OtherBytesError(f"{path.name} ({file.uuid}): its {wrong}, twice")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FusionError(f"{path}: the disk is full. Free some space and give the same command again.") from error
        raise


def _complete(service: Service, file: Remote, partial: Path) -> None:
    """Ask for what is missing until the file has its size."""
    idle = 0
    while True:
        have = _there(partial)
        if have >= file.size and partial.exists():
            return  # of another size, the checksum is not right either
        headers = {"Range": f"bytes={have}-"} if have else {}
        answer = service.open(file.address, headers=headers)
        if answer is None:  # what was kept ends beyond what the service has
            partial.unlink(missing_ok=True)
        else:
            with answer:
                _append(answer, partial, have, file.size)
        idle = 0 if _there(partial) > have else idle + 1
        if _there(partial) < file.size and idle:
            service.wait(idle - 1, f"{service.host}/{file.address}: gives no more of {file.name}")


def _append(answer: http.client.HTTPResponse, partial: Path, have: int, size: int) -> None:
    """Write what comes, at most to the file's size and one byte beyond, by which it is seen to be another."""
    start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    goes_on = answer.status == 206 and start is not None and int(start[1]) == have
    if answer.status == 206 and not goes_on:
        partial.unlink(missing_ok=True)  # another part than was asked for
        return
    left = size + 1 - (have if goes_on else 0)
    with partial.open("ab" if goes_on else "wb") as stream:
        try:
            while left > 0 and (block := answer.read(min(_BLOCK, left))):
                stream.write(block)
                left -= len(block)
        except (http.client.HTTPException, ConnectionError, TimeoutError):
            return  # what came is kept, and the rest asked for


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _there(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _md5(path: Path) -> str:
    """The GDC's checksum, against accidents."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
