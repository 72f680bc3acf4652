"""What lies in a folder: every file with its kind, by its ending and first bytes; bounded, and said where so."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from data_modules.ingest.slides.feature_files import FEATURE_ENDINGS
from data_modules.ingest.slides.slide_files import PLAIN, SLIDE_ENDINGS
from data_modules.ingest.volumes.itk import ITK_SUFFIXES
from data_modules.ingest.volumes.nifti import NIFTI_SUFFIXES

Kind = Literal[
    "table", "vcf", "bcf", "matrix_table", "slide", "image", "features", "volume", "dicom", "other", "unreadable"
]

MOST_FILES = 100_000
"""Files of a folder that are looked at."""

MOST_OPENED = 2_000
"""Files that are opened to learn their kind; beyond, the ending alone tells."""

_TEXTS = (".csv", ".tsv", ".txt", ".tab", ".maf", ".seg", ".dat", ".xlsx", ".xls")
DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
_VCFS = (".vcf", ".vcf.gz", ".vcf.bgz")
_PACKED = (".gz", ".bgz", ".bz2", ".xz")
_NOT_OF_PATIENTS = {
    ".bed": "places of genes", ".gtf": "places of genes", ".gff3": "places of genes", ".gff": "places of genes",
    ".gmt": "gene sets", ".fa": "a genome", ".fasta": "a genome", ".chain": "a chain between builds",
    ".tbi": "an index", ".csi": "an index", ".bai": "an index", ".fai": "an index", ".md5": "a checksum",
    ".md": "a text", ".pdf": "a text", ".docx": "a text", ".html": "a web page", ".py": "a program", ".r": "a program",
    ".json": "JSON", ".yaml": "YAML", ".yml": "YAML", ".bam": "reads", ".cram": "reads", ".fastq": "reads",
    ".fq": "reads", ".log": "a log", ".parquet": "Parquet: write it as CSV", ".rds": "R data: write it as CSV",
    ".pt": "a tensor of torch: write features as HDF5", ".pkl": "a pickle, which is not opened", ".zip": "an archive",
    ".tar": "an archive",
}  # fmt: skip
"""Endings of files that name no patient, or that are not read, and what they are."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file.

    Attributes:
        path: where it is.
        name: below the folder that was looked into, with ``/``.
        kind: what it is.
        why: of ``other`` and ``unreadable``: in words.
    """

    path: Path
    name: str
    kind: Kind
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A folder's files.

    Attributes:
        files: sorted by name.
        notes: where bounds were met, in sentences.
    """

    files: list[Found]
    notes: tuple[str, ...] = ()

    def of(self, *kinds: Kind) -> list[Found]:
        """Files of some kinds."""
        return [file for file in self.files if file.kind in kinds]


@dataclass
class _Opened:
    count: int = 0
    by_ending_alone: int = 0
    notes: list[str] = field(default_factory=list)


def list_folder(root: Path, told: Callable[[int], None] = lambda done: None) -> Listing:
    """Every file below a folder, hidden ones excepted; the first `MOST_FILES` in order of their folders.

    Args:
        root: the folder.
        told: after every thousand files, with how many.
    """
    opened, found, barred = _Opened(), list[Found](), list[OSError]()
    for path in _walk(root, barred):
        if len(found) == MOST_FILES:
            opened.notes.append(
                f"The folder holds more than {MOST_FILES:,} files: the first {MOST_FILES:,} in order of folders are "
                "looked at. Give a folder below it to look at others."
            )
            break
        found.append(_file(root, path, opened))
        if len(found) % 1000 == 0:
            told(len(found))
    if opened.by_ending_alone:
        opened.notes.append(
            f"Of {opened.by_ending_alone:,} files the ending alone says nothing, and they are more than the "
            f"{MOST_OPENED:,} that are opened to see: they are not looked at."
        )
    found += [_barred(root, error) for error in barred]
    return Listing(files=sorted(found, key=lambda file: file.name), notes=tuple(opened.notes))


def _walk(root: Path, barred: list[OSError]) -> Iterator[Path]:
    seen: set[str] = set()
    for top, folders, names in os.walk(root, followlinks=True, onerror=barred.append):
        real = os.path.realpath(top)
        if real in seen:  # a link back
            folders[:] = []
            continue
        seen.add(real)
        yield from (Path(top, name) for name in sorted(folders) if name.endswith(".mt"))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not name.endswith(".mt"))
        yield from (Path(top, name) for name in sorted(names) if not name.startswith("."))


def _barred(root: Path, error: OSError) -> Found:
    """A folder whose files cannot be listed."""
    path = Path(error.filename)
    why = f"a folder that cannot be looked into ({error.strerror})"
    name = path.relative_to(root).as_posix() if path != root else str(root)
    return Found(path=path, name=name, kind="unreadable", why=why)


def _file(root: Path, path: Path, opened: _Opened) -> Found:
    name = path.relative_to(root).as_posix()
    kind, why = _by_ending(path)
    if not path.name.endswith(".mt") and not path.is_file():  # a pipe would be waited for without end
        kind, why = "unreadable", "a link to nothing" if path.is_symlink() else "a pipe, socket or device"
    elif kind is None:
        if opened.count >= MOST_OPENED:
            opened.by_ending_alone += 1
            kind, why = "other", "not opened"
        else:
            opened.count += 1
            kind, why = _by_content(path)
    return Found(path=path, name=name, kind=kind, why=why)


def _by_ending(path: Path) -> tuple[Kind | None, str]:
    """What the ending says with certainty; None where the content has to."""
    lower = path.name.lower()
    bare = next((lower.removesuffix(one) for one in _PACKED if lower.endswith(one)), lower)
    ending = Path(bare).suffix
    if lower.endswith(_VCFS):
        return "vcf", ""
    if lower.endswith(".bcf"):
        return "bcf", ""
    if path.is_dir():
        return "matrix_table", ""
    if lower.endswith((*NIFTI_SUFFIXES, *ITK_SUFFIXES)):
        return "volume", ""
    if lower.endswith(DICOM_ENDINGS):
        return "dicom", ""
    if lower.endswith(FEATURE_ENDINGS):
        return "features", ""
    if lower.endswith(PLAIN):
        return "image", ""
    if lower.endswith(tuple(SLIDE_ENDINGS)):
        return "slide", ""
    if ending in _NOT_OF_PATIENTS:
        return "other", _NOT_OF_PATIENTS[ending]
    return ("table", "") if ending in _TEXTS else (None, "")


def _by_content(path: Path) -> tuple[Kind, str]:
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                head = packed.read(4096)
    except (OSError, EOFError, zlib.error) as error:
        return "unreadable", str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    if head[128:132] == b"DICM":
        return "dicom", ""
    if head.startswith(b"##fileformat=VCF"):
        return "vcf", ""
    if not head or b"\0" in head:
        return "other", "empty" if not head else "of a format that is not read"
    lines = head.decode("utf-8", errors="replace").splitlines()[:2]
    rows = [line for line in lines if line.strip()]
    for separator in "\t,;":
        if len(rows) == 2 and rows[0].count(separator) == rows[1].count(separator) > 0:
            return "table", ""
    return "other", "a text that is no table"
