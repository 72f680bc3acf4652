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
from data_modules.ingest.volumes.grid import Intensity
from data_modules.modalities.base import stray_problem

if TYPE_CHECKING:
    from data_modules.ingest.volumes.files import VolumeFile
    from data_modules.patient_ids import PatientIds

_KEYS = {"match", "time", "intensity", "window", "clip"}


@dataclass(frozen=True, kw_only=True)
class Mask:
    """Mask files: `match` in their names; drawn on the sequence `of`."""

    match: str
    of: str


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """Volumes by patient and sequence.

    Attributes:
        key: of the modality in the configuration.
        volumes: patient → sequence → volumes; one each where all is well.
        masks: patient → masks.
        stray: volumes that a sequence matches and no patient.
        several: volumes that more than one sequence matches.
        unopened: files that are neither NIfTI nor DICOM, so that nobody knows what they are.
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

    def problems(self, total: int, *, needs_mask: bool) -> list[str]:
        """Sentences for `check`; `total` volumes were found."""
        key, problems = self.key, []
        used = [file for one in self.volumes.values() for part in one.values() for file in part]
        used += [file for part in self.masks.values() for file in part]
        broken = sorted({file.problem for file in used if file.problem} | set(self.unopened))
        if broken:
            problems.append(
                f"{key}: {len(broken)} of {total} volumes cannot be used: {some(broken, 3)}. Mend these files, or "
                f"leave them out of {key}.files."
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
                    f"Narrow its `match`, or leave all but one out of {key}.files."
                )
            if not any(name in one for one in self.volumes.values()):
                problems.append(
                    f"{key}.sequences.{name}: its `match` finds none of {total} volumes. Names are paths below "
                    f"cohort.root, for DICOM folder/PatientID/SeriesDescription; mend `match` or take {name} out."
                )
        return problems + self._mask_problems(needs_mask=needs_mask)

    def _mask_problems(self, *, needs_mask: bool) -> list[str]:
        if self.mask is None:
            return []
        key, problems = self.key, []
        twice = [patient for patient, masks in sorted(self.masks.items()) if len(masks) > 1]
        if twice:
            problems.append(f"{key}.mask: {some(twice)} have more than one mask. Narrow {key}.mask.match.")
        other = []
        for patient, masks in sorted(self.masks.items()):
            drawn = self.volumes.get(patient, {}).get(self.mask.of, [])
            if drawn and drawn[0].shape != masks[0].shape and not (drawn[0].problem or masks[0].problem):
                shapes = ["×".join(map(str, file.shape)) for file in (masks[0], drawn[0])]
                other.append(f"{masks[0].name} has {shapes[0]} voxels, {drawn[0].name} {shapes[1]}")
        if other:
            problems.append(
                f"{key}.mask: {len(other)} masks have another shape than the sequence {self.mask.of} they are drawn on "
                f"({some(other, 3)}). Draw them on it, or set {key}.mask.of to the right sequence."
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
        owners, _ = ids.map([file.name for file in files])
        found = Sorted(key=self.key, names=self.names, mask=self.mask)
        for file in files:
            fits = [name for name, match in self.matches.items() if re.search(match, file.name)]
            is_mask = self.mask is not None and re.search(self.mask.match, file.name) is not None
            if file.problem and not file.shape:
                found.unopened.append(file.problem)
            elif is_mask or fits:
                patient = owners.get(file.name)
                if patient is None:
                    found.stray.append(file.name)
                elif is_mask:
                    found.masks.setdefault(patient, []).append(file)
                elif len(fits) > 1:
                    found.several.append(f"{file.name} ({', '.join(fits)})")
                else:
                    found.volumes.setdefault(patient, {}).setdefault(fits[0], []).append(file)
        return found


def parse_sequences(sequences: Mapping[str, Any], mask: Mapping[str, str] | None, *, key: str) -> Sequences:
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
        if set(mask) != {"match", "of"} or mask.get("of") not in sequences:
            problems.append(f"{key}.mask is {dict(mask)}. It takes match and of, a name of {key}.sequences.")
        made = Mask(match=_pattern(mask.get("match"), f"{key}.mask.match", problems), of=str(mask.get("of")))
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
