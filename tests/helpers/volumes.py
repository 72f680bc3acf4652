"""Small volumes written as real files, and a modality over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest

from data_modules.modalities.volumes.volumes import Volumes
from data_modules.sources.simulated_mri.files import Stored, write_series


def ball(shape: tuple[int, int, int] = (12, 10, 8), seed: int = 0) -> np.ndarray:
    """Integers: air near 0, a bright block of tissue with a brighter voxel in it."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, shape).astype(np.float32)
    values[2:-2, 2:-2, 2:-2] = rng.integers(80, 120, tuple(length - 4 for length in shape))
    return values


def nifti(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 1.0, 1.0]) if affine is None else affine), path)
    return path


def series(
    folder: Path, values: np.ndarray, *, description: str = "T1", patient: str = "P1", number: int = 1, start: int = 1
) -> list[Path]:
    """An axial DICOM series: columns to the left, rows to the back, slices to the head; 1 mm, slices 2 mm."""
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    end = write_series(
        folder, Stored(values=values, affine=affine), patient=patient, description=description, number=number,
        start=start, slope=1.0,
    )  # fmt: skip
    return [folder / f"IM{k:04d}.dcm" for k in range(start, end)]


def change(path: Path, **tags: Any) -> None:
    """Rewrite a slice with other tags; None deletes one."""
    one = pydicom.dcmread(path)
    for keyword, value in tags.items():
        if value is None:
            delattr(one, keyword)
        else:
            setattr(one, keyword, value)
    one.save_as(path)


@pytest.fixture(scope="session")
def files() -> SimpleNamespace:
    """The functions above, for tests that import no conftest."""
    return SimpleNamespace(ball=ball, nifti=nifti, series=series, change=change)


Make = Callable[..., Volumes]


@pytest.fixture
def volumes(tmp_path: Path) -> Make:
    """`Volumes` over everything in ``tmp_path/files``, sequence ``t1`` unless others are declared."""

    def make(**options: Any) -> Volumes:
        source = SimpleNamespace(root=tmp_path / "files", cache=tmp_path / "cache", simulated=True, name="test")
        settings: dict[str, Any] = {
            "files": ".",
            "sequences": {"t1": {"match": "t1|T1", "time": "baseline", "intensity": "mr"}},
            "patient_pattern": r"(P\d+)",
            "size": 8,
            "patch": 4,
            "workers": 1,
            "max_failed": 0.0,
        }
        return Volumes(name="mri", source=source, **{**settings, **options})  # type: ignore[arg-type]

    return make
