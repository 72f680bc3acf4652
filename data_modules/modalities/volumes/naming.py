"""Whose a volume is and which sequence: the declarations of a cohort, and what speaks against its files.

A sequence is a named time point and contrast, e.g. ``t1_pre`` and ``t1_post``. Each volume's name is searched by the
``match`` of every sequence; one that none matches (a localiser) is left aside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from data_modules.ingest.volumes.dicom_headers import looks_like_dicom
from data_modules.ingest.volumes.geometry import mask_problem, overlap
from data_modules.modalities.base import stray_problem
from data_modules.patient_ids import bare_name
from fusion.contract import some

if TYPE_CHECKING:
    from data_modules.ingest.volumes.files import VolumeFile
    from data_modules.modalities.volumes.settings import MaskSettings, SequenceSettings
    from data_modules.patient_ids import PatientIds

_APART = 0.05
"""Share of the smaller of two volumes that lies in the other, below which they show different places."""
_DICOM = (".dcm", ".ima", ".dicom", ".nii", ".gz", ".nrrd", ".nhdr", ".mha", ".mhd", "")
"""Endings of files that are volumes or parts of one, even where they do not open."""


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
        others: DICOM series of one patient by their path and of another by PatientID, as clauses.
        things: DICOM that is no scan (SEG, RTSTRUCT, SR …), whatever its name, unless the mask is to be one.
        mask: the declaration.
        names: of sequences.
    """

    key: str
    names: tuple[str, ...]
    mask: MaskSettings | None
    volumes: dict[str, dict[str, list[VolumeFile]]] = field(default_factory=dict)
    masks: dict[str, list[VolumeFile]] = field(default_factory=dict)
    stray: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    things: list[str] = field(default_factory=list)

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
        """For the account: what lies at places that nobody says, or that nobody says agree."""
        lost = [file.name for one in self.volumes.values() for part in one.values() for file in part if _is_lost(file)]
        told = (
            f"{len(lost)} volumes ({some(sorted(lost), 3)}) begin at 0, 0, 0 and have voxels of 1 mm along the axes, "
            "as files whose header was lost: if it was, their spacing and sides are wrong"
        )
        return (*self._frames, *((told,) if lost else ()))

    @property
    def _frames(self) -> tuple[str, ...]:
        """Sequences laid on one another by places that nobody says agree."""
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
        if self.others:
            problems.append(
                f"{key}: {len(self.others)} DICOM series are of one patient by their path and of another by PatientID "
                f"({some(self.others, 3)}). Rename what is wrong; or have {key}.patient_pattern find the PatientID, "
                "the last folder but one of a name: '([^/]+)/[^/]+$'; or say in a sample_sheet whose they are."
            )
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


def sort_volumes(
    files: Sequence[VolumeFile],
    ids: PatientIds,
    *,
    sequences: Mapping[str, SequenceSettings],
    mask: MaskSettings | None,
    key: str,
) -> Sorted:
    """Give every volume its patient and sequence.

    Args:
        files: what was found.
        ids: a volume's name → patient.
        sequences: as declared, by name.
        mask: as declared.
        key: of the modality in the configuration.
    """
    owners = volume_owners(files, ids)
    found = Sorted(key=key, names=tuple(sequences), mask=mask)
    for file in files:
        fits = [name for name, one in sequences.items() if re.search(one.match, file.name)]
        is_mask = mask is not None and re.search(mask.match, file.name) is not None
        if file.problem and not file.shape:
            strange = file.paths[0].suffix.lower() not in _DICOM and not looks_like_dicom(file.paths[0])
            if strange and not (is_mask or fits):
                found.unknown.append(file.name)
            else:
                found.unopened.append(file.problem)
        elif file.thing and not is_mask:
            found.things.append(file.name)
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
    if ids.sheet is None:
        found.others.extend(_of_others(found, ids, owners))
    return found


def _of_others(found: Sorted, ids: PatientIds, owners: Mapping[VolumeFile, str]) -> list[str]:
    """Series whose PatientID names another patient of the cohort than their path.

    Ids of strangers tell nothing, nor do those that mostly differ: they were numbered anew, or are all the same.
    """
    used = [file for one in found.volumes.values() for part in one.values() for file in part]
    used += [file for part in found.masks.values() for file in part]
    said = {file: file.patient for file in used if file.patient}
    told: dict[VolumeFile, tuple[str, str]] = {}  # by its path, and by PatientID
    if ids.pattern is None:
        for file, patient in said.items():
            folders = [part for part in file.paths[0].parent.parts if part in found.volumes]
            told |= {file: (patient if patient in folders else folders[-1], patient)} if folders else {}
    else:
        named, _ = ids.map(said.values())
        told = {file: (owners[file], named.get(patient, patient)) for file, patient in said.items()}
    known = {file: both for file, both in told.items() if both[1] in found.volumes}
    wrong = [f"{file.name}: {one} and {other}" for file, (one, other) in known.items() if one != other]
    return wrong if 2 * len(wrong) < len(known) else []


def _is_lost(file: VolumeFile) -> bool:
    """Whether an affine is the identity, which programs write where they know none."""
    return file.affine is not None and file.kind == "nifti" and bool(np.array_equal(file.matrix, np.eye(4)))


def volume_owners(files: Sequence[VolumeFile], ids: PatientIds) -> dict[VolumeFile, str]:
    """Volume → patient: by a pattern or sheet on its name, else the file's name, or the PatientID of DICOM."""
    if ids.pattern is None and ids.sheet is None:
        told = {file: bare_name(file.paths[0].name) if file.kind != "dicom" else file.patient for file in files}
        return {file: patient for file, patient in told.items() if patient}
    named, _ = ids.map([file.name for file in files])
    by_path, _ = ids.map_files([file.paths[0] for file in files if file.name not in named and file.kind != "dicom"])
    found = {file: named.get(file.name) or by_path.get(file.paths[0]) for file in files}
    return {file: patient for file, patient in found.items() if patient}
