"""Whose a volume is and which sequence: the declarations of a cohort, and what speaks against its files.

A sequence is a named time point and contrast, e.g. ``t1_pre`` and ``t1_post``. Each volume's name is searched by the
``match`` of every sequence; one that none matches (a localiser) is left aside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_modules.errors import some
from data_modules.ingest.volumes.dicom_headers import looks_like_dicom
from data_modules.ingest.volumes.geometry import mask_problem, overlap
from data_modules.ingest.volumes.grid import Intensity
from data_modules.modalities.base import stray_problem
from data_modules.patient_ids import bare_name

if TYPE_CHECKING:
    from data_modules.ingest.volumes.files import VolumeFile
    from data_modules.patient_ids import PatientIds

_APART = 0.05
"""Share of the smaller of two volumes that lies in the other, below which they show different places."""
_DICOM = (".dcm", ".ima", ".dicom", ".nii", ".gz", ".nrrd", ".nhdr", ".mha", ".mhd", "")
"""Endings of files that are volumes or parts of one, even where they do not open."""
_KEYS = {"match", "time", "intensity", "window", "clip"}


@dataclass(frozen=True, kw_only=True)
class Mask:
    """Mask files: `match` in their names; drawn on the sequence `of`; `labels` of it that count, all without any."""

    match: str
    of: str
    labels: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """Volumes by patient and sequence.

    Attributes:
        key: of the modality in the configuration.
        volumes: patient → sequence → volumes; one each where all is well.
        masks: patient → masks.
        stray: volumes that a sequence matches and no patient.
        several: volumes that more than one sequence matches.
        unopened: files that do not open, so that nobody knows what they are.
        unused: volumes that no sequence matches, such as localisers.
        unknown: files of no known ending that do not open, and no sequence matches.
        mask: the declaration.
        names: of sequences.
    """

    key: str
    names: tuple[str, ...]
    mask: Mask | None
    volumes: dict[str, dict[str, list[VolumeFile]]] = field(default_factory=dict)
    masks: dict[str, list[VolumeFile]] = field(default_factory=dict)
    stray: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def several_frames(self) -> list[str]:
        """Patients whose volumes are of several frames of reference, so that places need not agree."""
        found = []
        for patient, one in sorted(self.volumes.items()):
            files = [file for part in (*one.values(), self.masks.get(patient, [])) for file in part]
            if len({file.frame for file in files} - {None}) > 1:
                found.append(patient)
        return found

    @property
    def remarks(self) -> tuple[str, ...]:
        """For the account: sequences laid on one another by places that nobody says agree."""
        several = self.several_frames
        told = (
            f"Of {len(several)} patients ({some(several)}) the volumes are of several frames of reference "
            "(FrameOfReferenceUID): they are laid on one another as they stand, which is right if they were registered"
        )
        return (told,) if several else ()

    def problems(self, total: int, *, needs_mask: bool) -> list[str]:
        """Sentences for `check`; `total` volumes were found."""
        key, problems = self.key, []
        used = [file for one in self.volumes.values() for part in one.values() for file in part]
        used += [file for part in self.masks.values() for file in part]
        broken = sorted({file.problem for file in used if file.problem} | set(self.unopened))
        if broken:
            problems.append(
                f"{key}: {len(broken)} of {total} volumes cannot be used: {some(broken, 3)}. Mend these files, or "
                f"leave them out of {key}.files, e.g. by a glob (volumes/**/*.nii.gz) or a narrower `match`."
            )
        if self.stray:
            problems.append(stray_problem(self.stray, total, noun="volumes", key=key))
        if self.several:
            problems.append(
                f"{key}.sequences: several sequences match {some(self.several)}. Make their `match` tell them apart."
            )
        for name in self.names:
            twice = [
                f"{patient}: {' and '.join(file.name for file in one[name])}"
                for patient, one in sorted(self.volumes.items())
                if len(one.get(name, [])) > 1
            ]
            if twice:
                problems.append(
                    f"{key}.sequences.{name}: {len(twice)} patients have more than one volume ({some(twice, 3)}). "
                    f"Narrow its `match` to one of these names, or leave all but one out of {key}.files."
                )
            if not any(name in one for one in self.volumes.values()):
                problems.append(
                    f"{key}.sequences.{name}: its `match` finds none of {total} volumes. Names are paths below "
                    f"cohort.root, for DICOM folder/PatientID/SeriesDescription; mend `match` or take {name} out."
                )
        return problems + self._mask_problems(needs_mask=needs_mask) + self._apart()

    def _apart(self) -> list[str]:
        """Sequences of a patient that lie nowhere near one another: one grid cannot hold both."""
        apart = []
        for patient, one in sorted(self.volumes.items()):
            files = [found[0] for name in self.names if (found := one.get(name)) and found[0].affine is not None]
            for other in files[1:]:
                if overlap(files[0], other) < _APART:
                    apart.append(f"{patient}: {other.name} and {files[0].name}")
        if not apart:
            return []
        return [
            f"{self.key}: {len(apart)} volumes lie outside of another sequence's of their patient ({some(apart, 3)}); "
            f"one grid cannot hold both. Register them, or leave one out of {self.key}.files."
        ]

    def _mask_problems(self, *, needs_mask: bool) -> list[str]:
        if self.mask is None:
            return []
        key, problems = self.key, []
        twice = [patient for patient, masks in sorted(self.masks.items()) if len(masks) > 1]
        if twice:
            problems.append(f"{key}.mask: {some(twice)} have more than one mask. Narrow {key}.mask.match.")
        pairs = [
            (masks[0], drawn[0])
            for patient, masks in sorted(self.masks.items())
            if (drawn := self.volumes.get(patient, {}).get(self.mask.of, []))
        ]
        other = [text for mask, image in pairs if (text := mask_problem(mask, image))]
        if other:
            problems.append(
                f"{key}.mask: {len(other)} masks are not drawn on the sequence {self.mask.of} ({some(other, 3)}). Draw "
                f"them on it or resample them to it (its header is to be the image's), set {key}.mask.of to the right "
                f"sequence, or leave them out of {key}.files."
            )
        lacking = sorted(set(self.volumes) - set(self.masks))
        if needs_mask and lacking:
            problems.append(
                f"{key}.crop is mask, but {len(lacking)} of {len(self.volumes)} patients have none ({some(lacking)}). "
                f"Add masks, mend {key}.mask.match, or set {key}.crop=foreground."
            )
        return problems


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """Declared sequences, in order, and what is wrong with the declarations."""

    key: str
    matches: Mapping[str, str]
    intensities: Mapping[str, Intensity]
    mask: Mask | None
    problems: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.matches)

    def sort(self, files: Sequence[VolumeFile], ids: PatientIds) -> Sorted:
        """Give every volume its patient and sequence."""
        owners = volume_owners(files, ids)
        found = Sorted(key=self.key, names=self.names, mask=self.mask)
        for file in files:
            fits = [name for name, match in self.matches.items() if re.search(match, file.name)]
            is_mask = self.mask is not None and re.search(self.mask.match, file.name) is not None
            if file.problem and not file.shape:
                strange = file.paths[0].suffix.lower() not in _DICOM and not looks_like_dicom(file.paths[0])
                if strange and not (is_mask or fits):
                    found.unknown.append(file.name)
                else:
                    found.unopened.append(file.problem)
            elif is_mask or fits:
                patient = owners.get(file)
                if patient is None:
                    found.stray.append(file.name)
                elif is_mask:
                    found.masks.setdefault(patient, []).append(file)
                elif len(fits) > 1:
                    found.several.append(f"{file.name} ({', '.join(fits)})")
                else:
                    found.volumes.setdefault(patient, {}).setdefault(fits[0], []).append(file)
            else:
                found.unused.append(file.name)
        return found


def volume_owners(files: Sequence[VolumeFile], ids: PatientIds) -> dict[VolumeFile, str]:
    """Volume → patient: by a pattern or sheet on its name, else the file's name, or the PatientID of DICOM."""
    if ids.pattern is None and ids.sheet is None:
        told = {file: bare_name(file.paths[0].name) if file.kind != "dicom" else file.patient for file in files}
        return {file: patient for file, patient in told.items() if patient}
    named, _ = ids.map([file.name for file in files])
    by_path, _ = ids.map_files([file.paths[0] for file in files if file.name not in named and file.kind != "dicom"])
    found = {file: named.get(file.name) or by_path.get(file.paths[0]) for file in files}
    return {file: patient for file, patient in found.items() if patient}


