"""NRRD and MetaImage, through SimpleITK; and pixels of DICOM whose compression pydicom cannot undo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.volumes.files import VolumeFile, as_rows, usable_affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def itk_header(path: Path, *, name: str) -> VolumeFile:
    """What an NRRD or MetaImage file says of itself; `VolumeFile.problem` where that is not enough."""
    import SimpleITK

    itk: Any = SimpleITK
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        problem = f"{name} does not open as {path.suffix[1:].upper()} ({reason})"
        return VolumeFile(name=name, kind="itk", paths=(path,), problem=problem)
    shape = tuple(int(length) for length in reader.GetSize())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    parts = int(reader.GetNumberOfComponents())
    wrong: str | None = None
    if parts != 1:
        wrong = f"has {parts} numbers a voxel (colour, vectors or several volumes), not one"
    elif len(shape) != 3:
        wrong = f"has {len(shape)} dimensions ({' × '.join(map(str, shape))}), not the 3 of one volume"
    elif min(shape) < 2:
        wrong = f"is a single slice ({' × '.join(map(str, shape))}), not a volume"
    elif not _says_its_place(path):
        wrong = "does not say its orientation (NRRD: space and space directions; MetaImage: TransformMatrix)"
    affine = _affine(reader) if wrong is None else None
    if affine is not None and not usable_affine(affine):
        wrong = f"does not say a usable spacing ({', '.join(f'{x:g}' for x in reader.GetSpacing())})"
    return VolumeFile(
        name=name,
        kind="itk",
        paths=(path,),
        shape=shape,
        problem=None if wrong is None else f"{name} {wrong}",
        affine=None if affine is None or wrong is not None else as_rows(affine),
    )


def read_itk(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Voxels ``(x, y, z)`` and the affine in RAS."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    values = np.asarray(SimpleITK.GetArrayViewFromImage(image), dtype=np.float32)
    return np.ascontiguousarray(values.reshape(values.shape[-3:]).transpose(2, 1, 0)), _affine(image)


def read_slice(path: Path) -> NDArray[np.float32]:
    """One DICOM slice ``(row, column)``, with slope and intercept applied."""
    import SimpleITK

    values = np.asarray(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))), dtype=np.float32)
    return np.asarray(values[0])


def _affine(image: Any) -> NDArray[np.float64]:
    """ITK counts in LPS."""
    number = image.GetDimension()
    affine = np.eye(4)
    turn = np.asarray(image.GetDirection(), dtype=np.float64).reshape(number, number)[:3, :3]
    affine[:3, :3] = turn * np.asarray(image.GetSpacing()[:3])
    affine[:3, 3] = image.GetOrigin()[:3]
    return np.asarray(_LPS_TO_RAS @ affine)


def _says_its_place(path: Path) -> bool:
    """Whether the text of the header holds an orientation; ITK takes the identity where it does not."""
    with path.open("rb") as stream:
        head = stream.read(8192).partition(b"\n\n")[0].lower()
    if path.suffix.lower() in (".nrrd", ".nhdr"):
        return b"space:" in head and b"space directions:" in head
    return any(word in head for word in (b"transformmatrix", b"orientation", b"rotation"))
