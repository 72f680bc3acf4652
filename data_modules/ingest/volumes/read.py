"""Read a volume's voxels; its place is what the headers said when it was found."""

from __future__ import annotations

from math import prod

import numpy as np

from data_modules.ingest.volumes.dicom_pixels import read_slices
from data_modules.ingest.volumes.files import Volume, VolumeError, VolumeFile
from data_modules.ingest.volumes.itk import read_itk
from data_modules.ingest.volumes.nifti import read_nifti

MOST_VOXELS = 1 << 30
"""Of a volume: twice those of a whole-body CT. A file of kilobytes can unpack to terabytes."""


def read_volume(file: VolumeFile) -> Volume:
    """Read the voxels.

    Raises:
        VolumeError: the file breaks off, or its values are not all finite, or all the same.
    """
    if file.problem is not None:
        raise VolumeError(file.problem)
    if prod(file.shape) > MOST_VOXELS:
        raise VolumeError(
            f"{file.name} says that it has {' × '.join(map(str, file.shape))} voxels; at most {MOST_VOXELS:,} are read"
        )
    try:
        if file.kind == "dicom":
            values, affine = read_slices(file.paths), file.matrix
        else:
            values, affine = (read_nifti if file.kind == "nifti" else read_itk)(file.paths[0])
    except Exception as error:  # damaged pixels break decoders anywhere
        raise VolumeError(f"{file.name} cannot be read ({type(error).__name__}: {error})") from error
    bad = int(np.size(values) - np.isfinite(values).sum())
    if bad:
        raise VolumeError(f"{file.name} holds {bad} of {values.size} voxels that are no numbers (NaN or infinite)")
    if float(values.min()) == float(values.max()):
        raise VolumeError(f"{file.name} holds one value only ({float(values.min()):g})")
    return Volume(values=values, affine=affine)
