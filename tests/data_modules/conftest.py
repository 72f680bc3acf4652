from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

WriteSlide = Callable[..., Path]


@pytest.fixture(scope="session")
def write_slide() -> WriteSlide:
    """Write a pyramidal TIFF as OpenSlide opens it; lossless, so that pixels can be compared."""

    def write(path: Path, pixels: np.ndarray, *, mpp: float | None = 0.5, levels: int = 3) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels)
        with tifffile.TiffWriter(path) as tiff:
            for level in range(levels):
                reduced = image.reduce(2**level) if level else image
                scale = (
                    {} if mpp is None else {"resolution": (1e4 / mpp / 2**level,) * 2, "resolutionunit": "CENTIMETER"}
                )
                tiff.write(
                    np.asarray(reduced),
                    photometric="rgb",
                    tile=(256, 256),
                    compression="zlib",
                    subfiletype=1 if level else 0,
                    metadata=None,
                    software=False,
                    **scale,
                )
        return path

    return write


@pytest.fixture(scope="session")
def draw_tissue() -> Callable[..., np.ndarray]:
    """Glass with rectangles of textured pink, ``(left, top, right, bottom)`` in pixels."""

    def draw(*rectangles: tuple[int, int, int, int], size: tuple[int, int] = (1024, 1024), seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        pixels = np.full((size[1], size[0], 3), 243, dtype=np.uint8)
        for left, top, right, bottom in rectangles:
            grain = rng.integers(-30, 31, size=((bottom - top + 7) // 8, (right - left + 7) // 8, 1))
            grain = np.kron(grain, np.ones((8, 8, 1), dtype=np.int64))[: bottom - top, : right - left]
            pixels[top:bottom, left:right] = np.clip(np.array([200, 110, 170]) + grain, 0, 255)
        return pixels

    return draw
