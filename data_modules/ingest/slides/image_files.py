"""One image file as RGB pixels: PNG, JPEG or TIFF; grey and RGBA are understood.

Refused are more than 8 bits a channel (how many of 16 are used, one tile does not tell), colours that are not RGB,
several pictures in one file, and bombs.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_DEEP = ("I", "F", "I;16", "I;16B", "I;16L")
"""Pillow's modes of more than 8 bits a channel."""
_COLOURS = {"CMYK": "CMYK", "LAB": "L*a*b*", "HSV": "HSV"}
"""Pillow's modes of colours that are RGB only by a guess."""
_ONE = ("MPO",)
"""Formats in which the first picture is the one that is meant: phones add a preview."""


class ImageError(Exception):
    """Why a file is no image that can be learned from: a clause that names it."""


def image_facts(path: Path) -> tuple[int, int] | ImageError:
    """Width and height from the header alone, or what is wrong."""
    try:
        with _opened(path) as image:
            return image.size
    except ImageError as error:
        return error


def read_image(path: Path, *, size: int | None = None) -> NDArray[np.uint8]:
    """RGB ``(3, H, W)``, resized to a square of `size` pixels where it is given.

    Transparent pixels are laid on white, as slides are.

    Raises:
        ImageError: it cannot be read.
    """
    from PIL import Image

    try:
        with _opened(path) as image:
            image.load()
            whole = image
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                whole = Image.alpha_composite(
                    Image.new("RGBA", image.size, (255, 255, 255, 255)), image.convert("RGBA")
                )
            whole = whole.convert("RGB")
            if size is not None and whole.size != (size, size):
                whole = whole.resize((size, size), Image.Resampling.BICUBIC)
            return np.ascontiguousarray(np.moveaxis(np.asarray(whole), -1, 0))
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{path} is truncated or damaged ({error})") from error


def _opened(path: Path) -> Image:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb before it refuses one; both are refused here.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(f"{path} has more pixels than a tile can have ({error})") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{path} is no image ({error})") from error
    problem = _problem(image)
    if problem is not None:
        image.close()
        raise ImageError(f"{path} {problem}")
    return image


def _problem(image: Image) -> str | None:
    """Why an image that opens is none of RGB or grey with 8 bits."""
    # Of 16 bits a channel Pillow keeps the upper half, and says so in how it unpacks the file alone.
    packed = [str(part) for tile in getattr(image, "tile", ()) for part in _parts(tile)]
    deep = next((part for part in packed if ";16" in part), image.mode if image.mode in _DEEP else None)
    if deep is not None:
        return f"has more than 8 bits a channel ({deep}); convert it to 8 bits"
    if image.mode in _COLOURS:
        return f"holds {_COLOURS[image.mode]} colours; convert it to RGB with its colour profile"
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1 and image.format not in _ONE:
        return f"holds {frames} pictures; save the one that is meant by itself"
    return None


def _parts(tile: Any) -> tuple[Any, ...]:
    """The arguments of one of Pillow's decoders."""
    given = tile[-1]
    return given if isinstance(given, tuple) else (given,)
