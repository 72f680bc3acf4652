"""DICOM series of one slice a file: told apart by SeriesInstanceUID, ordered by position, refused where they gape."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.hashes import write_text_atomic
from data_modules.ingest.volumes.files import SPACING_RANGE, VolumeFile, below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TAGS = [
    "PatientID",
    "SeriesDescription",
    "SeriesInstanceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
]
_GEOMETRY = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "Rows", "Columns")
_SAME = 0.01
"""Millimetres within which two slices lie at one place, and by which rows and columns may turn."""
_EVEN = 0.05
"""Share of the distance of slices by which one may differ from the others."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Header of one file; `facts` by DICOM keyword, absent where the file lacks the tag."""

    path: Path
    facts: dict[str, Any]

    @property
    def position(self) -> NDArray[np.float64]:
        """ImagePositionPatient, millimetres in LPS."""
        return np.asarray(self.facts["ImagePositionPatient"], dtype=np.float64)


def find_series(paths: Sequence[Path], *, root: Path, memo: Path | None) -> list[VolumeFile]:
    """One `VolumeFile` a folder and SeriesInstanceUID; files that are no DICOM are volumes with a problem.

    Args:
        paths: of slices.
        root: names are told below it.
        memo: cache folder in which headers are remembered, by name, size and time of the files.
    """
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    found = []
    for folder, files in folders.items():
        slices, unreadable = _headers(folder, files, memo=memo)
        for path, error in unreadable.items():
            name = below(root, path)
            problem = f"{name} does not open as DICOM ({error})"
            found.append(VolumeFile(name=name, kind="dicom", paths=(path,), problem=problem))
        series: dict[str, list[Slice]] = {}
        for one in slices:
            series.setdefault(str(one.facts.get("SeriesInstanceUID", "")), []).append(one)
        found += [_series(members, folder=below(root, folder)) for members in series.values()]
    return found


def _headers(folder: Path, files: Sequence[Path], *, memo: Path | None) -> tuple[list[Slice], dict[Path, str]]:
    stamp = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(files)]
    note = None
    if memo is not None:
        key = hashlib.sha256(json.dumps([str(folder.resolve()), _TAGS, stamp]).encode()).hexdigest()[:32]
        note = Path(memo) / "dicom_headers" / f"{key}.json"
    known = _remembered(note)
    if known is None:
        known = {path.name: _header(path) for path in sorted(files)}
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


def _header(path: Path) -> dict[str, Any]:
    import pydicom

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        facts: dict[str, Any] = {}
        for tag in _TAGS:
            value = header.get(tag)
            if value is None or value == "":
                continue
            if tag in ("Rows", "Columns", "NumberOfFrames"):
                facts[tag] = int(value)
            elif tag in _GEOMETRY:
                facts[tag] = [float(number) for number in value]
            else:
                facts[tag] = str(value)
    except Exception as error:  # a damaged header breaks pydicom in many ways
        return {"error": f"{type(error).__name__}: {error}"}
    return facts


def _series(slices: list[Slice], *, folder: str) -> VolumeFile:
    """The slices in order, with what is wrong with them."""
    first = slices[0].facts
    name = "/".join(str(part) for part in (folder, first.get("PatientID"), first.get("SeriesDescription")) if part)
    problem = _lacking(slices) or _mixed(slices)
    if problem is None:
        slices = sorted(slices, key=lambda one: float(one.position @ _normal(slices[0])))
        problem = _uneven(slices)
    shape = (int(first.get("Columns", 0)), int(first.get("Rows", 0)), len(slices))
    return VolumeFile(
        name=name,
        kind="dicom",
        paths=tuple(one.path for one in slices),
        shape=shape,
        problem=None if problem is None else f"{name} {problem}",
    )


def _normal(one: Slice) -> NDArray[np.float64]:
    """Along which slices are stacked: the cross product of the directions of rows and columns."""
    orientation = np.asarray(one.facts["ImageOrientationPatient"], dtype=np.float64)
    return np.cross(orientation[:3], orientation[3:])


def _lacking(slices: Sequence[Slice]) -> str | None:
    """Tags without which nobody knows where the voxels lie."""
    if any(one.facts.get("NumberOfFrames", 1) > 1 for one in slices):
        return "is multi-frame (Enhanced) DICOM, which is not read: convert it to NIfTI, e.g. with dcm2niix"
    for tag in _GEOMETRY:
        bad = [one.path.name for one in slices if tag not in one.facts or not np.isfinite(one.facts[tag]).all()]
        if bad:
            word = {"ImageOrientationPatient": "orientation", "PixelSpacing": "spacing"}.get(tag, "place or size")
            return f"does not say its {word} ({tag} is missing in {len(bad)} of {len(slices)} files, e.g. {bad[0]})"
    low, high = SPACING_RANGE
    for one in slices:
        if not all(low <= length <= high for length in one.facts["PixelSpacing"]):
            return f"does not say a usable spacing (PixelSpacing {one.facts['PixelSpacing']} in {one.path.name})"
    return "is a single slice, not a volume" if len(slices) < 2 else None


def _mixed(slices: Sequence[Slice]) -> str | None:
    """Slices of other planes, sizes or spacings under one SeriesInstanceUID."""
    for tag in ("ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"):
        first = np.asarray(slices[0].facts[tag], dtype=np.float64)
        other = [one for one in slices if not np.allclose(one.facts[tag], first, rtol=0, atol=_SAME)]
        if other:
            return (
                f"mixes several series ({tag} is {slices[0].facts[tag]} in {slices[0].path.name} but "
                f"{other[0].facts[tag]} in {other[0].path.name}): separate them, or give each a SeriesInstanceUID"
            )
    return None


def _uneven(slices: Sequence[Slice]) -> str | None:
    """Slices at one place, or with gaps; `slices` in order."""
    places = np.array([float(one.position @ _normal(slices[0])) for one in slices])
    steps = np.diff(places)
    if steps.min() < _SAME:
        one, other = next(pair for pair, step in zip(pairwise(slices), steps, strict=True) if step < _SAME)
        return (
            f"mixes several volumes: {one.path.name} and {other.path.name} lie at the same place; separate its time "
            "points or echoes"
        )
    usual = float(np.median(steps))
    widest = int(steps.argmax())
    if steps[widest] > (1 + _EVEN) * usual or steps.min() < (1 - _EVEN) * usual:
        missing = round(float(sum(step / usual - 1 for step in steps)))
        where = f"{steps[widest]:.4g} mm between {slices[widest].path.name} and {slices[widest + 1].path.name}"
        said = f"misses {missing} slices" if missing > 0 else "has slices at uneven distances"
        return f"{said}: {where}, where others lie {usual:.4g} mm apart"
    low, high = SPACING_RANGE
    return None if low <= usual <= high else f"has slices {usual:.4g} mm apart, which no scanner has"
