"""Whether two volumes lie at one place: compared by their affines, never by their shapes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.ingest.volumes.files import VolumeFile

_ROUNDING = 0.01
"""Share of the smallest voxel, or millimetres if that is more, by which corners may differ."""


def corners(file: VolumeFile) -> NDArray[np.float64]:
    """Centres of the eight voxels in the corners, millimetres ``(8, 3)``, in the order of the file's axes."""
    ends = np.array(file.shape) - 1
    index = np.array([[*(ends * at), 1] for at in np.ndindex(2, 2, 2)], dtype=np.float64)
    return np.asarray((index @ file.matrix.T)[:, :3])


def mask_problem(mask: VolumeFile, image: VolumeFile) -> str | None:
    """Why a mask cannot be laid on its image, a clause; None where voxel lies on voxel.

    Of files of one kind, shape and affine must be the same. Converters from DICOM to another kind turn axes round, in
    the array and the affine alike: then the voxels must be the same places, in whatever order.
    """
    if mask.affine is None or image.affine is None:
        return None
    size = float(np.linalg.norm(image.matrix[:3, :3], axis=0).min())
    allowed = max(_ROUNDING, _ROUNDING * size)
    if mask.kind != image.kind:
        mine, theirs = (np.array(sorted(map(tuple, np.round(corners(one) / allowed)))) for one in (mask, image))
        if sorted(mask.shape) != sorted(image.shape):
            return _shapes(mask, image)
        return None if np.abs(mine - theirs).max() <= 2 else _apart(mask, image, matched=True)
    if mask.shape != image.shape:
        return _shapes(mask, image)
    apart = np.linalg.norm(corners(mask) - corners(image), axis=1).max()
    return None if apart <= allowed else _apart(mask, image, matched=False)


def _shapes(mask: VolumeFile, image: VolumeFile) -> str:
    sizes = ["×".join(map(str, file.shape)) for file in (mask, image)]
    return f"{mask.name} has {sizes[0]} voxels, {image.name} {sizes[1]}"


def _apart(mask: VolumeFile, image: VolumeFile, *, matched: bool) -> str:
    if matched:
        return f"{mask.name} lies at other places than {image.name}"
    apart = float(np.linalg.norm(corners(mask) - corners(image), axis=1).max())
    return (
        f"{mask.name} has the voxels of {image.name} but another affine: corners lie up to {apart:.4g} mm apart "
        f"(origin {_point(mask)} against {_point(image)})"
    )


def _point(file: VolumeFile) -> str:
    return ", ".join(f"{x:.4g}" for x in file.matrix[:3, 3])


def overlap(one: VolumeFile, other: VolumeFile) -> float:
    """Share of the smaller box, along the patient's axes, that lies in the other."""
    boxes = [(corners(file).min(axis=0), corners(file).max(axis=0)) for file in (one, other)]
    low, high = np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])
    shared = float(np.prod(np.maximum(high - low, 0)))
    smaller = min(float(np.prod(box[1] - box[0])) for box in boxes)
    return shared / max(smaller, 1e-9)