def parse_sequences(sequences: Mapping[str, Any], mask: Mapping[str, Any] | None, *, key: str) -> Sequences:
    """Read the declarations; what cannot be is kept for `check`."""
    problems: list[str] = []
    if not sequences:
        problems.append(f"{key}.sequences is empty. Declare at least one, with match, time and intensity.")
    matches, intensities = {}, {}
    for name, declared in sequences.items():
        where = f"{key}.sequences.{name}"
        unknown = sorted(set(declared) - _KEYS)
        if unknown:
            problems.append(f"{where} has the keys {some(unknown)}. It takes {', '.join(sorted(_KEYS))}.")
        if declared.get("time") != "baseline":
            problems.append(
                f"{where}.time is {declared.get('time')!r}: only volumes taken at baseline may be inputs. "
                f"Set it to baseline if they are, or take {name} out."
            )
        matches[name] = _pattern(declared.get("match"), f"{where}.match", problems)
        intensities[name] = _intensity(declared, where, problems)
    made = None
    if mask is not None:
        if not {"match", "of"} <= set(mask) <= {"match", "of", "label"} or mask.get("of") not in sequences:
            problems.append(
                f"{key}.mask is {dict(mask)}. It takes match, of (a name of {key}.sequences) and, where one of several "
                "labels counts, label (a number or a list of them)."
            )
        labels = _labels(mask.get("label"), f"{key}.mask.label", problems)
        made = Mask(
            match=_pattern(mask.get("match"), f"{key}.mask.match", problems), of=str(mask.get("of")), labels=labels
        )
    return Sequences(key=key, matches=matches, intensities=intensities, mask=made, problems=tuple(problems))


