"""Draw one breast before and after contrast: fat-suppressed T1, a lesion that enhances at its rim or as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (48, 40, 32)
SPACING = (1.5, 1.5, 2.25)
"""Voxels and millimetres to the right, to anterior, to superior."""
_AIR, _FAT, _GLAND, _SKIN, _MUSCLE = 0.0, 45.0, 110.0, 75.0, 90.0


@dataclass(frozen=True, kw_only=True)
class Breast:
    """What is drawn of a patient.

    Attributes:
        rim: the lesion enhances at its rim.
        enhancement: how many times brighter its enhancing part becomes with contrast, e.g. 1.2 for +120 %.
        gain: of the scanner: MR has no unit.
    """

    rim: bool
    enhancement: float
    gain: float


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Volumes ``(x, y, z)`` in RAS of `SHAPE`, and where the lesion is."""

    pre: NDArray[np.float32]
    post: NDArray[np.float32]
    lesion: NDArray[np.bool_]


def draw_breast(rng: np.random.Generator, breast: Breast) -> Drawn:
    """One patient's volumes."""
    x, y, z = np.meshgrid(*((np.arange(n) + 0.5) * s for n, s in zip(SHAPE, SPACING, strict=True)), indexing="ij")
    wide, deep, tall = (n * s for n, s in zip(SHAPE, SPACING, strict=True))
    wall = 0.18 * deep + 3.0 * ((x - wide / 2) / (wide / 2)) ** 2
    radii = np.array([0.44 * wide, 0.74 * deep, 0.44 * tall]) * rng.uniform(0.92, 1.0, 3)
    apart = ((x - wide / 2) / radii[0]) ** 2 + ((y - wall) / radii[1]) ** 2 + ((z - tall / 2) / radii[2]) ** 2
    breast_tissue = (apart < 1) & (y > wall)
    skin = breast_tissue & (apart > 0.90)
    chest = y <= wall
    density = _grain(rng, 5.0) > rng.uniform(0.1, 0.7)
    gland = breast_tissue & ~skin & (apart < 0.65) & density

    lesion, depth = _lesion(rng, (x, y, z), wall=float(wall.max()), radii=radii, middle=(wide / 2, tall / 2))
    plain = np.select([skin, chest, gland, breast_tissue], [_SKIN, _MUSCLE, _GLAND, _FAT], _AIR)
    plain = plain * (1 + 0.06 * _grain(rng, 1.5)) * (plain > 0)
    plain = np.where(lesion, 118 * (1 + 0.05 * _grain(rng, 1.0)), plain)

    uptake = np.where(gland, rng.uniform(0.08, 0.25), 0.0) + np.where(chest, 0.12, 0.0) + np.where(skin, 0.1, 0.0)
    uptake = np.where(_vessel(rng, (x, y, z), apart), 0.9, uptake)
    uptake = np.where(lesion, breast.enhancement * _pattern(rng, breast, depth), uptake)
    bias = 1 + 0.12 * _grain(rng, 14.0)
    pre, post = (_acquire(rng, image * bias, breast.gain) for image in (plain, plain * (1 + uptake)))
    return Drawn(pre=pre, post=post, lesion=lesion)


def _lesion(
    rng: np.random.Generator,
    place: tuple[NDArray[np.float64], ...],
    *,
    wall: float,
    radii: NDArray[np.float64],
    middle: tuple[float, float],
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Where it is, and how far from its middle: 0 there, 1 at its uneven border."""
    x, y, z = place
    center = np.array([middle[0], wall + 0.42 * radii[1], middle[1]]) + rng.uniform(-0.3, 0.3, 3) * radii
    axes = rng.uniform(7.5, 11.5) * rng.uniform(0.85, 1.15, 3)
    apart = np.sqrt(
        ((x - center[0]) / axes[0]) ** 2 + ((y - center[1]) / axes[1]) ** 2 + ((z - center[2]) / axes[2]) ** 2
    )
    apart = apart * (1 + 0.10 * _grain(rng, 2.0))
    return apart < 1, apart


def _pattern(rng: np.random.Generator, breast: Breast, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Uptake within the lesion, 1 at full: a dark core for a rim, nearly even for a solid one."""
    core = rng.uniform(0.05, 0.35) if breast.rim else rng.uniform(0.8, 1.05)
    size = rng.uniform(0.55, 0.72)
    dark = 1 / (1 + np.exp((depth - size) / 0.05))
    pattern: NDArray[np.float64] = (1 + (core - 1) * dark) * (1 + 0.08 * _grain(rng, 1.0))
    return pattern


def _vessel(
    rng: np.random.Generator, place: tuple[NDArray[np.float64], ...], apart: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """A thin tube through the breast that takes up contrast, as lesions do."""
    x, y, z = place
    start = np.array([rng.uniform(0.3, 0.7) * x.max(), rng.uniform(0.35, 0.6) * y.max()])
    tilt = rng.uniform(-0.25, 0.25, 2)
    along = z - z.mean()
    off = np.hypot(x - start[0] - tilt[0] * along, y - start[1] - tilt[1] * along)
    return np.asarray((off < 1.3) & (apart < 0.85))


def _grain(rng: np.random.Generator, size: float) -> NDArray[np.float64]:
    """Smooth noise of unit variance; `size` millimetres."""
    noise = ndimage.gaussian_filter(rng.standard_normal(SHAPE), [size / s for s in SPACING], mode="wrap")
    return np.asarray(noise / noise.std())


def _acquire(rng: np.random.Generator, image: NDArray[np.float64], gain: float) -> NDArray[np.float32]:
    """Blur of one voxel's size, and Rician noise: magnitude of a complex signal with Gaussian noise."""
    blurred: NDArray[np.float64] = ndimage.gaussian_filter(image, 0.45)
    real, imaginary = 6.0 * rng.standard_normal((2, *SHAPE))
    return np.asarray(gain * np.hypot(blurred + real, imaginary), dtype=np.float32)
