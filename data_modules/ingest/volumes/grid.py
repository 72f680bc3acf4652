"""From a volume as it was taken to a fixed grid in the patient: foreground, intensity, one resampling, patches.

The grid's axes are RAS and its spacing is the caller's, so orientation, resampling, cropping and padding are a single
interpolation: voxel *i* of the grid lies at ``origin + spacing · i`` millimetres. All sequences of a patient share one
grid, so that a patch is the same tissue in each of them. Nothing here looks at a second patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy import ndimage

from data_modules.ingest.volumes.files import Volume, VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.ingest.volumes.settings import Crop, GridSettings, Intensity, Scanner, Triple

Scalar = TypeVar("Scalar", bound=np.generic)
AIR_HU = -500.0
"""Hounsfield units above which a voxel is body and not air."""
_BRIGHT = 0.98
"""Quantile of the foreground above which tissue counts as bright."""


def find_foreground(values: NDArray[np.float32], kind: Scanner) -> NDArray[np.bool_]:
    """The patient: the largest connected piece above air (CT) or above Otsu's threshold (MR), holes filled."""
    if kind == "ct":
        above = values > AIR_HU
    else:
        from skimage.filters import threshold_otsu

        # The threshold is the middle of one of 256 bins, all of which belongs to the air.
        half = float(np.ptp(values)) / 512
        above = values > float(threshold_otsu(values)) + half  # type: ignore[no-untyped-call]
    piece = largest_piece(above)
    return np.asarray(ndimage.binary_fill_holes(piece)) if piece.any() else np.ones_like(above)


def largest_piece(above: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest face-connected piece; nothing where nothing is set."""
    labels, pieces = ndimage.label(above)
    if pieces <= 1:
        return above
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def normalise(values: NDArray[np.float32], foreground: NDArray[np.bool_], how: Intensity) -> NDArray[np.float32]:
    """Numbers as `Intensity` says.

    Raises:
        VolumeError: an MR foreground of one value.
    """
    if how.kind == "ct":
        low, high = how.window
        return np.asarray(np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1), dtype=np.float32)
    inside = values[foreground].astype(np.float64)
    spread = float(inside.std())
    if spread <= 0:
        raise VolumeError("its foreground has one value only")
    scaled = (values - inside.mean()) / spread
    return np.asarray(np.clip(scaled, -how.clip, how.clip), dtype=np.float32)


def center_of(volume: Volume, crop: Crop, foreground: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Where the grid is centred, millimetres ``(3,)``, for the crops that need no mask."""
    if crop == "none":
        return place(volume.affine, (np.array(volume.values.shape) - 1) / 2)
    if crop == "brightest":
        smooth = ndimage.gaussian_filter(volume.values, sigma=1.0 / volume.spacing * 1.5)
        bright = foreground & (smooth > np.quantile(smooth[foreground], _BRIGHT))
        return box_center(largest_piece(bright), volume.affine)
    return box_center(foreground, volume.affine)


def box_center(region: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre of the bounding box of `region`, millimetres ``(3,)``."""
    spans = [np.flatnonzero(region.any(axis=tuple(k for k in range(3) if k != axis))) for axis in range(3)]
    return place(affine, np.array([(span[0] + span[-1]) / 2 for span in spans]))


def place(affine: NDArray[np.float64], index: NDArray[np.float64]) -> NDArray[np.float64]:
    """Voxel index ``(3,)`` → millimetres ``(3,)``."""
    return np.asarray(affine[:3, :3] @ index + affine[:3, 3])


def grid_origin(volume: Volume, center: NDArray[np.float64], grid: GridSettings) -> NDArray[np.float64]:
    """Place of the grid's first voxel, so that the grid is centred and, where it can, meets the volume's own voxels.

    Of a volume along RAS axes that has the grid's spacing already, no value is then interpolated.
    """
    ends = np.array(volume.values.shape) - 1
    corners = [place(volume.affine, np.array([i, j, k]) * ends) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    anchor = np.min(corners, axis=0)
    spacing, size = np.array(grid.spacing), np.array(grid.size)
    # Halves are rounded down; the small number keeps that from hanging on the last bit.
    steps = np.floor((center - anchor) / spacing - (size - 1) / 2 + 0.5 - 1e-6)
    return np.asarray(anchor + spacing * steps)


@dataclass(frozen=True, kw_only=True)
class OnGrid:
    """Values ``(x, y, z)`` on the grid, and where they come from the volume and not from padding."""

    values: NDArray[np.float32]
    inside: NDArray[np.bool_]


def resample(
    values: NDArray[np.float32],
    affine: NDArray[np.float64],
    *,
    origin: NDArray[np.float64],
    grid: GridSettings,
    nearest: bool = False,
) -> OnGrid:
    """Values at the grid's voxels: trilinear, smoothed first where the grid is coarser; padding is the lowest value.

    Args:
        values: ``(x, y, z)`` along the file's axes.
        affine: voxel index → millimetres.
        origin: of the grid.
        grid: its spacing and size.
        nearest: take the nearest voxel instead, for masks.
    """
    back = np.asarray(np.linalg.inv(affine), dtype=np.float64)
    matrix = back[:3, :3] * np.array(grid.spacing)
    start = place(back, origin)
    axes = [np.arange(length, dtype=np.float64) for length in grid.size]
    steps = np.meshgrid(*axes, indexing="ij", sparse=True)
    index = [sum(matrix[k, j] * steps[j] for j in range(3)) + start[k] for k in range(3)]
    index = [np.broadcast_to(part, grid.size) for part in index]
    inside = np.ones(grid.size, dtype=np.bool_)
    for part, length in zip(index, values.shape, strict=True):
        inside &= (part >= -0.5 - 1e-6) & (part <= length - 0.5 + 1e-6)
    source = values if nearest else _smooth(values, affine, grid.spacing)
    # Coordinates within rounding of a voxel take it as it is.
    at = np.stack([np.where(np.abs(part - np.rint(part)) < 1e-6, np.rint(part), part) for part in index])
    taken = ndimage.map_coordinates(source, at, order=0 if nearest else 1, mode="nearest")
    return OnGrid(values=np.where(inside, taken, values.min()).astype(np.float32), inside=inside)


def _smooth(values: NDArray[np.float32], affine: NDArray[np.float64], spacing: Sequence[float]) -> NDArray[np.float32]:
    """A Gaussian of (factor - 1) / 2 voxels along each axis that the grid samples more coarsely, against aliasing."""
    own = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / own
    wanted = np.sqrt(((directions.T * np.array(spacing)) ** 2).sum(axis=1))
    sigma = np.maximum(0.0, (wanted / own - 1) / 2)
    return values if sigma.max() < 1e-3 else np.asarray(ndimage.gaussian_filter(values, sigma=sigma))


def from_patches(patches: NDArray[Scalar], grid: Triple) -> NDArray[Scalar]:
    """``(patch, px, py, pz)`` → ``(x, y, z)``: what `to_patches` took apart, `grid` patches along each axis."""
    blocks = patches.reshape(*grid, *patches.shape[1:]).transpose(0, 3, 1, 4, 2, 5)
    return np.ascontiguousarray(blocks.reshape([n * size for n, size in zip(grid, patches.shape[1:], strict=True)]))


def to_patches(values: NDArray[np.float32], patch: Triple) -> NDArray[np.float32]:
    """``(x, y, z)`` → ``(patch, px, py, pz)``, the last axis counting fastest."""
    x, y, z = (length // size for length, size in zip(values.shape, patch, strict=True))
    blocks = values.reshape(x, patch[0], y, patch[1], z, patch[2]).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(blocks.reshape(x * y * z, *patch))
