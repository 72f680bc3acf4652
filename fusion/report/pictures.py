"""Pictures of slides and tiles as data URIs, and the colours of what speaks for and against."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FOR, AGAINST = (213, 94, 0), (0, 114, 178)
"""Vermilion and blue of Okabe & Ito (2008), which colour-blind readers tell apart."""

_LEAST, _LEAST_PX = 50, 32
"""Of quality, and of pixels a side, for the sake of bytes."""

TILE_PX = 176
"""Side of a tile on a page."""


def data_uri(
    image: NDArray[np.uint8], *, kind: Literal["jpeg", "png"] = "jpeg", quality: int = 82, most: int | None = None
) -> str:
    """``(row, column, 3)`` as an image that stands in the page itself.

    Args:
        image: RGB.
        kind: of file.
        quality: of JPEG.
        most: bytes of JPEG, before base64, for which quality and then size are given up; null: as many as it takes.
    """
    from PIL import Image

    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": quality} if kind == "jpeg" else {"optimize": True}
    Image.fromarray(image).save(buffer, format=kind, **options)
    if most is not None and buffer.tell() > most and min(image.shape[:2]) > _LEAST_PX:
        if quality > _LEAST:
            return data_uri(image, kind=kind, quality=max(_LEAST, quality - 16), most=most)
        height, width = (max(1, side * 7 // 10) for side in image.shape[:2])
        smaller = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
        return data_uri(smaller, kind=kind, quality=quality, most=most)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()


def enlarge(image: NDArray[np.uint8], side: int = TILE_PX) -> NDArray[np.uint8]:
    """A tile, smoothly enlarged to `side` pixels."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def overlay(
    tile: NDArray[np.uint8], pixels: NDArray[np.float32], limit: float, *, smooth: float = 1.0
) -> NDArray[np.uint8]:
    """A tile in grey with its pixels' attribution over it, full colour at `limit`.

    Single pixels of integrated gradients are noisy; a Gaussian of `smooth` pixels is laid over them for the eye, which
    changes no sum.
    """
    from scipy.ndimage import gaussian_filter

    grey = 160 + 0.37 * (tile.mean(axis=-1, keepdims=True) - 128)
    smoothed = gaussian_filter(pixels.astype(np.float64), smooth, mode="nearest")
    strength = np.clip(np.abs(smoothed) / max(limit, 1e-12), 0, 1)[..., None] ** 0.8
    colour = np.where(smoothed[..., None] > 0, np.array(FOR), np.array(AGAINST))
    return np.asarray((grey * (1 - strength) + colour * strength).clip(0, 255), dtype=np.uint8)


def colour(value: float) -> str:
    """Of an attribution's sign, for SVG."""
    return "rgb({},{},{})".format(*(FOR if value > 0 else AGAINST))
