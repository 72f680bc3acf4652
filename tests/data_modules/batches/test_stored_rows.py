"""Rows read by their bytes are those of the array; what is announced to the system is where they lie."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from data_modules.batches import stored_rows
from data_modules.batches.stored_rows import StoredRows, StoredRowsError


@pytest.fixture
def rows(tmp_path: Path) -> StoredRows:
    """Ten rows of 2 float32, 8 bytes each: rows 0–3 from byte 16, rows 4–6 before them at byte 100, rows 7–9 at 124."""
    values = np.arange(20, dtype="<f4").reshape(10, 2)
    content = bytearray(200)
    for start, stop, at in ((0, 4, 16), (4, 7, 100), (7, 10, 124)):
        content[at : at + 8 * (stop - start)] = values[start:stop].tobytes()
    path = tmp_path / "rows.bin"
    path.write_bytes(content)
    return StoredRows.of_chunks(path, dtype="<f4", shape=(2,), starts=[0, 2, 4, 7], offsets=[16, 32, 100, 124])


def test_chunks_that_follow_one_another_are_one_run(rows: StoredRows) -> None:
    assert (rows.starts.tolist(), rows.offsets.tolist(), rows.size) == ([0, 4], [16, 100], 8)


@pytest.mark.parametrize("wanted", [[], [0], [9], [0, 1, 2, 3, 4], [3, 4, 6, 7, 9], list(range(10))], ids=str)
def test_rows_are_those_of_the_array(rows: StoredRows, wanted: list[int]) -> None:
    found = rows.read(np.array(wanted, dtype=np.int64))
    np.testing.assert_array_equal(found, np.arange(20, dtype=np.float32).reshape(10, 2)[wanted])
    assert found.dtype == np.float32


def test_a_file_that_was_cut_short_is_an_error_of_its_rows_alone(rows: StoredRows) -> None:
    os.truncate(rows.path, 130)
    assert rows.read(np.array([6]))[0].tolist() == [12, 13]
    with pytest.raises(StoredRowsError, match="ends at byte 130"):
        rows.read(np.array([7]))
    rows.path.unlink()
    with pytest.raises(FileNotFoundError):
        rows.read(np.array([0]))


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="no posix_fadvise on this system")
def test_what_is_announced_is_where_the_rows_lie(rows: StoredRows, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []

    def tell(file: int, at: int, size: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_WILLNEED
        assert os.fstat(file).st_size == 200
        told.append((at, size))

    monkeypatch.setattr(stored_rows.os, "posix_fadvise", tell)
    monkeypatch.setattr(stored_rows, "_NEAR", 8)
    monkeypatch.setattr(stored_rows, "_PIECE", 20)
    # Rows 0 and 2 are one row apart and go together, in pieces of 20 bytes; 5 lies elsewhere, and 9 far behind it.
    rows.will_need(np.array([0, 2, 5, 9]))
    assert told == [(16, 20), (36, 4), (108, 8), (140, 8)]
    told.clear()
    rows.will_need(np.array([], dtype=np.int64))
    rows.path.unlink()
    rows.will_need(np.array([0]))
    assert told == [], "a file that is not there is said where it is read"


def test_rows_of_a_map_of_memory(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    np.save(tmp_path / "tiles.npy", values)
    stored = StoredRows.of_map(np.load(tmp_path / "tiles.npy", mmap_mode="r"))
    np.testing.assert_array_equal(stored.read(np.array([1, 3])), values[[1, 3]])
    assert stored.path == tmp_path / "tiles.npy"
