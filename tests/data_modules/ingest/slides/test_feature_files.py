"""Headers of feature files: the side of a tile as several programs write it, and coordinates that are none."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from data_modules.ingest.slides.feature_files import FeatureFileError, read_header, summarise


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


@pytest.mark.parametrize(
    ("coords", "said"),
    [
        (np.arange(20.0).reshape(2, 10), r"`coords` has shape \(2, 10\), which does not fit the 10 tiles"),
        (np.arange(20).reshape(5, 4), r"`coords` has shape \(5, 4\)"),
        (np.arange(20).reshape(10, 2).astype("S2"), r"`coords` is of type \|S2, not numbers"),
        (np.where(np.arange(20) == 7, np.nan, np.arange(20.0)).reshape(10, 2), r"`coords` holds no number in row 3"),
    ],
)
def test_coordinates_that_are_no_two_numbers_a_tile(tmp_path: Path, coords: np.ndarray, said: str) -> None:
    """Two rows of x and y, read as pairs, would lie somewhere else; a missing number far outside."""
    path = tmp_path / "P1.h5"
    with h5py.File(path, "w") as file:
        file["features"], file["coords"] = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32), coords
    with pytest.raises(FeatureFileError, match=rf"P1\.h5: {said}"):
        summarise(read_header(path))
    with h5py.File(path, "a") as file:
        del file["coords"]
        file["coords"] = np.arange(20)[None].reshape(1, 10, 2)
    assert read_header(path).coords().tolist() == np.arange(20).reshape(10, 2).tolist()  # type: ignore[union-attr]


def test_bags_that_were_padded(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    values[17:] = 0
    path = tmp_path / "P1.h5"
    with h5py.File(path, "w") as file:
        file["features"] = values
    with pytest.raises(FeatureFileError, match="3 of its 20 tiles have no feature but 0, as bags that were padded"):
        summarise(read_header(path))
    with h5py.File(path, "a") as file:
        file["features"][17] = 1  # two are left: a tenth
    summarise(read_header(path))
