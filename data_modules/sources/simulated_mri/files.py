"""Write volumes as scanners and researchers do: NIfTI in any orientation, DICOM series side by side in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])
_MR_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A volume along the axes in which it is stored.

    Attributes:
        values: ``(i, j, k)``.
        affine: ``(4, 4)``, index → millimetres in RAS.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]


def store_as(values: NDArray[np.float32], affine: NDArray[np.float64], axes: str) -> Stored:
    """Reorder ``(x, y, z)`` in RAS to other axes, e.g. ``LPS`` or ``PSR`` (sagittal); nothing is interpolated."""
    import nibabel.orientations as orientations

    wanted = orientations.axcodes2ornt(tuple(axes))  # type: ignore[no-untyped-call]
    turn = orientations.ornt_transform(  # type: ignore[no-untyped-call]
        orientations.axcodes2ornt("RAS"),  # type: ignore[no-untyped-call]
        wanted,
    )
    turned = orientations.apply_orientation(values, turn)  # type: ignore[no-untyped-call]
    back = orientations.inv_ornt_aff(turn, values.shape)  # type: ignore[no-untyped-call]
    return Stored(values=np.ascontiguousarray(turned), affine=affine @ back)


def write_nifti(path: Path, stored: Stored) -> None:
    """One file; int16 with nibabel's slope, as converters write it."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    image: Any = nibabel.Nifti1Image(np.rint(stored.values).astype(np.int16), stored.affine)  # type: ignore[no-untyped-call]
    image.header["descrip"] = b"SIMULATED"
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def write_series(
    folder: Path, stored: Stored, *, patient: str, description: str, number: int, start: int, slope: float
) -> int:
    """One DICOM series, a file a slice along k; returns the number of the next file.

    Args:
        folder: may hold other series already.
        stored: rows run along j, columns along i: ``values[i, j, k]`` is column i, row j of slice k.
        patient: PatientID.
        description: SeriesDescription.
        number: SeriesNumber.
        start: number of the first file.
        slope: RescaleSlope; stored integers are values / slope.
    """
    from pydicom.uid import generate_uid

    folder.mkdir(parents=True, exist_ok=True)
    study = generate_uid(entropy_srcs=[patient, "study"])
    series = generate_uid(entropy_srcs=[patient, "series", str(number)])
    frame = generate_uid(entropy_srcs=[patient, "frame"])
    lps = _RAS_TO_LPS @ stored.affine[:3]
    step = np.linalg.norm(lps[:, :3], axis=0)
    facts = {
        "PatientID": patient,
        "PatientName": "SIMULATED^PATIENT",
        "Modality": "MR",
        "Manufacturer": "SIMULATED",
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "FrameOfReferenceUID": frame,
        "SeriesNumber": number,
        "SeriesDescription": description,
        "ImageOrientationPatient": _numbers([*(lps[:, 0] / step[0]), *(lps[:, 1] / step[1])]),
        "PixelSpacing": _numbers([step[1], step[0]]),
        "SliceThickness": _numbers([step[2]])[0],
        "SpacingBetweenSlices": _numbers([step[2]])[0],
        "RescaleSlope": slope,
        "RescaleIntercept": 0,
    }
    for k in range(stored.values.shape[2]):
        pixels = np.rint(stored.values[:, :, k].T / slope).clip(0, 65535).astype(np.uint16)
        position = lps[:, :3] @ [0, 0, k] + lps[:, 3]
        uid = generate_uid(entropy_srcs=[patient, str(number), str(k)])
        one = {**facts, "InstanceNumber": k + 1, "ImagePositionPatient": _numbers(position), "SOPInstanceUID": uid}
        _write_slice(folder / f"IM{start + k:04d}.dcm", pixels, one)
    return start + int(stored.values.shape[2])


def _write_slice(path: Path, pixels: NDArray[np.uint16], facts: dict[str, Any]) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(_MR_STORAGE)
    meta.MediaStorageSOPInstanceUID = facts["SOPInstanceUID"]
    meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
    image = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    image.SOPClassUID = UID(_MR_STORAGE)
    for keyword, value in facts.items():
        setattr(image, keyword, value)
    image.ImageComments = "SIMULATED data: no patient, no finding"
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
    image.PixelData = np.ascontiguousarray(pixels).tobytes()
    image.save_as(path, enforce_file_format=True)


def _numbers(values: Any) -> list[float]:
    """Decimal strings of DICOM have at most 16 characters."""
    return [float(f"{float(value):.8g}") + 0.0 for value in values]
