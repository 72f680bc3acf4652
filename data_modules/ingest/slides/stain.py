"""Stain normalisation after Macenko et al. (ISBI 2009), to a fixed reference, one estimate a slide.

A tile alone can be all stroma and would be pulled to the reference's haematoxylin; the slide's own tiles together show
both stains. The reference never comes from a cohort, so cached tiles carry nothing from held-out patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Macenko's published reference, as MONAI's `NormalizeHEStains` has it: columns haematoxylin, eosin; rows R, G, B.
REFERENCE = np.array([[0.5626, 0.2159], [0.7201, 0.8012], [0.4062, 0.5581]])
REFERENCE_MOST = np.array([1.9705, 1.0308])

_LIGHT = 240.0  # transmitted intensity taken as no stain
_GLASS = 0.15  # length of the optical density below which a pixel says nothing of stains
_PIXELS = 200_000


@dataclass(frozen=True, kw_only=True)
class StainFit:
    """What a slide's stains look like.

    Attributes:
        matrix: ``(3, 2)`` optical density of haematoxylin and eosin in R, G, B; unit columns.
        most: ``(2,)`` 99th percentile of each stain's concentration.
    """

    matrix: NDArray[np.float64]
    most: NDArray[np.float64]


def fit_stains(tiles: NDArray[np.uint8]) -> StainFit | None:
    """Estimate both stains from tiles ``(tile, 3, H, W)``; None where there is too little colour to tell."""
    pixels = np.moveaxis(tiles, 1, -1).reshape(-1, 3)
    pixels = pixels[:: max(1, len(pixels) // _PIXELS)]
    density = _density(pixels)
    # By length: to ask it of every channel, as some implementations do, loses eosin, which hardly absorbs red.
    coloured = density[np.linalg.norm(density, axis=1) > _GLASS]
    if len(coloured) < 100:
        return None
    # The plane of both stains: the two leading eigenvectors of the covariance.
    _, vectors = np.linalg.eigh(np.cov(coloured.T))
    plane = vectors[:, [2, 1]]
    plane *= np.sign(plane.sum(axis=0))
    angle = np.arctan2(*(coloured @ plane).T[::-1])
    low, high = np.percentile(angle, [1, 99])
    ends = plane @ np.array([[np.cos(low), np.cos(high)], [np.sin(low), np.sin(high)]])
    # Haematoxylin absorbs more red than eosin does.
    matrix = ends if ends[0, 0] > ends[0, 1] else ends[:, ::-1]
    if np.linalg.cond(matrix) > 1e3:
        return None
    most = np.percentile(_concentration(density, matrix), 99, axis=0)
    return StainFit(matrix=matrix, most=most) if (most > 1e-3).all() else None


def average_stains(fits: Sequence[StainFit]) -> StainFit | None:
    """The stains of several slides in one: mean direction, median strength; None of none."""
    if not fits:
        return None
    matrix = np.mean([fit.matrix for fit in fits], axis=0)
    return StainFit(matrix=matrix / np.linalg.norm(matrix, axis=0), most=np.median([fit.most for fit in fits], axis=0))


def normalise(tiles: NDArray[np.uint8], fit: StainFit, *, reference: StainFit | None = None) -> NDArray[np.uint8]:
    """`tiles` ``(tile, 3, H, W)`` as they would look with other stains.

    Args:
        tiles: RGB.
        fit: their own stains.
        reference: the stains to have; None is the published reference.
    """
    wanted = reference or StainFit(matrix=REFERENCE, most=REFERENCE_MOST)
    # Density → concentrations → the reference's share of each → density: one 3 × 3 matrix, and one table for the log.
    change = (np.linalg.pinv(fit.matrix).T * (wanted.most / fit.most)) @ wanted.matrix.T
    table = _density(np.arange(256)).astype(np.float32)
    pixels = np.moveaxis(tiles, 1, -1)
    colour = np.empty(pixels.shape, dtype=np.uint8)
    for tile, out in zip(pixels, colour, strict=True):
        density = table[tile].reshape(-1, 3) @ change.astype(np.float32)
        np.exp(-density, out=density)
        out[:] = np.clip(_LIGHT * density, 0, 255).astype(np.uint8).reshape(out.shape)
    # A view: in memory the channels stay last.
    return np.moveaxis(colour, -1, 1)


def _density(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Optical density, ``(pixel, 3)``: Beer–Lambert, −ln((I + 1) / I₀)."""
    return np.asarray(-np.log((pixels.astype(np.float64) + 1.0) / _LIGHT))


def _concentration(density: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(pixel, 2)`` least squares concentrations of both stains."""
    return np.asarray(density @ np.linalg.pinv(matrix).T)
