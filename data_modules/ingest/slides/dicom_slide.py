"""Whole-slide images in DICOM: which files of a folder are one slide. A slide is a SeriesInstanceUID, not a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP class of VL Whole Slide Microscopy images; annotations, reports and label photographs have others."""


@dataclass(frozen=True, kw_only=True)
class WholeSlideFile:
    """What one file says of itself; None where it says nothing, or is no DICOM."""

    series: str | None = None
    kind: str | None = None
    patient: str | None = None


def is_dicom(path: Path) -> bool:
    """By its ending, or by its bytes where it has another or none."""
    if path.suffix.lower() == ".dcm":
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def header(path: Path) -> WholeSlideFile:
    """Series, kind and patient of a file, remembered as long as it does not change."""
    facts = path.stat()
    return _header(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=65536)
def _header(path: Path, size: int, changed: int) -> WholeSlideFile:
    import pydicom

    del size, changed
    try:
        tags = ["SeriesInstanceUID", "SOPClassUID", "PatientID"]
        found = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
        said = [str(found.get(tag) or "").strip() or None for tag in tags]
    except Exception:  # a damaged header breaks pydicom in many ways; OpenSlide says what is wrong
        return WholeSlideFile()
    return WholeSlideFile(series=said[0], kind=said[1], patient=said[2])


def series_files(path: Path) -> list[Path]:
    """The files of its folder that are of the same series, `path` first."""
    mine = header(path).series
    if mine is None:
        return [path]
    return [path, *(one for one in _dicom_in(path.parent) if one != path and header(one).series == mine)]


def _dicom_in(folder: Path) -> Sequence[Path]:
    return _listed(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _listed(folder: Path, changed: int) -> tuple[Path, ...]:
    del changed
    files = (one for one in sorted(folder.iterdir()) if not one.name.startswith(".") and one.is_file())
    return tuple(one for one in files if is_dicom(one))


def one_of_each(paths: Sequence[Path]) -> tuple[list[Path], Mapping[str, list[Path]]]:
    """Slides of a listing: of the DICOM files of one series and folder, the first; why → the others."""
    seen: set[tuple[Path, str]] = set()
    kept: list[Path] = []
    levels: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if not is_dicom(path):
            kept.append(path)
            continue
        said = header(path)
        if said.kind not in (None, WHOLE_SLIDE):
            others.append(path)
        elif said.series is not None and (path.parent, said.series) in seen:
            levels.append(path)
        else:
            kept.append(path)
            seen.add((path.parent, said.series or ""))
    return kept, {"further files of a DICOM slide": levels, "DICOM that is no whole-slide image": others}
