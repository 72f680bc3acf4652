"""Which volumes there are: NIfTI files and DICOM series below a cohort's root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_modules.ingest.volumes.dicom_series import find_series
from data_modules.ingest.volumes.files import NIFTI_SUFFIXES, VolumeFile, below, nifti_header


def find_volumes(
    root: Path, patterns: str | Sequence[str], *, memo: Path | None = None
) -> tuple[list[VolumeFile], list[str]]:
    """Every volume that the patterns name, and the patterns that name nothing.

    Args:
        root: where relative patterns start.
        patterns: paths or globs of files, or of folders, which stand for all files below them.
        memo: cache folder in which headers of DICOM folders are remembered.
    """
    files, empty = _list(root, patterns)
    nifti = [path for path in files if path.name.endswith(NIFTI_SUFFIXES)]
    other = [path for path in files if not path.name.endswith(NIFTI_SUFFIXES) and path.name != "DICOMDIR"]
    volumes = [nifti_header(path, name=below(root, path)) for path in nifti]
    return sorted([*volumes, *find_series(other, root=root, memo=memo)], key=lambda one: (one.name, one.paths)), empty


def _list(root: Path, patterns: str | Sequence[str]) -> tuple[list[Path], list[str]]:
    found: set[Path] = set()
    empty = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        path = Path(pattern).expanduser()
        exact = path if path.is_absolute() else root / path
        if exact.exists():
            matches = [exact]
        elif path.is_absolute() and not path.is_relative_to(root):
            matches = list(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        else:
            matches = list(root.glob(str(path.relative_to(root) if path.is_absolute() else path)))
        files = {file for match in matches for file in (match.rglob("*") if match.is_dir() else [match])}
        files = {file for file in files if file.is_file() and not file.name.startswith(".")}
        found |= files
        if not files:
            empty.append(str(pattern))
    return sorted(found), empty
