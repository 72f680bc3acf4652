"""Radiology files: found, told apart, and checked by their headers; read into an array with its place in the patient.

A *volume* is a NIfTI file or one DICOM series: the files of a folder that share a SeriesInstanceUID. Places are in
millimetres of RAS (x to the patient's right, y to anterior, z to superior), as NIfTI counts them; DICOM counts LPS.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from data_modules.hashes import file_hash, write_text_atomic
from fusion.contract import FusionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NIFTI_SUFFIXES = (".nii", ".nii.gz")
SPACING_RANGE = (0.02, 50.0)
"""Millimetres between voxels; outside, a header is damaged or in another unit."""


class VolumeError(FusionError):
    """One volume cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class VolumeFile:
    """One volume, known by its headers.

    Attributes:
        name: what patterns are searched in: the path below the cohort's root; for DICOM
            ``<folder>/<PatientID>/<SeriesDescription>``.
        kind: of file.
        paths: the NIfTI file, or the slices in the order of their positions.
        shape: voxels along the file's own axes.
        problem: why it cannot be used, a clause; None where it can.
    """

    name: str
    kind: Literal["nifti", "dicom"]
    paths: tuple[Path, ...]
    shape: tuple[int, ...] = ()
    problem: str | None = None


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


def below(root: Path, path: Path) -> str:
    """A path as it is named in patterns and messages."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def nifti_header(path: Path, *, name: str) -> VolumeFile:
    """What a NIfTI file says of itself; `VolumeFile.problem` where that is not enough."""
    import nibabel
    from nibabel.openers import ImageOpener

    problem: str | None = None
    try:
        image: Any = nibabel.load(path)
        # As it stands in the file: on loading, nibabel replaces a spacing of 0 by 1.
        with ImageOpener(str(path)) as stream:
            raw: Any = type(image.header).from_fileobj(stream, check=False)
        shape, affine = tuple(int(length) for length in image.shape), np.asarray(image.affine)
    except Exception as error:  # a damaged header breaks nibabel and gzip in many ways
        problem = f"{name} does not open as NIfTI ({type(error).__name__}: {error})"
        return VolumeFile(name=name, kind="nifti", paths=(path,), problem=problem)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        problem = f"{name} has {len(shape)} dimensions ({' × '.join(map(str, shape))}), not the 3 of one volume"
    elif raw["sform_code"] <= 0 and raw["qform_code"] <= 0:
        problem = f"{name} does not say its orientation (qform_code and sform_code are 0)"
    elif (raw["sform_code"] <= 0 and not np.all(raw["pixdim"][1:4] > 0)) or not usable_affine(affine):
        problem = f"{name} does not say a usable spacing (pixdim {', '.join(f'{x:g}' for x in raw['pixdim'][1:4])})"
    return VolumeFile(name=name, kind="nifti", paths=(path,), shape=shape, problem=problem)


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
    """SHA-256 over the contents of a volume's files, remembered as one by their sizes and times."""
    if len(file.paths) == 1:
        return file_hash(file.paths[0], memo=memo)
    facts = [(path, path.stat()) for path in file.paths]
    stamp = json.dumps([[str(path.resolve()), fact.st_size, fact.st_mtime_ns] for path, fact in facts])
    note = Path(memo) / "hashes" / f"series_{hashlib.sha256(stamp.encode()).hexdigest()[:32]}.txt"
    try:
        return note.read_text(encoding="utf-8")
    except OSError:
        whole = hashlib.sha256("".join(file_hash(path) for path in file.paths).encode()).hexdigest()
        write_text_atomic(note, whole)
        return whole


def read_volume(file: VolumeFile) -> Volume:
    """Read the voxels through MONAI's readers.

    Raises:
        VolumeError: the file breaks off, or its values are not all finite, or all the same.
    """
    if file.problem is not None:
        raise VolumeError(file.problem)
    try:
        values, affine = _read_nifti(file.paths[0]) if file.kind == "nifti" else _read_dicom(file.paths)
    except Exception as error:  # damaged pixels break decoders anywhere
        raise VolumeError(f"{file.name} cannot be read ({type(error).__name__}: {error})") from error
    bad = int(np.size(values) - np.isfinite(values).sum())
    if bad:
        raise VolumeError(f"{file.name} holds {bad} of {values.size} voxels that are no numbers (NaN or infinite)")
    if float(values.min()) == float(values.max()):
        raise VolumeError(f"{file.name} holds one value only ({float(values.min()):g})")
    return Volume(values=values, affine=affine)


def _read_nifti(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    from monai.data.image_reader import NibabelReader

    reader = NibabelReader(squeeze_non_spatial_dims=True)
    values, facts = reader.get_data(reader.read(path))
    return np.asarray(values, dtype=np.float32), np.asarray(facts["affine"], dtype=np.float64)


def _read_dicom(paths: Sequence[Path]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    import pydicom
    from monai.data.image_reader import PydicomReader

    slices = [pydicom.dcmread(path) for path in paths]
    # MONAI stacks by InstanceNumber, which need not follow position; ours are sorted by position.
    for number, one in enumerate(slices, start=1):
        one.InstanceNumber = number
    reader: Any = PydicomReader()
    reader.has_series, reader.filenames = True, [[str(path) for path in paths]]
    values, facts = reader.get_data(slices)
    return np.asarray(values, dtype=np.float32), np.asarray(facts["affine"], dtype=np.float64)
