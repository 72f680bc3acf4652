"""Files whose rows lie in chunks, as CLAM and TRIDENT write them, are read by their bytes, and as h5py reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_modules.ingest.slides.feature_files import FeatureFileError, read_header

VALUES = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float16)


def written(path: Path, values: Any = VALUES, **layout: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("features", data=values, **layout)
    return path


@pytest.mark.parametrize(
    ("layout", "bytewise"),
    [
        ({}, True),
        ({"chunks": (1, 4), "maxshape": (None, 4)}, True),
        ({"chunks": (7, 4), "maxshape": (None, 4)}, True),  # the last chunk is not full
        ({"chunks": (7, 2)}, False),
        ({"chunks": (7, 4), "compression": "gzip"}, False),
        ({"chunks": (7, 4), "shuffle": True}, False),
    ],
    ids=str,
)
def test_rows_by_layout(tmp_path: Path, layout: dict[str, Any], bytewise: bool) -> None:
    file = read_header(written(tmp_path / "slide.h5", **layout))
    assert (file._stored is not None) is bytewise
    for rows in ([0], [3, 6, 7, 8, 49], list(range(50))):
        np.testing.assert_array_equal(file.read(np.array(rows)), VALUES[rows])
    file.will_need(np.array([0, 49]))


def test_a_leading_axis_and_rows_that_were_added_out_of_order(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "slide.h5", "w") as file:
        dataset = file.create_dataset("features", (1, 50, 4), dtype=np.float32, chunks=(1, 5, 4))
        for start in (45, 0, 20, 5, 10, 15, 40, 25, 30, 35):
            dataset[0, start : start + 5] = VALUES[start : start + 5]
    header = read_header(tmp_path / "slide.h5")
    assert header._stored is not None
    assert len(header._stored.starts) > 2, "they lie in several runs"
    np.testing.assert_array_equal(header.read(np.arange(50)), VALUES.astype(np.float32))


def test_rows_that_nobody_wrote_are_left_to_h5py(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "slide.h5", "w") as file:
        dataset = file.create_dataset("features", (50, 4), dtype=np.float32, chunks=(5, 4), fillvalue=7)
        dataset[:5] = 1
    header = read_header(tmp_path / "slide.h5")
    assert header._stored is None
    assert header.read(np.array([0, 49])).tolist() == [[1] * 4, [7] * 4]


def test_a_file_of_chunks_that_was_cut_short(tmp_path: Path) -> None:
    header = read_header(written(tmp_path / "slide.h5", chunks=(1, 4)))
    assert header._stored is not None
    (tmp_path / "slide.h5").write_bytes(b"")
    with pytest.raises(FeatureFileError, match=r"slide\.h5 is not what it was"):
        header.read(np.array([0]))
