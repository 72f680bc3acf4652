"""Radiology files as headers tell of them, and volumes in memory.

A *volume* is a NIfTI, NRRD or MetaImage file, or one DICOM series: the files that share a SeriesInstanceUID. Places are
in millimetres of RAS (x to the patient's right, y to anterior, z to superior), as NIfTI counts them; DICOM counts LPS.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from data_modules.hashes import file_hash, file_stamp, write_text_atomic
from fusion.contract import FusionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACING_RANGE = (0.02, 50.0)
"""Millimetres between voxels; outside, a header is damaged or in another unit."""


class VolumeError(FusionError):
    """One volume cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class VolumeFile:
    """One volume, known by its headers.

    Attributes:
        name: what patterns are searched in: the path below the cohort's root; for DICOM
            ``<folder>/<PatientID>/<SeriesDescription>``, and ``/<SeriesNumber>`` where several have that name.
        kind: of file.
        paths: the file, and that of its voxels where they are apart; or the slices in the order of their positions.
        shape: voxels along the file's own axes.
        problem: why it cannot be used, a clause; None where it can.
        affine: voxel index → millimetres in RAS, by the headers, rows; None where there is a problem.
        patient: PatientID of DICOM.
        frame: FrameOfReferenceUID of DICOM.
        told: what else DICOM says to tell series apart, (keyword, value).
        scaled: whether the numbers have the unit that they are stored for: False for DICOM without a rescale.
        thing: what DICOM it is that is no scan, e.g. SEG; None for scans.
    """

    name: str
    kind: Literal["nifti", "dicom", "itk"]
    paths: tuple[Path, ...]
    shape: tuple[int, ...] = ()
    problem: str | None = None
    affine: tuple[tuple[float, ...], ...] | None = None
    patient: str | None = None
    frame: str | None = None
    told: tuple[tuple[str, str], ...] = ()
    scaled: bool = True
    thing: str | None = None

    @property
    def matrix(self) -> NDArray[np.float64]:
        """`affine` as an array ``(4, 4)``."""
        return np.asarray(self.affine, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume in memory.

    Attributes:
        values: ``(x, y, z)`` float32 along the file's own axes, with rescale slope and intercept applied.
        affine: ``(4, 4)``, voxel index → millimetres in RAS.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Millimetres between voxels along the file's own axes, ``(3,)``."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))


def as_rows(affine: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    """An affine as it is kept in a `VolumeFile`."""
    return tuple(tuple(float(x) for x in row) for row in affine)


def usable_affine(affine: NDArray[np.float64]) -> bool:
    """Finite, of credible spacing, and with axes that span space."""
    if not np.isfinite(affine).all():
        return False
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    low, high = SPACING_RANGE
    if not ((spacing >= low) & (spacing <= high)).all():
        return False
    return abs(float(np.linalg.det(affine[:3, :3] / spacing))) > 0.1


def volume_hash(file: VolumeFile, *, memo: Path) -> str:
    """SHA-256 over the contents of a volume's files, remembered as one by what the file system says of them."""
    if len(file.paths) == 1:
        return file_hash(file.paths[0], memo=memo)
    stamp = json.dumps([file_stamp(path.resolve()) for path in file.paths])
    note = Path(memo) / "hashes" / f"series_{hashlib.sha256(stamp.encode()).hexdigest()[:32]}.txt"
    try:
        return note.read_text(encoding="utf-8")
    except OSError:
        whole = hashlib.sha256("".join(file_hash(path) for path in file.paths).encode()).hexdigest()
        write_text_atomic(note, whole)
        return whole
