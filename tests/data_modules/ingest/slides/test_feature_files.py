"""The side of a tile, as several programs write it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from data_modules.ingest.slides.feature_files import read_header


@pytest.mark.parametrize(
    ("said", "side"),
    [
        ({"patch_size": 256}, 256),
        ({"patch_size": 256, "downsample": 4.0}, 1024),  # CLAM's is of the level that it read
        ({"patch_size": 256, "patch_size_level0": 512}, 512),
        ({"patch_size": 256, "patch_size_level0": 512, "downsample": 4.0}, 512),
        ({"downsample": 4.0}, None),
    ],
)
def test_the_side_of_a_tile_is_of_level_0(tmp_path: Path, said: dict[str, float], side: float | None) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["features"] = np.ones((2, 3), dtype=np.float32)
        file["coords"] = np.zeros((2, 2))
        file["coords"].attrs.update(said)
    assert read_header(tmp_path / "a.h5").side == side
