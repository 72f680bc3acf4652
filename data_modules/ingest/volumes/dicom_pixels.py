"""Pixels of DICOM slices, each with its own slope and intercept."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.volumes.dicom_headers import read_dataset
from data_modules.ingest.volumes.itk import read_slice

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BY_ITK = ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
"""JPEG lossless and JPEG-LS: SimpleITK undoes them; for pydicom it takes packages of another licence."""


def is_readable(syntax: str) -> bool:
    """Whether pixels of this transfer syntax can be had."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    uid = UID(syntax)
    if syntax in _BY_ITK or not uid.is_transfer_syntax or not uid.is_compressed:
        return True
    try:
        return bool(get_decoder(uid).is_available)
    except NotImplementedError:
        return False


def read_slices(paths: Sequence[Path]) -> NDArray[np.float32]:
    """``(x, y, z)``: columns, rows, and slices in the order of `paths`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values longer than the standard allows
        return np.stack([_slice(path) for path in paths], axis=-1)


def _slice(path: Path) -> NDArray[np.float32]:
    one = read_dataset(path)
    given = [one.get("RescaleSlope"), one.get("RescaleIntercept")]
    slope, intercept = float(1 if given[0] is None else given[0]), float(given[1] or 0)
    if str(one.file_meta.TransferSyntaxUID) in _BY_ITK:
        pixels = read_slice(path).astype(np.float64)
    else:
        pixels = one.pixel_array.astype(np.float64) * slope + intercept
    return np.asarray(_unpadded(pixels, one, slope, intercept).T, dtype=np.float32)


def _unpadded(pixels: NDArray[np.float64], one: Any, slope: float, intercept: float) -> NDArray[np.float64]:
    """Where the scanner saw nothing, and says so by a number of its own, the lowest that it saw."""
    told = one.get("PixelPaddingValue")
    if not isinstance(told, int):
        return pixels
    if one.PixelRepresentation == 1 and told >= 1 << (one.BitsAllocated - 1):  # written as if it were unsigned
        told -= 1 << one.BitsAllocated
    padded = np.abs(pixels - (told * slope + intercept)) < abs(slope) / 2
    return pixels if padded.all() or not padded.any() else np.where(padded, pixels[~padded].min(), pixels)
