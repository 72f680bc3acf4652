"""Headers of DICOM files, read once and remembered by name, size and time of a folder's files."""

from __future__ import annotations

import hashlib
import json
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.hashes import file_stamp, write_text_atomic
from data_modules.ingest.common.no_content import no_content

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEXTS = (
    "PatientID",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "AcquisitionTime",
    "FrameOfReferenceUID",
    "Modality",
    "PhotometricInterpretation",
)
_COUNTS = ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel")
GEOMETRY = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "Rows", "Columns")
RESCALE = ("RescaleSlope", "RescaleIntercept")
SYNTAX = "TransferSyntaxUID"
LOOKUP = "ModalityLUTSequence"
_FORMAT = 3
_UNPACKED = 1 << 30
"""Bytes to which one file may unpack."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Header of one file; `facts` by DICOM keyword, absent where the file lacks the tag."""

    path: Path
    facts: dict[str, Any]

    @property
    def position(self) -> NDArray[np.float64]:
        """ImagePositionPatient, millimetres in LPS."""
        return np.asarray(self.facts["ImagePositionPatient"], dtype=np.float64)


def read_headers(
    folder: Path, files: Sequence[Path], *, memo: Path | None, told: Callable[[int], None] = lambda more: None
) -> tuple[list[Slice], dict[Path, str]]:
    """Headers of files of one folder, and why the others have none; `told` how many more were read."""
    stamp = [file_stamp(path) for path in sorted(files)]
    note = None
    if memo is not None:
        key = hashlib.sha256(json.dumps([str(folder.resolve()), _FORMAT, stamp]).encode()).hexdigest()[:32]
        note = Path(memo) / "dicom_headers" / f"{key}.json"
    known = _remembered(note)
    if known is not None:
        told(len(known))
    else:
        known = {}
        for path in sorted(files):
            known[path.name] = _header(path)
            told(1)
        if note is not None:
            write_text_atomic(note, json.dumps(known))
    slices = [Slice(path=folder / name, facts=facts) for name, facts in known.items() if "error" not in facts]
    return slices, {folder / name: str(facts["error"]) for name, facts in known.items() if "error" in facts}


def _remembered(note: Path | None) -> dict[str, dict[str, Any]] | None:
    if note is None:
        return None
    try:
        known: dict[str, dict[str, Any]] = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known


def looks_like_dicom(path: Path) -> bool:
    """By its bytes: the prefix after the preamble or, as old exporters write, elements of group 8 from the first."""
    with path.open("rb") as stream:
        head = stream.read(132)
    return head[128:] == b"DICM" or (head[:2] == b"\x08\x00" and head[3:4] == b"\x00" and len(head) == 132)


def read_dataset(path: Path, **options: Any) -> Any:
    """A data set; one without a prefix, or that does not say its transfer syntax, as its elements show it.

    Raises:
        Exception: whatever a damaged file breaks in pydicom.
    """
    import pydicom
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    with path.open("rb") as stream:
        bare = stream.read(132)[128:] != b"DICM"
    if not bare:
        _refuse_inflating(path)
    found = pydicom.dcmread(path, force=bare and looks_like_dicom(path), **options)
    if SYNTAX not in found.file_meta:
        implicit, little = found.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return found


def _refuse_inflating(path: Path) -> None:
    """A deflated data set is unpacked whole before its first element is read: it must not be a bomb.

    Raises:
        ValueError: it unpacks to more than any slice has.
    """
    from pydicom.filereader import _read_file_meta_info, read_preamble
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    with path.open("rb") as stream:
        read_preamble(stream, False)
        meta = _read_file_meta_info(stream)
        if meta.get(SYNTAX) != DeflatedExplicitVRLittleEndian:
            return
        unpacker, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while chunk := stream.read(1 << 16):
            while chunk:
                size += len(unpacker.decompress(chunk, 1 << 20))
                if size > _UNPACKED:
                    raise ValueError(f"it unpacks to more than {_UNPACKED / 1e9:.1f} GB")
                chunk = unpacker.unconsumed_tail


def _header(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            # Of values longer than the standard allows, which are read whole.
            warnings.simplefilter("ignore")
            tags = [*_TEXTS, *_COUNTS, *GEOMETRY, *RESCALE, LOOKUP]
            header = read_dataset(path, stop_before_pixels=True, specific_tags=tags)
            facts[SYNTAX] = str(header.file_meta.TransferSyntaxUID)
            for tag in tags:
                value = header.get(tag)
                if value is None or value == "":
                    continue
                if tag in _COUNTS or tag in ("Rows", "Columns"):
                    facts[tag] = int(value)
                elif tag in RESCALE:
                    facts[tag] = float(value)
                elif tag == LOOKUP:
                    facts[tag] = True
                elif tag in GEOMETRY:
                    facts[tag] = [float(number) for number in value]
                else:
                    facts[tag] = str(value)
    except Exception as error:  # a damaged header breaks pydicom in many ways
        return {"error": no_content(path) or f"{type(error).__name__}: {error}"}
    return facts