def _pattern(text: Any, where: str, problems: list[str]) -> str:
    try:
        re.compile(str(text))
    except re.error as error:
        problems.append(f"{where}={text!r} is no regular expression ({error}). Mend it.")
        return "(?!)"
    if text is None:
        problems.append(f"{where} is missing: a regular expression that is found in the names of its volumes.")
        return "(?!)"
    return str(text)


def _labels(given: Any, where: str, problems: list[str]) -> tuple[float, ...]:
    values = (
        [] if given is None else list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    )
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError):
        problems.append(f"{where} is {given!r}. Set it to a number, or to a list of them.")
        return ()


def _intensity(declared: Mapping[str, Any], where: str, problems: list[str]) -> Intensity:
    kind, window = declared.get("intensity"), declared.get("window", (-160.0, 240.0))
    if kind not in ("mr", "ct"):
        problems.append(
            f"{where}.intensity is {kind!r}. Set it to mr (z-score in the foreground) or ct (a window in HU)."
        )
        return Intensity(kind="mr")
    if len(window) != 2 or not float(window[0]) < float(window[1]):
        problems.append(f"{where}.window is {list(window)}. Give the lowest and the highest Hounsfield unit.")
        window = (-160.0, 240.0)
    return Intensity(kind=kind, window=(float(window[0]), float(window[1])), clip=float(declared.get("clip", 5.0)))
