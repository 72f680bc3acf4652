"""Entries made side by side, and the record that a set was gone through."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Timer

import pytest

from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.common.sets import gone_through, note_gone_through, set_folder, side_by_side


def test_each_request_comes_with_its_error() -> None:
    pool = ThreadPoolExecutor(2)
    found = dict(side_by_side(pool, ["a", "b", "c"], lambda name: "b: torn" if name == "b" else None))
    assert found == {"a": None, "b": "b: torn", "c": None}
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(print)


def test_what_has_not_begun_is_given_up_with_the_generator() -> None:
    begun: list[int] = []
    more = Event()

    def attempt(request: int) -> None:
        begun.append(request)
        if request:
            more.wait()

    pool = ThreadPoolExecutor(1)
    attempts = side_by_side(pool, range(1000), attempt)
    assert next(attempts) == (0, None)
    timer = Timer(0.2, more.set)
    timer.start()
    attempts.close()
    timer.join()
    assert begun in ([0], [0, 1])


def entry(cache: Path, key: str) -> CacheEntry:
    return CacheEntry(root=cache, kind="slides", key=key)


def test_a_set_has_the_folder_of_its_entries_and_of_its_stamp(tmp_path: Path) -> None:
    places = {"a.tif": entry(tmp_path, "1"), "b.tif": entry(tmp_path, "2")}
    folders = {
        set_folder(kind, one, cache=tmp_path, simulated=simulated)
        for kind in ("slide_sets", "volume_sets")
        for one in (places, {**places, "b.tif": entry(tmp_path, "3")}, {"a.tif": places["a.tif"]})
        for simulated in (False, True)
    }
    assert len(folders) == 12
    assert set_folder("slide_sets", dict(places), cache=tmp_path, simulated=True) in folders


def test_a_set_counts_once_it_is_noted_and_while_its_entries_are_there(tmp_path: Path) -> None:
    places = {"a.tif": entry(tmp_path, "1"), "b.tif": entry(tmp_path, "2")}
    folder = tmp_path / "set"
    folder.mkdir()
    places["a.tif"].build(lambda partial: (partial / "x").write_text("x"))
    assert gone_through(folder, places) is None
    note_gone_through(folder, {"b.tif": "torn"})
    assert gone_through(folder, places) == {"b.tif": "torn"}
    note_gone_through(folder, {})
    assert gone_through(folder, places) is None, "b.tif neither failed nor is there"
    (folder / "set.json").write_text("{")
    assert gone_through(folder, places) is None
