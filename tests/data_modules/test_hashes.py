"""Hashes of inputs are remembered by what the file system says, and nothing that changes a file goes unnoticed."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from data_modules.files import replace_file
from data_modules.hashes import file_hash, file_hashes, remembered_hash, same_content


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def only_note(memo: Path) -> Path:
    (note,) = (memo / "hashes").iterdir()
    return note


def test_what_is_remembered_is_not_read_again_unless_asked(tmp_path: Path) -> None:
    path, memo = tmp_path / "a", tmp_path / "cache"
    path.write_text("x")
    assert file_hash(path, memo=memo) == sha("x")
    told = json.loads(only_note(memo).read_text())
    only_note(memo).write_text(json.dumps({**told, "sha256": "remembered"}))
    assert file_hash(path, memo=memo) == "remembered"
    assert file_hash(path, memo=memo, again=True) == sha("x")
    assert remembered_hash(path, memo=memo) == sha("x")


def test_a_file_overwritten_in_place_with_its_times_restored_is_noticed(tmp_path: Path) -> None:
    path, memo = tmp_path / "a", tmp_path / "cache"
    path.write_text("x")
    before = path.stat()
    file_hash(path, memo=memo)
    with path.open("r+") as stream:
        stream.write("y")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert file_hash(path, memo=memo) == sha("y")


def test_another_file_moved_to_its_place_is_noticed(tmp_path: Path) -> None:
    path, other, memo = tmp_path / "a", tmp_path / "b", tmp_path / "cache"
    path.write_text("x")
    file_hash(path, memo=memo)
    stamp = json.loads(only_note(memo).read_text())["stamp"]
    assert stamp[-1] == path.stat().st_ino
    other.write_text("y")
    other.rename(path)
    assert file_hash(path, memo=memo) == sha("y")


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, memo = tmp_path / "a", tmp_path / "cache"
    path.write_text("x")
    real = hashlib.file_digest

    def slow(*arguments: object) -> object:
        digest = real(*arguments)  # type: ignore[arg-type]
        path.write_text("longer")
        return digest

    monkeypatch.setattr(hashlib, "file_digest", slow)
    file_hash(path, memo=memo)
    monkeypatch.undo()
    assert remembered_hash(path, memo=memo) is None
    assert file_hash(path, memo=memo) == sha("longer")


def test_folders_stand_for_all_below_them(tmp_path: Path) -> None:
    (tmp_path / "x.mt" / "rows").mkdir(parents=True)
    (tmp_path / "x.mt" / "rows" / "part-0").write_text("0")
    (tmp_path / "x.mt" / "meta").write_text("m")
    (tmp_path / "clinical.tsv").write_text("c")
    told: list[tuple[int, int]] = []
    found = file_hashes(
        {"x.mt": tmp_path / "x.mt", "clinical.tsv": tmp_path / "clinical.tsv"},
        memo=tmp_path / "cache",
        told=lambda done, total: told.append((done, total)),
    )
    assert found == {"x.mt/meta": sha("m"), "x.mt/rows/part-0": sha("0"), "clinical.tsv": sha("c")}
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_threads_that_write_one_file_do_not_take_each_others_drafts(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    together = threading.Barrier(4)
    errors: list[BaseException] = []

    def write(partial: Path) -> None:
        partial.write_text("{}")
        together.wait(timeout=10)

    def work() -> None:
        try:
            replace_file(target, write)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [path.name for path in tmp_path.iterdir()] == ["target.json"]


def test_the_same_bytes_of_several_owners_are_found(tmp_path: Path) -> None:
    """Of files of one size too; twice the same of one owner is theirs, and an order of files counts."""
    texts = {"a": "one", "b": "one", "c": "two", "d": "one", "e": "four", "f": "four", "g": "1", "h": "2"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = {name: [tmp_path / name] for name in "abcdef"}
    owners = {"a": "P1", "b": "P2", "c": "P3", "d": "P1", "e": "P4", "f": "P4"}
    assert same_content(files, owners, memo=tmp_path / "cache") == [["a", "b", "d"]]
    series = {name: [tmp_path / one for one in name] for name in ("gh", "hg")}
    assert same_content(series, {"gh": "P1", "hg": "P2"}, memo=tmp_path / "cache") == []
    assert same_content({**series, "again": series["gh"]}, {"gh": "P1", "hg": "P2", "again": "P3"},
                        memo=tmp_path / "cache") == [["gh", "again"]]  # fmt: skip


def test_series_that_differ_from_their_first_file_on_are_not_read_whole(tmp_path: Path) -> None:
    """Of slices, which are of one size, there are a hundred a patient; the first tells them apart."""
    for name, text in {"a0": "A", "a1": "x", "b0": "B", "b1": "x", "c0": "A", "c1": "y"}.items():
        (tmp_path / name).write_text(text)
    series = {patient: [tmp_path / f"{patient}0", tmp_path / f"{patient}1"] for patient in "abc"}
    compared: list[int] = []
    assert same_content(series, {one: one for one in "abc"}, memo=tmp_path, told=compared.append) == []
    noted = [path.name for path in sorted(tmp_path.glob("??")) if remembered_hash(path, memo=tmp_path) is not None]
    assert noted == ["a0", "a1", "b0", "c0", "c1"]  # a and c begin alike
    assert sum(compared) == 3
