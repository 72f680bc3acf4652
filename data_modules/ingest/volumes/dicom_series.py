"""DICOM series of one slice a file: gathered by SeriesInstanceUID, ordered by position, refused where they gape."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_modules.ingest.volumes.dicom_headers import GEOMETRY, LOOKUP, RESCALE, SYNTAX, Slice, read_headers
from data_modules.ingest.volumes.dicom_pixels import is_readable
from data_modules.ingest.volumes.files import SPACING_RANGE, VolumeFile, as_rows
from data_modules.patient_ids import below

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_SAME = 0.01
"""Millimetres within which two slices lie at one place, and by which rows and columns may turn."""
_EVEN = 0.05
"""Share of the distance of slices by which one may differ from the others."""
_TURNED = 0.01
"""By which the directions of rows and columns may differ from length 1, and from a right angle."""
_BESIDE = 0.5
"""Pixels by which a slice may lie beside the line of the others."""
_OBJECTS = ("SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "SR", "PR", "KO", "REG", "FID", "DOC", "PLAN")
"""Modalities of DICOM that lies beside images and is no scan."""


def find_series(
    paths: Sequence[Path], *, root: Path, memo: Path | None, told: Callable[[int], None] = lambda more: None
) -> list[VolumeFile]:
    """One `VolumeFile` a SeriesInstanceUID, in one folder or several; unreadable files are volumes with a problem.

    Args:
        paths: of slices.
        root: names are told below it.
        memo: cache folder in which headers are remembered, by name, size and time of the files.
        told: how many more headers were read.
    """
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    found = []
    series: dict[tuple[str, str], list[Slice]] = {}
    for folder, files in folders.items():
        slices, unreadable = read_headers(folder, files, memo=memo, told=told)
        for path, error in unreadable.items():
            name = below(root, path)
            problem = f"{name} does not open as DICOM ({error})"
            found.append(VolumeFile(name=name, kind="dicom", paths=(path,), problem=problem))
        for one in slices:
            uid = str(one.facts.get("SeriesInstanceUID") or folder)
            series.setdefault((uid, str(one.facts.get("PatientID", ""))), []).append(one)
    for members in series.values():
        found += [_series(part, root=root) for part in _copies(members)]
    return _told_apart(found)


def _copies(slices: list[Slice]) -> list[list[Slice]]:
    """A series by folder where folders hold slices of one place (copies, time points); else all of it as one."""
    folders: dict[Path, list[Slice]] = {}
    for one in slices:
        folders.setdefault(one.path.parent, []).append(one)
    places = [str(one.facts.get("ImagePositionPatient")) for one in slices]
    within = sum(len({str(one.facts.get("ImagePositionPatient")) for one in part}) for part in folders.values())
    return [slices] if len(folders) < 2 or within == len(set(places)) else list(folders.values())


def _told_apart(found: list[VolumeFile]) -> list[VolumeFile]:
    """Names of which there are several, with what tells them apart: SeriesNumber, AcquisitionTime, else a number."""
    often = Counter(file.name for file in found)
    several: dict[str, list[VolumeFile]] = {}
    for file in found:
        if often[file.name] > 1 and file.kind == "dicom" and file.shape:
            several.setdefault(file.name, []).append(file)
    renamed: dict[int, VolumeFile] = {}
    for name, files in several.items():
        alone = f"{name} is {len(files)} single slices, each with a SeriesInstanceUID of its own: give them one"
        single = len(files) > 2 and all(file.shape[2] == 1 and not file.thing for file in files)
        endings = [str(number) for number in range(1, len(files) + 1)]
        for tag in ("AcquisitionTime", "SeriesNumber"):
            said = [dict(file.told).get(tag, "") for file in files]
            endings = said if len(set(said)) == len(files) and all(said) else endings
        for file, ending in zip(files, endings, strict=True):
            problem = file.problem and file.problem.replace(name, f"{name}/{ending}", 1)
            renamed[id(file)] = replace(file, name=f"{name}/{ending}", problem=alone if single else problem)
    return [renamed.get(id(file), file) for file in found]


def _series(slices: list[Slice], *, root: Path) -> VolumeFile:
    """The slices in order, with what is wrong with them."""
    first = slices[0].facts
    folder = below(root, Path(os.path.commonpath([one.path.parent for one in slices])))
    name = "/".join(str(part) for part in (folder, first.get("PatientID"), first.get("SeriesDescription")) if part)
    problem = _kind(slices) or _lacking(slices) or _mixed(slices)
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
        affine=as_rows(_affine(slices)) if problem is None else None,
        patient=str(first.get("PatientID", "")).strip() or None,
        frame=first.get("FrameOfReferenceUID"),
        scaled=all(tag in first for tag in RESCALE),
        thing=str(first.get("Modality")) if first.get("Modality") in _OBJECTS else None,
        told=tuple((tag, str(first.get(tag, ""))) for tag in ("SeriesNumber", "AcquisitionTime")),
    )


def _affine(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Voxel index → millimetres in RAS (PS3.3 C.7.6.2.1.1, in LPS there); columns, rows, slices in order."""
    first = slices[0]
    orientation = np.asarray(first.facts["ImageOrientationPatient"], dtype=np.float64)
    rows, columns = first.facts["PixelSpacing"]
    lps = np.eye(4)
    lps[:3, 0] = orientation[:3] * columns
    lps[:3, 1] = orientation[3:] * rows
    lps[:3, 2] = (slices[-1].position - first.position) / (len(slices) - 1)
    lps[:3, 3] = first.position
    return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps)


