"""A cache addressed by content: the same files and settings give the same folder, whoever asks.

    entry = CacheEntry(root=cache, kind="variants", key=content_hash(files, settings, memo=cache))
    folder = entry.build(lambda partial: write_everything_into(partial))

A folder appears under its final name only when it is complete, so a run that was killed leaves nothing that counts;
a file lock makes two runs that need the same entry share the work.
"""

from __future__ import annotations

import errno
import hashlib
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from fusion.contract import FusionError


@cache
def _host() -> str:
    """This host and no other, until it starts anew: drafts of two hosts differ where their disk passes no locks on."""
    known = platform.node()
    with suppress(OSError):
        known += Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return hashlib.sha256(known.encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """One result in the cache: the folder ``root/kind/key``.

    Attributes:
        root: the cache folder (config key `cache`).
        kind: what sort of result, e.g. ``variants``.
        key: of `content_hash`.
    """

    root: Path
    kind: str
    key: str

    @property
    def folder(self) -> Path:
        """Where the complete result lies, or will lie."""
        return Path(self.root) / self.kind / self.key[:24]

    @property
    def complete(self) -> bool:
        """Whether the result is there; a folder that exists is complete."""
        return self.folder.is_dir()

    def build(self, write: Callable[[Path], None]) -> Path:
        """Return the folder, having `write` fill it first where it is missing.

        `write` gets an empty folder beside the final one; after it returns the folder takes its final name in one step.

        Raises:
            FusionError: the disk is full.
        """
        claim = self.claim()
        if claim is not None:
            try:
                claim.clear()
                with self.disk_errors():
                    write(claim.folder)
                    claim.finish()
            finally:
                claim.drop()
                claim.release()
        return self.folder

    def claim(self, *, wait: bool = True) -> Claim | None:
        """The right to make this entry, or None where it is there already, or is being made and `wait` is false.

        Raises:
            FusionError: the disk is full.
        """
        if self.complete:
            return None
        parent = self.folder.parent
        with self.disk_errors():
            parent.mkdir(parents=True, exist_ok=True)
            # Not bound to a thread: a reader may claim what another thread finishes.
            lock = FileLock(parent / f".{self.folder.name}.lock", thread_local=False)
            try:
                lock.acquire(blocking=wait)
            except Timeout:
                return None
            if self.folder.is_dir():  # another run made it while this one waited
                lock.release()
                return None
            return Claim(entry=self, folder=parent / f".{self.folder.name}.{_host()}.partial", lock=lock)

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Say of a full disk what to do about it.

        Raises:
            FusionError: the disk is full.
        """
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise FusionError(
                    f"no space left on the disk of the cache folder {Path(self.root).resolve()} while writing its "
                    f"{self.kind}; free some, or set `cache` to a folder on another disk"
                ) from error
            raise


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to make an entry, which no other run has at the same time.

    Attributes:
        entry: what is to be made.
        folder: where to make it; may hold what a run that was killed left.
        lock: held until `release`.
    """

    entry: CacheEntry
    folder: Path
    lock: BaseFileLock

    def clear(self) -> None:
        """Make the folder anew, empty."""
        self.drop()
        with self.entry.disk_errors():
            self.folder.mkdir()

    def drop(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self) -> None:
        """The folder is whole: give it its final name, in one step."""
        try:
            self.folder.replace(self.entry.folder)
        except OSError as error:
            # Another host made the same meanwhile, on a disk that passes no locks on.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            self.drop()

    def release(self) -> None:
        """Let others have a try, where it is not finished."""
        self.lock.release()
