from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from data_modules.hashes import content_hash, file_hash, write_text_atomic
from data_modules.ingest.common.cache import CacheEntry
from fusion.contract import FusionError


def test_the_hash_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"variants")
    assert file_hash(path) == hashlib.sha256(b"variants").hexdigest()


def test_the_hash_follows_content_and_settings_not_names(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("x")
    b.write_text("x")
    assert content_hash([a], {"k": 1}) == content_hash([b], {"k": 1})
    assert content_hash([a], {"k": 1}) != content_hash([a], {"k": 2})
    b.write_text("y")
    assert content_hash([a], {}) != content_hash([b], {})
    assert content_hash([a, b], {}) != content_hash([b, a], {})


def test_a_damaged_memo_is_not_believed(tmp_path: Path) -> None:
    path, memo = tmp_path / "a", tmp_path / "cache"
    path.write_text("x")
    first = file_hash(path, memo=memo)
    for note in (memo / "hashes").iterdir():
        note.write_text("{")
    assert file_hash(path, memo=memo) == first


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    calls: list[Path] = []

    def write(partial: Path) -> None:
        calls.append(partial)
        (partial / "result").write_text("done")

    entry = CacheEntry(root=tmp_path, kind="variants", key="k" * 64)
    assert not entry.complete
    assert (entry.build(write) / "result").read_text() == "done"
    entry.build(write)
    assert entry.complete and len(calls) == 1


def test_half_a_result_never_counts(tmp_path: Path) -> None:
    entry = CacheEntry(root=tmp_path, kind="variants", key="k" * 64)

    def fail(partial: Path) -> None:
        (partial / "half").write_text("")
        raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        entry.build(fail)
    assert not entry.complete
    left = entry.folder.parent / f".{entry.folder.name}.partial"
    left.mkdir()
    (left / "half").write_text("")  # what a run leaves that was killed outright
    entry.build(lambda partial: write_text_atomic(partial / "whole", "1"))
    assert [path.name for path in entry.folder.iterdir()] == ["whole"]


def test_a_full_disk_is_said_with_the_key_that_mends_it(tmp_path: Path) -> None:
    def full(partial: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FusionError, match=r"no space left.*set `cache`"):
        CacheEntry(root=tmp_path, kind="variants", key="k").build(full)


def test_two_processes_share_one_build(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from data_modules.ingest.common.cache import CacheEntry
def write(partial):
    time.sleep(0.3)
    with (Path(sys.argv[1]) / "calls").open("a") as stream: stream.write("x")
CacheEntry(root=Path(sys.argv[1]), kind="v", key="k").build(write)
"""
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [run.wait(30) for run in runs] == [0, 0]
    assert (tmp_path / "calls").read_text() == "x"
