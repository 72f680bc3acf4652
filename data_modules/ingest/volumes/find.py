"""Which volumes there are: NIfTI, NRRD and MetaImage files and DICOM series below a cohort's root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_modules.files import list_files
from data_modules.ingest.volumes.dicom_headers import looks_like_dicom
from data_modules.ingest.volumes.dicom_series import find_series
from data_modules.ingest.volumes.files import VolumeFile
from data_modules.ingest.volumes.itk import ITK_SUFFIXES, itk_header
from data_modules.ingest.volumes.nifti import NIFTI_SUFFIXES, nifti_header
from data_modules.patient_ids import below

_SIDE = (".json", ".bval", ".bvec", ".txt", ".xml", ".csv", ".tsv", ".md", ".pdf", ".png", ".jpg", ".html", ".log")
_SYSTEM = (".db", ".ini", ".zip", ".raw", ".zraw", ".mat", ".yaml", ".yml", ".py", ".sh", ".bat", ".exe", ".inf")
_OTHERS = {
    ".hdr": "a part of an Analyze or NIfTI pair (.hdr, .img)",
    ".img": "a part of an Analyze or NIfTI pair (.hdr, .img)",
    ".mgz": "a volume of FreeSurfer", ".mgh": "a volume of FreeSurfer", ".mnc": "a MINC volume",
    ".par": "a part of a Philips pair (.PAR, .REC)", ".rec": "a part of a Philips pair (.PAR, .REC)",
    ".nii.bz2": "packed by bzip2", ".nii.zst": "packed by zstd",
}  # fmt: skip
"""Formats that are not read, by their endings."""
_NAMES = ("dicomdir", "readme", "license", "version", "lockfile")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What patterns name.

    Attributes:
        volumes: sorted by name.
        empty: patterns that name nothing.
        left_out: why → files that are no volume, by name.
        dead: links to nothing, by name.
    """

    volumes: list[VolumeFile]
    empty: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)


def find_all(
    root: Path,
    patterns: str | Sequence[str],
    *,
    memo: Path | None = None,
    count: Callable[[int], Callable[[int], None]] = lambda total: lambda more: None,
) -> Found:
    """Every volume that the patterns name, and what else they name.

    Args:
        root: where relative patterns start.
        patterns: paths or globs of files, or of folders, which stand for all files below them; links are followed.
        memo: cache folder in which headers of DICOM folders are remembered.
        count: number of headers → what is called with how many more were read.
    """
    listing = list_files(root, patterns, folders=True)
    nifti = [path for path in listing.found if path.name.lower().endswith(NIFTI_SUFFIXES)]
    itk = [path for path in listing.found if path.name.lower().endswith(ITK_SUFFIXES)]
    headers = [itk_header(path, name=below(root, path)) for path in itk]
    voxels = {path for one in headers for path in one.paths[1:]}
    rest = [path for path in listing.found if path not in {*nifti, *itk, *voxels}]
    side = [path for path in rest if is_side_file(path)]
    others = {path: word for path in rest if (word := _other_format(path)) is not None}
    series = [path for path in rest if path not in {*side, *others}]
    told = count(len(nifti) + len(itk) + len(series))
    volumes = []
    for found in (headers, (nifti_header(path, name=below(root, path)) for path in nifti)):
        for one in found:
            volumes.append(one)
            told(1)
    volumes += [
        VolumeFile(name=below(root, path), kind="itk", paths=(path,), problem=f"{below(root, path)} is {word}")
        for path, word in others.items()
    ]
    volumes += find_series(series, root=root, memo=memo, told=told)
    left_out = {"hidden": listing.hidden, "that are no volumes by name or content": side}
    return Found(
        volumes=sorted(volumes, key=lambda one: (one.name, one.paths)),
        empty=listing.empty,
        left_out={why: [below(root, path) for path in them] for why, them in left_out.items() if them},
        dead=[below(root, path) for path in listing.dead],
    )


def _other_format(path: Path) -> str | None:
    """What a file is by its name, where that is a format that is not read; never a file whose bytes are DICOM."""
    word = _OTHERS.get(path.suffix.lower()) or _OTHERS.get("".join(path.suffixes[-2:]).lower())
    return None if word is None or looks_like_dicom(path) else f"{word}: convert it to NIfTI (.nii.gz)"


def is_side_file(path: Path) -> bool:
    """What converters and systems leave beside volumes; never a file whose bytes are DICOM."""
    known = path.suffix.lower() in (*_SIDE, *_SYSTEM) or path.stem.lower() in _NAMES
    return known and (path.stem.lower() == "dicomdir" or not looks_like_dicom(path))
