"""Whose the samples of variant files are, and what speaks against it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from data_modules.cohort.spellings import bare_id
from data_modules.patient_ids import PatientIds
from fusion.contract import some


def owners(
    samples: Sequence[str], ids: PatientIds, *, labels: Collection[str], known: Collection[str]
) -> dict[str, str]:
    """Sample → patient id, of the samples that are somebody's.

    Args:
        samples: their names.
        ids: as configured.
        labels: samples that are named by their files, less endings. Without a pattern or sheet such a name, or a part
            of it before a dot, or its folder, is the patient, where exactly one of these is `known`.
        known: patients of the cohort's tables.
    """
    matched, _ = ids.map(samples)
    if ids.pattern is not None or ids.sheet is not None:
        return matched
    for name in samples:
        if name in labels and name not in known:
            inside = [part for part in _parts(name) if part in known]
            if len(set(inside)) == 1:
                matched[name] = inside[0]
    return matched


def _parts(label: str) -> list[str]:
    """``P1/somatic.strelka`` → P1, somatic.strelka, somatic."""
    found = []
    for part in PurePosixPath(label).parts:
        pieces = part.split(".")
        found += [".".join(pieces[:end]) for end in range(len(pieces), 0, -1)]
    return found


def strangers_problem(
    samples: Sequence[str], matched: Mapping[str, str], known: Collection[str], origin: str, *, key: str
) -> str:
    """That no sample is of a patient of the cohort's tables, and what can mend it.

    Args:
        samples: of an origin.
        matched: sample → whom it is read as.
        known: patients of the tables.
        origin: somatic or germline.
        key: config key of the modality.
    """
    told = (
        f"{key}: no {origin} sample is of a patient of the cohort: samples {some(samples, 3)} are read as "
        f"{some(list(matched.values()), 3)}, patients are {some(sorted(known), 3)}. "
    )
    alike = {bare_id(one): one for one in known}
    twin = next((name for name, patient in matched.items() if bare_id(patient) in alike), None)
    if twin is None:
        return f"{told}Set {key}.patient_pattern or sample_sheet."
    return (
        f"{told}They differ in letter case, separators or leading zeros alone, which no pattern changes: write them "
        f"alike, or set {key}.sample_sheet: {{file: samples.csv, key: sample, patient: patient}} to a table with a row "
        f"a sample, e.g. {twin},{alike[bare_id(matched[twin])]}."
    )


def several_problem(matched: Mapping[str, str], origin: str, *, key: str) -> list[str]:
    """Patients with several samples: one may be of after therapy, so that merging them would leak."""
    of_patient: dict[str, list[str]] = {}
    for sample, patient in matched.items():
        of_patient.setdefault(patient, []).append(sample)
    several = {patient: names for patient, names in of_patient.items() if len(names) > 1}
    if not several:
        return []
    told = some([f"{patient}: {', '.join(names)}" for patient, names in several.items()], 3)
    return [
        f"{key}: {len(matched)} {origin} samples are of {len(of_patient)} patients; {len(several)} have several "
        f"({told}). A sample taken after therapy must not be an input. Let a pattern take the baseline samples alone "
        f"({key}.patient_pattern, e.g. '^(…)-pre$'), or a sheet with their time ({key}.sample_sheet: {{file, key, "
        f"patient, time}}; rows of baseline count), or set {key}.several_samples=merge where all are of baseline."
    ]


def left_out(samples: Sequence[str], matched: Mapping[str, str], known: Collection[str], *, key: str) -> list[str]:
    """How many samples were found and used, and why others were not."""
    nobody = [name for name in samples if name not in matched]
    others = [name for name, patient in matched.items() if known and patient not in known]
    used = len(matched) - len(others)
    reasons = []
    if nobody:
        reasons.append(f"{len(nobody)} belong to nobody by {key}.patient_pattern or sample_sheet ({some(nobody)})")
    if others:
        reasons.append(f"{len(others)} are of nobody whom the cohort's tables name ({some(others)})")
    if not reasons:
        return []
    return [f"found {len(samples)} samples, used {used}, left out {len(samples) - used} because {'; '.join(reasons)}."]