def _kind(slices: Sequence[Slice]) -> str | None:
    """Why its pixels are no measured numbers."""
    first = slices[0].facts
    if first.get("Modality") in _OBJECTS:
        return f"is a DICOM {first['Modality']} object, which is not read: convert it to a NIfTI volume"
    if any(LOOKUP in one.facts for one in slices):
        return f"says what its numbers mean by a table ({LOOKUP}), which is not read: convert it to NIfTI"
    samples = max(int(one.facts.get("SamplesPerPixel", 1)) for one in slices)
    if samples > 1:
        return f"is a series in colour (SamplesPerPixel {samples}), not a measured volume"
    shown = {str(one.facts.get("PhotometricInterpretation", "MONOCHROME2")) for one in slices} - {"MONOCHROME2"}
    if shown:
        return (
            f"has PhotometricInterpretation {min(shown)}, in which numbers do not grow with brightness; save it as "
            "MONOCHROME2"
        )
    for tag in RESCALE:
        without = [one.path.name for one in slices if tag not in one.facts]
        if without and (len(without) < len(slices) or first.get("Modality") == "CT"):
            return (
                f"lacks {tag} in {len(without)} of {len(slices)} files, e.g. {without[0]}: nobody knows what its "
                "numbers mean. Export it again with its rescale"
            )
    return _packed(slices)


def _packed(slices: Sequence[Slice]) -> str | None:
    """A compression that nothing here undoes."""
    from pydicom.uid import UID

    for syntax in {str(one.facts.get(SYNTAX, "")) for one in slices}:
        if syntax and not is_readable(syntax):
            return (
                f"is compressed as {UID(syntax).name}, which is not read: decompress it, e.g. with dcm2niix, or with "
                "gdcmconv --raw"
            )
    return None


def _normal(one: Slice) -> NDArray[np.float64]:
    """Along which slices are stacked: the cross product of the directions of rows and columns."""
    orientation = np.asarray(one.facts["ImageOrientationPatient"], dtype=np.float64)
    return np.cross(orientation[:3], orientation[3:])


def _lacking(slices: Sequence[Slice]) -> str | None:
    """Tags without which nobody knows where the voxels lie."""
    if any(one.facts.get("NumberOfFrames", 1) > 1 for one in slices):
        return "is multi-frame (Enhanced) DICOM, which is not read: convert it to NIfTI, e.g. with dcm2niix"
    for tag in GEOMETRY:
        bad = [one.path.name for one in slices if tag not in one.facts or not np.isfinite(one.facts[tag]).all()]
        if bad:
            word = {"ImageOrientationPatient": "orientation", "PixelSpacing": "spacing"}.get(tag, "place or size")
            return f"does not say its {word} ({tag} is missing in {len(bad)} of {len(slices)} files, e.g. {bad[0]})"
    low, high = SPACING_RANGE
    for one in slices:
        if not all(low <= length <= high for length in one.facts["PixelSpacing"]):
            return f"does not say a usable spacing (PixelSpacing {one.facts['PixelSpacing']} in {one.path.name})"
        axes = np.asarray(one.facts["ImageOrientationPatient"], dtype=np.float64).reshape(2, 3)
        if np.abs(axes @ axes.T - np.eye(2)).max() > _TURNED:
            said = one.facts["ImageOrientationPatient"]
            return f"does not say a usable orientation (ImageOrientationPatient {said} in {one.path.name})"
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
        pairs = [pair for pair, step in zip(pairwise(slices), steps, strict=True) if step < _SAME]
        one, other = pairs[0]
        if all(left.path.read_bytes() == right.path.read_bytes() for left, right in pairs):
            told = f"{one.path.name} and {other.path.name}"
            return f"holds {len(pairs)} slices twice, byte for byte, e.g. {told}: take the copies out"
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
    return _beside(slices) if low <= usual <= high else f"has slices {usual:.4g} mm apart, which no scanner has"


def _beside(slices: Sequence[Slice]) -> str | None:
    """Slices that lie beside the line from the first to the last: a tilted gantry shifts them, but all alike."""
    places = np.stack([one.position for one in slices])
    line = np.linspace(places[0], places[-1], len(places))
    normal = _normal(slices[0])
    away = places - line - np.outer((places - line) @ normal, normal)
    apart = np.linalg.norm(away, axis=1)
    worst = int(apart.argmax())
    if apart[worst] <= _BESIDE * min(slices[0].facts["PixelSpacing"]):
        return None
    return (
        f"mixes several volumes: {slices[worst].path.name} lies {apart[worst]:.4g} mm beside the line from "
        f"{slices[0].path.name} to {slices[-1].path.name}; separate them, or give each a SeriesInstanceUID"
    )
