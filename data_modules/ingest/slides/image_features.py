"""Hand-crafted features of single images, in pixels where nobody knows their resolution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_modules.ingest.slides.handcrafted import TILE_FEATURES, haematoxylin_threshold, tile_features
from data_modules.ingest.slides.image_files import ImageError, read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IN_MICRONS = frozenset(
    ("nuclei_per_mm2", "nuclear_area_um2", "nuclear_area_spread", "small_nuclei_share")
)  # fmt: skip

SCALED_FEATURES = TILE_FEATURES
"""Where the resolution is known."""

PIXEL_FEATURES = tuple(name for name in TILE_FEATURES if name not in _IN_MICRONS)
"""Where it is not: sizes and densities of nuclei mean nothing then; texture is of pixels two apart."""


def image_features(
    root: Path, names: Sequence[str], size: int | None, mpp: float | None
) -> tuple[NDArray[np.float32], list[str]]:
    """One row an image, columns `SCALED_FEATURES` or, without `mpp`, `PIXEL_FEATURES`; why images are not read."""
    kept = [place for place, name in enumerate(TILE_FEATURES) if mpp is not None or name not in _IN_MICRONS]
    rows, errors = [np.zeros((0, len(kept)), dtype=np.float32)], []
    for name in names:
        try:
            tile = read_image(root / name, size=size)[None]
        except ImageError as error:
            errors.append(str(error))
            continue
        row = tile_features(tile, mpp=mpp or 1.0, threshold=haematoxylin_threshold(tile))
        rows.append(row[:, kept])
    return np.concatenate(rows), errors
