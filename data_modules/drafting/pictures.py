"""Slides, tile features and volumes as a draft sees them: how their files are named, and what a few of them say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from data_modules.drafting.listing import DICOM_ENDINGS, Found
from data_modules.drafting.words import tokens
from data_modules.patient_ids import bare_name

LOOKED_AT = 3
"""Slides and feature files of a folder that are opened; what they say is taken for all."""

MOST_FOLDERS = 300
"""Folders of DICOM files of which one file is read."""

MOST_SEQUENCES = 12

MOST_TOPS = 3
"""Folders that a draft names one by one; a folder a patient is a glob."""

_ONE_FILE = r"\.(nii|nrrd|nhdr|mha|mhd)"
"""What tells a volume in one file from a DICOM series of the same patient."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Files of one kind.

    Attributes:
        files: below the folder.
        patterns: globs that name them.
        settings: key → value and reason, for the draft; ``???`` where it has to be filled.
        notes: what some of them say, in words.
        problems: file → why it cannot be read.
    """

    files: tuple[str, ...]
    patterns: tuple[str, ...]
    settings: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: dict[str, str] = field(default_factory=dict)


def patterns_of(names: Iterable[str]) -> tuple[str, ...]:
    """Globs that name files: a folder and an ending each."""
    groups: dict[str, set[PurePosixPath]] = {}
    for name in names:
        path = PurePosixPath(name)
        ending = path.name.removeprefix(bare_name(path.name))
        groups.setdefault(ending, set()).add(path.parent)
    made = []
    for ending, folders in sorted(groups.items()):
        parts = [folder.parts for folder in folders]
        common = [one[0] for one in zip(*parts, strict=False) if len(set(one)) == 1]
        depth = 0
        while depth < len(common) and len({part[depth] for part in parts}) == 1:
            depth += 1
        start = "/".join(common[:depth])
        deeper = "" if len(folders) == 1 else "**/"
        made.append(f"{start}/{deeper}*{ending}" if start else f"{deeper}*{ending}")
    return tuple(made)


def volume_patterns(names: Sequence[str], dicom: Sequence[str], others: Iterable[str]) -> tuple[str, ...]:
    """What names volumes: folders, where these are few and hold nothing else that is read; else globs of files.

    Args:
        names: of volumes in one file.
        dicom: of DICOM files.
        others: of files of other kinds.
    """
    tops = tuple(dict.fromkeys(name.partition("/")[0] for name in (*names, *dicom)))
    at_the_top = any("/" not in name for name in (*names, *dicom))
    if not at_the_top and len(tops) <= MOST_TOPS and {name.partition("/")[0] for name in others}.isdisjoint(tops):
        return tops
    globs = list(patterns_of(names))
    paths = [PurePosixPath(name) for name in dicom]
    for ending in sorted({path.suffix for path in paths if path.suffix.lower() in DICOM_ENDINGS}):
        globs += [f"**/*{ending}"]
    # Without an ending nothing but the depth tells a slice from what else there is.
    bare = [path.parts for path in paths if path.suffix.lower() not in DICOM_ENDINGS]
    for depth in sorted({len(parts) for parts in bare}):
        alike = [parts for parts in bare if len(parts) == depth]
        same = [len({parts[level] for parts in alike}) == 1 for level in range(depth - 1)]
        start = (*same, False).index(False)
        globs.append("/".join([*alike[0][:start], *["*"] * (depth - start)]))
    return tuple(globs)


def spread(files: Sequence[Found], count: int) -> list[Found]:
    """A few files, from the first to the last."""
    step = max(1, len(files) // count)
    return list(files[::step])[:count]


def read_slides(files: Sequence[Found]) -> Pictures:
    """Slides, of which `LOOKED_AT` are opened."""
    from data_modules.ingest.slides.slide_facts import ResolutionError, SlideError, SlideRequest
    from data_modules.ingest.slides.slide_files import open_slide

    said, problems, unsaid = [], {}, []
    for file in spread(files, LOOKED_AT):
        try:
            slide, facts = open_slide(SlideRequest(path=file.path))
            slide.close()
            said.append(f"{facts.mpp:.4g} microns per pixel, {facts.width} × {facts.height}, {facts.vendor}")
        except ResolutionError as error:
            unsaid.append(str(error))
        except SlideError as error:
            problems[file.name] = str(error)
    settings = {"mpp": ("???", f"microns per pixel: {unsaid[0]}")} if unsaid else {}
    return Pictures(
        files=tuple(file.name for file in files), patterns=patterns_of(file.name for file in files),
        settings=settings, notes=tuple(dict.fromkeys(said)), problems=problems,
    )  # fmt: skip


def read_features(files: Sequence[Found]) -> Pictures:
    """Files of tile features, of which `LOOKED_AT` are opened."""
    from data_modules.ingest.slides.feature_files import FeatureFileError, read_header

    said, problems = [], {}
    for file in spread(files, LOOKED_AT):
        try:
            header = read_header(file.path)
            said.append(f"{header.width} features a tile, by {header.encoder or 'an encoder that it does not name'}")
        except FeatureFileError as error:
            problems[file.name] = str(error)
    return Pictures(
        files=tuple(file.name for file in files), patterns=patterns_of(file.name for file in files),
        notes=tuple(dict.fromkeys(said)), problems=problems,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Series:
    """DICOM files of one folder, by one of them.

    Attributes:
        folder: below the cohort's.
        patient: PatientID.
        description: SeriesDescription.
        modality: MR, CT …
    """

    folder: str
    patient: str
    description: str
    modality: str


def read_dicom(files: Sequence[Found]) -> tuple[list[Series], dict[str, str], int]:
    """One header a folder, of `MOST_FOLDERS` folders: series, file → why it cannot be read, folders not looked at."""
    from data_modules.ingest.volumes.dicom_headers import read_dataset

    first: dict[str, Found] = {}
    for file in files:
        first.setdefault(str(PurePosixPath(file.name).parent), file)
    series, problems = [], {}
    for folder, file in list(first.items())[:MOST_FOLDERS]:
        try:
            tags = ["PatientID", "SeriesDescription", "Modality"]
            header = read_dataset(file.path, stop_before_pixels=True, specific_tags=tags)
            said = [str(header.get(tag, "") or "") for tag in tags]
            series.append(Series(folder=folder, patient=said[0], description=said[1], modality=said[2]))
        except Exception as error:  # a damaged header breaks pydicom in many ways
            problems[file.name] = f"{type(error).__name__}: {error}"
    return series, problems, max(0, len(first) - MOST_FOLDERS)


def sequences_of(
    names: Sequence[str], pattern: str | None, series: Sequence[Series]
) -> dict[str, tuple[str, str, str]]:
    """Sequences of volumes: name → (match, intensity or ``???``, reason); names of masks begin with ``mask``.

    Args:
        names: of volume files, below the cohort's folder.
        pattern: that finds the patient in them.
        series: of DICOM folders.
    """
    rests = Counter(_rest(name, pattern) for name in names)
    found: dict[str, tuple[str, str, str]] = {}
    for rest, count in rests.most_common(MOST_SEQUENCES):
        words = tokens(rest)
        label = "_".join(words) or "volume"
        label = f"volume_{label}" if label.replace("_", "").isdigit() else label  # YAML makes a number of 0000
        match = re.escape(rest) + r"\." if rest else _ONE_FILE if series else "."
        mask = {"mask", "seg", "segmentation", "roi", "label"} & set(words)
        found[f"mask_{label}" if mask else label] = (match, _intensity(words), f"{count} files end so")
    for description, count in Counter(one.description for one in series).most_common(MOST_SEQUENCES):
        kind = next((one.modality.lower() for one in series if one.description == description), "")
        label = "_".join(tokens(description)) or "series"
        intensity = kind if kind in ("mr", "ct") else "???"
        # A series that was taken twice has a number behind its name: it is to be seen, not left aside.
        match = re.escape(description) + r"(/[\d.]+)?$"
        found.setdefault(label, (match, intensity, f"{count} DICOM folders, {kind.upper()}"))
    return found


def _rest(name: str, pattern: str | None) -> str:
    """A file's name without its endings and patient."""
    bare = bare_name(name.rpartition("/")[2])
    match = re.search(pattern, bare) if pattern else None
    return (bare[match.end() :] if match else "" if pattern is None else bare).strip("_-. ")


def _intensity(words: Sequence[str]) -> str:
    if "ct" in words:
        return "ct"
    return "mr" if {"mr", "mri", "t1", "t2", "flair", "dwi", "adc", "dce", "t1w", "t2w", "t1c"} & set(words) else "???"
