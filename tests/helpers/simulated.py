"""What tests of every simulated cohort ask."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
import tifffile

from data_modules.sources.simulated.source import truth_folder


def hashes(folder: Path) -> dict[str, str]:
    """File below `folder` → SHA-256."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def assert_same_bytes(root: Path, write: Callable[..., None], again: Path) -> None:
    """The cohort of 16 patients at `root`, written with one process and seed 3, comes out again with two."""
    steps: list[tuple[int, int]] = []
    write(again, patients=16, seed=3, workers=2, progress=lambda step, done, total: steps.append((done, total)))
    assert hashes(root) == hashes(again)
    assert hashes(truth_folder(root)) == hashes(truth_folder(again))
    assert [done for done, _ in steps] == list(range(1, steps[-1][1] + 1))


def content(folder: Path) -> dict[str, Any]:
    """File below `folder` → what it says, whatever the version of the library that packed it.

    Text, tables and arrays of whole numbers as their SHA-256; pixels and voxels as the rounded mean and deviation of
    their 64 blocks, because another processor may round one of them otherwise.
    """
    return {
        str(path.relative_to(folder)): said
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (said := _said(path)) is not None
    }


def _said(path: Path) -> Any:
    if path.name.endswith((".vcf.gz", ".tsv")) or path.name in ("regions.json", "oracle.json"):
        packed = path.read_bytes()
        return hashlib.sha256(gzip.decompress(packed) if path.suffix == ".gz" else packed).hexdigest()
    if path.suffix == ".parquet":
        return hashlib.sha256(pd.read_parquet(path).round(9).to_csv(index=False).encode()).hexdigest()
    if path.suffix == ".npy":
        return hashlib.sha256(np.load(path, allow_pickle=False).tobytes()).hexdigest()
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            return [len(file.pages), *blocks(file.pages[0].asarray().mean(axis=2)), *blocks(file.pages[-1].asarray())]
    if path.name.endswith(".nii.gz"):
        image = nibabel.load(path)
        return [*blocks(image.get_fdata()), *np.round(image.affine, 4).ravel().tolist()]
    if path.suffix == ".dcm" and path.stem.endswith("0"):  # one slice in ten
        slice_ = pydicom.dcmread(path)
        pixels = slice_.pixel_array
        del slice_.PixelData
        return [hashlib.sha256(str(slice_).split("-----")[-1].encode()).hexdigest(), *blocks(pixels)]
    return None


def blocks(values: np.ndarray) -> list[float]:
    """Mean and deviation of 4 by 4 blocks of the first two axes."""
    rows, columns = (np.array_split(np.arange(size), 4) for size in values.shape[:2])
    parts = [values[np.ix_(row, column)] for row in rows for column in columns]
    return [round(float(number), 2) for part in parts for number in (part.mean(), part.std())]


def assert_as_recorded(found: dict[str, Any], recorded: dict[str, Any]) -> None:
    """The same files, texts to the letter and blocks within the rounding of a processor."""
    assert set(found) == set(recorded)
    for name, said in recorded.items():
        if isinstance(said, str):
            assert found[name] == said, name
        else:
            texts = [one for one in said if isinstance(one, str)]
            assert [one for one in found[name] if isinstance(one, str)] == texts, name
            numbers = ([one for one in part if not isinstance(one, str)] for part in (found[name], said))
            np.testing.assert_allclose(*numbers, rtol=0, atol=0.05, err_msg=name)
