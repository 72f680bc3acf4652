"""Write a small DICOM whole-slide image (VL Whole Slide Microscopy, TILED_FULL, JPEG), as scanners write them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_WSI = "1.2.840.10008.5.1.4.1.1.77.1.6"
_TILE = 256


@pytest.fixture(scope="session")
def write_dicom_slide() -> Callable[..., Path]:
    pytest.importorskip("pydicom", reason="pydicom is not installed, to write a DICOM slide with")
    return _write


def _write(folder: Path, pixels: np.ndarray, *, mpp: float, levels: tuple[int, ...]) -> Path:
    """One instance a level, of one series; `levels` are downsamples of `pixels`, whose sides they divide."""
    from pydicom.uid import generate_uid

    folder.mkdir(parents=True, exist_ok=True)
    shared = {name: generate_uid() for name in ("study", "series", "frame", "pyramid")}
    for number, factor in enumerate(levels):
        reduced = np.asarray(Image.fromarray(pixels).reduce(factor)) if factor > 1 else pixels
        _instance(folder / f"level{number}.dcm", reduced, mpp=mpp * factor, number=number, uids=shared)
    return folder


def _instance(path: Path, pixels: np.ndarray, *, mpp: float, number: int, uids: dict[str, str]) -> None:
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _WSI
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = _WSI, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = uids["study"], uids["series"]
    data.FrameOfReferenceUID, data.PyramidUID = uids["frame"], uids["pyramid"]
    data.Modality, data.PatientID, data.PatientName = "SM", "P1", "P1"
    data.SeriesNumber, data.InstanceNumber = 1, number + 1
    data.ImageType = [
        "ORIGINAL" if number == 0 else "DERIVED",
        "PRIMARY",
        "VOLUME",
        "NONE" if number == 0 else "RESAMPLED",
    ]
    data.DimensionOrganizationType = "TILED_FULL"
    height, width = pixels.shape[:2]
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
    data.TotalPixelMatrixFocalPlanes, data.NumberOfOpticalPaths = 1, 1
    data.ImagedVolumeWidth, data.ImagedVolumeHeight = width * mpp / 1000, height * mpp / 1000
    data.ImagedVolumeDepth = 0.001
    data.Rows = data.Columns = _TILE
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "YBR_FULL_422", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    measures, groups = Dataset(), Dataset()
    measures.PixelSpacing = [mpp / 1000, mpp / 1000]
    measures.SliceThickness = 0.001
    groups.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [groups]
    optical = Dataset()
    optical.OpticalPathIdentifier = "1"
    data.OpticalPathSequence = [optical]
    tiles = [
        _jpeg(pixels[y : y + _TILE, x : x + _TILE]) for y in range(0, height, _TILE) for x in range(0, width, _TILE)
    ]
    data.NumberOfFrames = len(tiles)
    data.LossyImageCompression = "01"
    data.PixelData = encapsulate(tiles)
    data["PixelData"].is_undefined_length = True
    data.save_as(path, enforce_file_format=True, little_endian=True, implicit_vr=False)


def _jpeg(tile: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(tile).save(stream, format="JPEG", quality=95, subsampling="4:2:2")
    return stream.getvalue()
