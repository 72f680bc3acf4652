"""Hand-crafted features of a patient's volumes: what radiology is to the arms that are no networks.

Per sequence first-order statistics, grey-level co-occurrence (Haralick 1973) and the largest bright piece; per pair of
sequences the change between them. Names follow the Image Biomarker Standardisation Initiative (Zwanenburg et al.,
Radiology 2020) where it has one; values are not claimed to comply with it. Everything is computed within the patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from data_modules.ingest.volumes.grid import largest_piece

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PERCENTILES = (10, 50, 90, 99)
SEQUENCE_FEATURES: tuple[str, ...] = (
    "mean",
    "std",
    "skewness",
    "kurtosis",
    *(f"p{q}" for q in _PERCENTILES),
    "gradient",
    "glcm_contrast",
    "glcm_homogeneity",
    "glcm_energy",
    "glcm_correlation",
    "bright_ml",
    "bright_sphericity",
    "bright_mean",
    "bright_std",
    "bright_rim_minus_core",
)
"""Of one sequence within the region: the mask where there is one, else the foreground."""
PAIR_FEATURES: tuple[str, ...] = ("change_mean", "change_p50", "change_p90", "change_p99", "change_ml")
"""Of a later sequence minus an earlier one, in the units of scaled values."""
_LEVELS = 16
_RANGE = 5.0  # standard deviations (MR) into which grey levels are put; CT lies within 0 to 1


def feature_names(sequences: Sequence[str]) -> list[str]:
    """Columns of `describe`."""
    names = [f"{sequence}:{feature}" for sequence in sequences for feature in SEQUENCE_FEATURES]
    pairs = combinations(sequences, 2)
    return names + [f"{later}-{earlier}:{feature}" for earlier, later in pairs for feature in PAIR_FEATURES]


def describe(
    values: NDArray[np.float32],
    region: NDArray[np.bool_],
    *,
    present: Sequence[bool],
    spacing: tuple[float, float, float],
) -> NDArray[np.float64]:
    """One patient's features, NaN where a sequence is missing.

    Args:
        values: ``(sequence, x, y, z)``, scaled.
        region: ``(x, y, z)``, where to look; everywhere, if empty.
        present: which sequences there are.
        spacing: millimetres between voxels.
    """
    region = region if region.any() else np.ones_like(region)
    blank = [float("nan")]
    found: list[float] = []
    for part, there in zip(values, present, strict=True):
        found += _sequence(part, region, spacing) if there else blank * len(SEQUENCE_FEATURES)
    for earlier, later in combinations(range(len(values)), 2):
        both = present[earlier] and present[later]
        change = _change(values[later] - values[earlier], region, spacing) if both else blank * len(PAIR_FEATURES)
        found += change
    return np.asarray(found, dtype=np.float64)


def _sequence(
    values: NDArray[np.float32], region: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> list[float]:
    inside = values[region].astype(np.float64)
    mean, std = float(inside.mean()), float(inside.std())
    standard = (inside - mean) / std if std > 0 else np.zeros_like(inside)
    slopes = np.gradient(ndimage.gaussian_filter(values, 0.7), *spacing)
    steep = np.sqrt(sum(np.square(slope) for slope in slopes))
    return [
        mean,
        std,
        float((standard**3).mean()),
        float((standard**4).mean() - 3) if std > 0 else 0.0,
        *(float(q) for q in np.percentile(inside, _PERCENTILES)),
        float(steep[region].mean()),
        *_texture(values, region),
        *_bright(values, region, spacing),
    ]


def _change(change: NDArray[np.float32], region: NDArray[np.bool_], spacing: tuple[float, float, float]) -> list[float]:
    inside = change[region].astype(np.float64)
    return [
        float(inside.mean()),
        *(float(q) for q in np.percentile(inside, (50, 90, 99))),
        float((inside > 1.0).sum()) * float(np.prod(spacing)) / 1e3,
    ]


def _texture(values: NDArray[np.float32], region: NDArray[np.bool_]) -> list[float]:
    """Contrast, homogeneity, energy and correlation over neighbours in the three middle planes of the region's box."""
    from skimage.feature import graycomatrix, graycoprops

    box = ndimage.find_objects(region.astype(np.int8))[0]
    part = values[box]
    # A fixed range, so that texture compares between patients.
    levels = np.clip((part + _RANGE) / (2 * _RANGE) * _LEVELS, 0, _LEVELS - 1).astype(np.uint8)
    rows = []
    for axis in range(3):
        plane = np.take(levels, levels.shape[axis] // 2, axis=axis)
        if min(plane.shape) < 2:
            continue
        pairs = graycomatrix(  # type: ignore[no-untyped-call]
            plane, [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], levels=_LEVELS, symmetric=True, normed=True
        )
        names = ("contrast", "homogeneity", "energy", "correlation")
        rows.append([float(graycoprops(pairs, name).mean()) for name in names])  # type: ignore[no-untyped-call]
    return [float(column) for column in np.mean(rows, axis=0)] if rows else [float("nan")] * 4


def _bright(values: NDArray[np.float32], region: NDArray[np.bool_], spacing: tuple[float, float, float]) -> list[float]:
    """The largest bright piece, holes filled: volume, sphericity, mean, spread, and its rim against its core."""
    from skimage.filters import threshold_otsu

    smooth = ndimage.gaussian_filter(values, 0.5)
    level = threshold_otsu(smooth[region])  # type: ignore[no-untyped-call]
    piece = ndimage.binary_fill_holes(largest_piece(region & (smooth >= level)))
    voxel = float(np.prod(spacing))
    volume = float(piece.sum()) * voxel
    # Sphericity: (36 π V²)^(1/3) / A, A counted on the faces between voxels, which a ball exceeds by half.
    area = 0.0
    padded = np.pad(piece, 1)
    for axis in range(3):
        area += float(np.diff(padded, axis=axis).sum()) * voxel / spacing[axis]
    depth = ndimage.distance_transform_edt(np.pad(piece, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    core = depth > depth.max() / 2
    rim = piece & ~core
    difference = float(values[rim].mean() - values[core].mean()) if rim.any() and core.any() else 0.0
    return [
        volume / 1e3,
        (36 * np.pi * volume**2) ** (1 / 3) / area if area else 0.0,
        float(values[piece].mean()),
        float(values[piece].std()),
        difference,
    ]
