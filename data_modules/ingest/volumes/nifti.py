"""NIfTI: what a header says, and what in it speaks against reading the file as one volume of measured numbers."""

from __future__ import annotations

import gzip
import io
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.common.no_content import no_content
from data_modules.ingest.volumes.files import VolumeFile, as_rows, usable_affine

if TYPE_CHECKING:
    from numpy.typing import NDArray

NIFTI_SUFFIXES = (".nii", ".nii.gz")
_GZIP = b"\x1f\x8b"
_NIFTI_2 = (b"\x1c\x02\0\0", b"\0\0\x02\x1c")
_HEADER = 540
"""Bytes of the longer header, that of NIfTI-2."""
_MOST_BEFORE = 64 << 20
"""Bytes before the voxels: header and extensions."""
_UNITS = {1: "metres", 3: "micrometres"}
"""Of xyzt_units, those that are not millimetres (2); 0 says nothing."""
_ALIKE = 0.05
"""Share by which a spacing may differ by pixdim from that by sform."""
_APART = 0.5
"""Voxels by which a corner may lie elsewhere by qform than by sform."""


def nifti_header(path: Path, *, name: str) -> VolumeFile:
    """What a NIfTI file says of itself; `VolumeFile.problem` where that is not enough."""
    try:
        image, raw = _load(path, voxels=False)
        shape = tuple(int(length) for length in image.shape)
    except Exception as error:  # a damaged header breaks nibabel and gzip in many ways
        why = no_content(path) or f"{type(error).__name__}: {error}"
        broken = f"{name} does not open as NIfTI ({why})"
        return VolumeFile(name=name, kind="nifti", paths=(path,), problem=broken)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    affine = np.asarray(image.affine, dtype=np.float64)
    problem = _values(raw, shape) or _place(raw, shape, affine)
    return VolumeFile(
        name=name,
        kind="nifti",
        paths=(path,),
        shape=shape,
        problem=None if problem is None else f"{name} {problem}",
        affine=as_rows(affine) if problem is None else None,
    )


def read_nifti(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Voxels ``(x, y, z)`` with slope and intercept applied, and the affine."""
    image, _ = _load(path, voxels=True)
    values = np.asarray(image.dataobj, dtype=np.float32)
    return values.reshape(values.shape[:3]), np.asarray(image.affine, dtype=np.float64)


def _load(path: Path, *, voxels: bool) -> tuple[Any, Any]:
    """The image, and its header as it stands in the file; compressed by its bytes, whatever its name says.

    Of a file whose name says otherwise than its bytes, voxels are read on demand alone: it may unpack to any size.
    """
    import nibabel

    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    with gzip.open(path) if packed else path.open("rb") as stream:
        head = stream.read(_HEADER)
        kind: Any = nibabel.Nifti2Image if head[:4] in _NIFTI_2 else nibabel.Nifti1Image
        # On loading, nibabel replaces a spacing of 0 by 1, and reads all that stands before the voxels.
        raw = kind.header_class(head[: kind.header_class.template_dtype.itemsize], check=False)
        begin = max(_HEADER, int(raw["vox_offset"]))
        if begin > _MOST_BEFORE:
            raise ValueError(f"its voxels begin after {begin:,} bytes; at most {_MOST_BEFORE:,} are read before them")
        if packed == path.name.endswith(".gz") and not (packed and voxels):
            return nibabel.load(path), raw
        rest = begin - len(head) + (prod(raw.get_data_shape()) * raw.get_data_dtype().itemsize if voxels else 0)
        content = head + stream.read(rest)
        stream.read(1)  # gzip compares its checksum at the end alone
        return kind.from_stream(io.BytesIO(content)), raw


def _values(raw: Any, shape: tuple[int, ...]) -> str | None:
    """Why its voxels are not one volume of numbers."""
    kind = raw.get_data_dtype()
    if kind.names is not None:
        return "is a picture in colour (NIfTI datatype RGB), not a measured volume"
    if kind.kind == "c":
        return f"holds complex numbers (NIfTI datatype {kind.name}), not one number a voxel: save the magnitude"
    if len(shape) != 3:
        return f"has {len(shape)} dimensions ({' × '.join(map(str, shape))}), not the 3 of one volume"
    if min(shape) < 2:
        return f"is a single slice ({' × '.join(map(str, shape))}), not a volume"
    return None


def _place(raw: Any, shape: tuple[int, ...], affine: NDArray[np.float64]) -> str | None:
    """Why nobody knows where its voxels lie."""
    unit = _UNITS.get(int(raw["xyzt_units"]) & 7)
    if unit is not None:
        return (
            f"says that its places are in {unit} (xyzt_units): nobody knows whether that or millimetres are meant. "
            "Write them in millimetres and say so, with nibabel's set_sform and header.set_xyzt_units('mm')"
        )
    sform, qform = int(raw["sform_code"]), int(raw["qform_code"])
    if sform <= 0 and qform <= 0:
        return "does not say its orientation (qform_code and sform_code are 0)"
    if (sform <= 0 and not np.all(raw["pixdim"][1:4] > 0)) or not usable_affine(affine):
        return f"does not say a usable spacing (pixdim {', '.join(f'{x:g}' for x in raw['pixdim'][1:4])})"
    sizes, told = np.linalg.norm(affine[:3, :3], axis=0), np.abs(np.asarray(raw["pixdim"][1:4], dtype=np.float64))
    if sform > 0 and np.all(told > 0) and not np.allclose(told, sizes, rtol=_ALIKE):
        return (
            f"says two spacings: {', '.join(f'{x:g}' for x in told)} mm by pixdim and "
            f"{', '.join(f'{x:.4g}' for x in sizes)} by sform. Set both to the right one, e.g. with nibabel's "
            "header.set_zooms and set_sform"
        )
    # Of other codes, they are places in two spaces, and the sform counts; of one code they must agree.
    if sform == qform:
        other = np.asarray(raw.get_qform(), dtype=np.float64)
        ends = np.array([[*(np.array(shape) - 1) * at, 1] for at in np.ndindex(2, 2, 2)])
        apart = float(np.linalg.norm((ends @ (affine - other).T)[:, :3], axis=1).max())
        if apart > _APART * float(np.linalg.norm(affine[:3, :3], axis=0).min()):
            return (
                f"says two places, of one code ({sform}): by sform and by qform its corners lie {apart:.3g} mm apart. "
                "Set both to the right one, e.g. with nibabel's set_sform and set_qform"
            )
    return None
