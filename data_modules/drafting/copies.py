"""The same volume as NIfTI and as DICOM: it is drafted once, and said why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from data_modules.drafting.ids import patient_in
from data_modules.drafting.listing import Found
from data_modules.drafting.yaml_words import many

if TYPE_CHECKING:
    from pathlib import Path

    from data_modules.drafting.pictures import Series
    from data_modules.ingest.volumes.files import Volume, VolumeFile

LOOKED_AT = 2
"""Patients in whom volumes are found to be the same; it is taken for all, and no more are opened."""
MOST_OPENED = 6
"""Patients with both kinds of file that are opened."""
ALIKE = 0.9999
"""Correlation of voxels from which two volumes are one: converters round, and change unit and sign of axes alone."""

Sequences = Mapping[str, tuple[str, str, str]]


def told_twice(
    sequences: Sequences,
    files: Sequence[Found],
    dicom: Sequence[Found],
    series: Sequence[Series],
    pattern: str | None,
) -> dict[str, str]:
    """Sequences that hold volumes of another one in another kind of file: name → why it is left out.

    The one of more patients stays, and of as many the one whose volume is a single file.

    Args:
        sequences: name → (match, intensity, reason).
        files: of volumes in one file each.
        dicom: DICOM files.
        series: of their folders.
        pattern: that finds a patient in names.
    """
    single: dict[str, list[Found]] = {}
    for file in files:
        patient = patient_in(file.name, pattern, paths=True)
        if patient is not None:
            single.setdefault(patient, []).append(file)
    folders: dict[str, list[str]] = {}
    for one in series:
        patient = patient_in(one.patient, pattern, paths=False)
        if patient is not None:
            folders.setdefault(patient, []).append(one.folder)
    both = sorted(set(single) & set(folders))
    same: Counter[tuple[str, str]] = Counter()
    for patient in both[:MOST_OPENED]:
        same.update(_same(sequences, single[patient], [one for one in dicom if _folder(one) in folders[patient]]))
        if same and min(same.values()) >= LOOKED_AT:
            break
    left: dict[str, str] = {}
    for (ours, theirs), count in sorted(same.items()):
        match, description = (re.compile(sequences[name][0]) for name in (ours, theirs))
        here = {patient for patient, found in single.items() if any(match.search(file.name) for file in found)}
        there = {patient_in(one.patient, pattern, paths=False) for one in series if description.search(one.description)}
        gone, kept, alone = (ours, theirs, here - there) if len(there) > len(here) else (theirs, ours, there - here)
        if gone in left or kept in left:
            continue
        what = "NIfTI, NRRD or MetaImage" if gone == ours else "DICOM"
        left[gone] = f"the volumes of {kept} once more, as {what}: the same voxels in {many(count, 'patient')} compared"
        if alone:
            left[gone] += f"; {many(len(alone), 'patient')} only here"
    return left


def _same(sequences: Sequences, files: Sequence[Found], dicom: Sequence[Found]) -> set[tuple[str, str]]:
    """Pairs of sequences whose volumes of one patient are the same, one a file, one a series."""
    from data_modules.ingest.volumes.dicom_series import find_series
    from data_modules.ingest.volumes.geometry import mask_problem

    root = _root(dicom[0])
    scans = [
        (_name(sequences, scan.name, scan=True), scan)
        for scan in find_series([one.path for one in dicom], root=root, memo=None)
    ]
    found = set()
    for file in files:
        ours, header = _name(sequences, file.name, scan=False), _header(file)
        for theirs, scan in scans:
            usable = ours is not None and theirs is not None and not (header.problem or scan.problem)
            if usable and mask_problem(header, scan) is None and _alike(header, scan):
                found.add((str(ours), str(theirs)))
    return found


def _header(file: Found) -> VolumeFile:
    from data_modules.ingest.volumes.itk import itk_header
    from data_modules.ingest.volumes.nifti import nifti_header

    nifti = file.name.lower().endswith((".nii", ".nii.gz"))
    return nifti_header(file.path, name=file.name) if nifti else itk_header(file.path, name=file.name)


def _alike(one: VolumeFile, other: VolumeFile) -> bool:
    """Whether two volumes of one place have the same voxels, but for a unit."""
    import numpy as np

    from data_modules.ingest.volumes.files import VolumeError
    from data_modules.ingest.volumes.read import read_volume

    try:
        left, right = (_along_ras(read_volume(file)) for file in (one, other))
    except VolumeError:
        return False
    if left.shape != right.shape:
        return False
    return bool(np.corrcoef(left.ravel(), right.ravel())[0, 1] >= ALIKE)


def _along_ras(volume: Volume) -> Any:
    import nibabel.orientations as orientations

    turn = orientations.io_orientation(volume.affine)  # type: ignore[no-untyped-call]
    return orientations.apply_orientation(volume.values, turn)  # type: ignore[no-untyped-call]


def _name(sequences: Sequences, name: str, *, scan: bool) -> str | None:
    """The sequence of a volume; what a draft writes of descriptions is matched at their end."""
    fit = (label for label, (match, *_) in sequences.items() if match.endswith("$") == scan and re.search(match, name))
    return next(fit, None)


def _folder(file: Found) -> str:
    return str(PurePosixPath(file.name).parent)


def _root(file: Found) -> Path:
    """The cohort's folder, by a file and its name below it."""
    return file.path.parents[len(PurePosixPath(file.name).parts) - 1]
