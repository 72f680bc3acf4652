"""Classical features of tiles: colour, texture, nuclei. What slides are to the arms that are no networks.

Each tile gets one row; a patient's features are the mean and standard deviation over the tiles of all slides.
Stains are separated after Ruifrok and Johnston (2001), texture is Haralick's (1973) on the haematoxylin channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILE_FEATURES: tuple[str, ...] = (
    "od_red",
    "od_green",
    "od_blue",
    "haematoxylin",
    "haematoxylin_spread",
    "eosin",
    "eosin_spread",
    "glcm_contrast",
    "glcm_homogeneity",
    "glcm_energy",
    "glcm_correlation",
    "nuclei_per_mm2",
    "nuclear_area_um2",
    "nuclear_area_spread",
    "small_nuclei_share",
    "nuclear_cover",
    "nuclear_stain",
)
"""Columns of `tile_features`."""

_NUCLEUS = (8.0, 250.0)  # square microns: what is smaller is debris, what is larger a clump
_SMALL_NUCLEUS = 45.0  # square microns: lymphocytes measure 6–7.5 microns across
_GREY_LEVELS = 16
_GLCM_SHIFT = 2.0  # microns
_GLCM_RANGE = 0.2  # haematoxylin of the darkest nuclei


def pooled_names() -> list[str]:
    """Columns of `pool`."""
    return [f"{name}_{statistic}" for statistic in ("mean", "std") for name in TILE_FEATURES]


def pool(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean, then standard deviation over tiles, ``(tile, feature)`` → ``(2 · feature,)``.

    A tile without nuclei has no nuclear area (NaN) and does not count there; NaN where no tile counts.
    """
    known = np.isfinite(features)
    number = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, features, 0.0).sum(axis=0, dtype=np.float64) / number
        spread = np.sqrt(np.where(known, (features - mean) ** 2, 0.0).sum(axis=0) / number)
    return np.concatenate([mean, spread])


def haematoxylin_threshold(tiles: NDArray[np.uint8]) -> float:
    """The haematoxylin level that parts nuclei from the rest in these tiles (Otsu), ``(tile, 3, H, W)``."""
    from skimage.filters import threshold_otsu

    stain = ndimage.gaussian_filter(_stains(tiles)[..., 0], sigma=(0, 0.7, 0.7))
    if float(np.ptp(stain)) < 1e-6:
        return float("inf")
    return float(threshold_otsu(stain))  # type: ignore[no-untyped-call]


def tile_features(tiles: NDArray[np.uint8], *, mpp: float, threshold: float) -> NDArray[np.float32]:
    """One row of `TILE_FEATURES` a tile.

    Args:
        tiles: RGB, ``(tile, 3, H, W)``.
        mpp: microns per pixel.
        threshold: of `haematoxylin_threshold`, one for the whole slide, so that a tile's density can be zero.
    """
    density = -np.log((tiles.astype(np.float32) + 1.0) / 256.0)
    stains = _stains(tiles)
    colour = np.concatenate(
        [
            density.mean(axis=(2, 3)),
            np.stack([stains[..., 0].mean(axis=(1, 2)), stains[..., 0].std(axis=(1, 2))], axis=1),
            np.stack([stains[..., 1].mean(axis=(1, 2)), stains[..., 1].std(axis=(1, 2))], axis=1),
        ],
        axis=1,
    )
    texture = _texture(stains[..., 0], shift=max(1, round(_GLCM_SHIFT / mpp)))
    nuclei = _nuclei(stains[..., 0], mpp=mpp, threshold=threshold)
    return np.concatenate([colour, texture, nuclei], axis=1).astype(np.float32)


def _stains(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Haematoxylin, eosin and residual, ``(tile, H, W, 3)``."""
    from skimage.color import rgb2hed

    # float32 halves the time; 8-bit input has no more digits.
    pixels = np.moveaxis(tiles, 1, -1).astype(np.float32) / 255.0
    return np.asarray(rgb2hed(pixels), dtype=np.float32)


def _texture(stain: NDArray[np.float32], *, shift: int) -> NDArray[np.float64]:
    """Contrast, homogeneity, energy and correlation of grey-level co-occurrence, mean of four directions."""
    from skimage.feature import graycomatrix, graycoprops

    # A fixed range of the stain, so that texture compares between slides.
    levels = np.clip(stain / _GLCM_RANGE * _GREY_LEVELS, 0, _GREY_LEVELS - 1).astype(np.uint8)
    shift = min(shift, max(1, stain.shape[-1] - 1))
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    rows = np.empty((len(levels), 4))
    for row, image in zip(rows, levels, strict=True):
        pairs = graycomatrix(  # type: ignore[no-untyped-call]
            image, [shift], angles, levels=_GREY_LEVELS, symmetric=True, normed=True
        )
        for column, name in enumerate(("contrast", "homogeneity", "energy", "correlation")):
            row[column] = graycoprops(pairs, name).mean()  # type: ignore[no-untyped-call]
    return rows


def _nuclei(stain: NDArray[np.float32], *, mpp: float, threshold: float) -> NDArray[np.float64]:
    """Density, mean and spread of area, share of small ones, cover and stain of nuclei per tile."""
    number, height, width = stain.shape
    dark = ndimage.gaussian_filter(stain, sigma=(0, 0.7, 0.7)) > threshold
    plane = np.zeros((3, 3, 3), dtype=bool)
    plane[1] = ndimage.generate_binary_structure(2, 1)  # pieces join within a tile, never across tiles
    labels, pieces = ndimage.label(dark, structure=plane)
    area = np.bincount(labels.ravel(), minlength=pieces + 1)[1:] * mpp**2
    # The first pixel of each piece tells its tile: labels are numbered in scan order.
    tile = np.zeros(pieces, dtype=np.int64)
    if pieces:
        values, first = np.unique(labels.ravel(), return_index=True)
        tile = first[values > 0] // (height * width)
    real = (area >= _NUCLEUS[0]) & (area <= _NUCLEUS[1])
    area, tile = area[real], tile[real]
    count = np.bincount(tile, minlength=number).astype(np.float64)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(tile, weights=area, minlength=number) / count
        spread = np.sqrt(np.bincount(tile, weights=(area - mean[tile]) ** 2, minlength=number) / count)
        small = np.bincount(tile, weights=area < _SMALL_NUCLEUS, minlength=number) / count
        level = (stain * dark).sum(axis=(1, 2)) / dark.sum(axis=(1, 2))
    per_mm2 = count / (height * width * mpp**2 / 1e6)
    return np.stack([per_mm2, mean, spread, small, dark.mean(axis=(1, 2)), level], axis=1)
