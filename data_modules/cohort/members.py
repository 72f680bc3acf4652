"""Who a table or modality of a cohort names, and what speaks against the ids that it names."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from data_modules.cohort.spellings import ids_alike, samples_of_one
from data_modules.errors import Problem
from fusion.contract import Modality, some


@dataclass(frozen=True, kw_only=True)
class Members:
    """Who a table or modality names.

    Attributes:
        name: of the table's file or of the modality.
        key: config key that mends it.
        patients: their ids.
        witness: False for a modality that reads a cohort table: it adds no evidence that an id is a patient's.
        failed: patient → why ingest could use nothing of theirs; they are named, and lack it all the same.
    """

    name: str
    key: str
    patients: frozenset[str]
    witness: bool = True
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def present(self) -> frozenset[str]:
        """Who has it, and not its name alone."""
        return self.patients - self.failed.keys()

    def note(self) -> str:
        """A sentence on patients of whom ingest could use nothing."""
        said = some([f"{patient}: {why}" for patient, why in self.failed.items()], 3)
        return f"{self.key}: nothing of {len(self.failed)} patients could be used, who count as lacking it ({said})"


def look_at_modalities(
    modalities: Mapping[str, Modality], members: list[Members], problems: list[Problem | str], notes: list[str]
) -> None:
    """Add whom each modality has, what is wrong with its files that nothing before it told, and what is to be known."""
    for name, modality in modalities.items():
        wrong = [problem for problem in modality.check() if problem not in problems]
        problems += wrong
        if wrong:
            continue
        account = getattr(modality, "account", None)
        if account is not None and account.notable:
            notes.append(str(account))
        notes += getattr(modality, "notes", ())
        part = Members(
            name=name,
            key=f"modality.{name}",
            patients=modality.patients,
            witness=getattr(modality, "of_table", None) is None,
            failed={one: why for one, why in modality.failed.items() if one in modality.patients},
        )
        members.append(part)
        notes += [part.note()] if part.failed else []


def strangers(members: list[Members], pattern: str | None) -> list[Problem]:
    """Ids that do not look like a patient's."""
    if pattern is None:
        return []
    problems = []
    for part in members:
        strange = tuple(sorted(one for one in part.patients if not re.fullmatch(pattern, one)))
        if strange:
            remedy = f"Mend the id_pattern or patient_pattern of {part.key}, or cohort.patients_pattern"
            what = f"{part.name} has ids that do not match {pattern!r}"
            problems.append(Problem(what=what, remedy=remedy, examples=strange))
    return problems


def one_as_two(members: list[Members], *, grouped: bool) -> list[Problem]:
    """Ids of which one patient has several; samples may be cases of their own where `grouped` keeps them together."""
    return [*written_twice(members), *([] if grouped else several_samples(members))]


def written_twice(members: list[Members]) -> list[Problem]:
    """Ids that differ in letter case, separators, leading zeros or ``.0`` alone: one patient would count as two.

    Who is two has half of their data in each, and may be trained on by the one and tested by the other.
    """
    places: dict[str, str] = {}
    for part in members:
        for one in part.patients:
            places.setdefault(one, part.name)
    groups = ids_alike(places)
    if not groups:
        return []
    examples = tuple(" and ".join(f"{one!r} ({places[one]})" for one in group) for group in groups)
    what = "ids that differ in letter case, separators, leading zeros or '.0' alone: one patient would count as two"
    remedy = (
        "Write them in one way in the files, by the table's id_pattern (e.g. '^0*(.+?)(?:[.]0)?$' takes leading zeros "
        "and .0 away) or by a modality's sample_sheet; where they are different patients, set cohort.ids_alike=distinct"
    )
    return [Problem(what=what, remedy=remedy, examples=examples, whole=True)]


def several_samples(members: list[Members]) -> list[Problem]:
    """Files whose ids are of samples, some of them of one patient, who would be trained on and tested by."""
    problems = []
    for part in members:
        groups = samples_of_one(part.patients) if part.witness else {}
        if not groups:
            continue
        patient = next(iter(groups))
        pattern = r"^(TCGA-\w{2}-\w{4})" if patient.upper().startswith("TCGA-") else "^(.+)[-_. ][a-z]+$"
        if part.key.startswith("cohort.tables."):
            remedy = (
                f"Set {part.key}.id to a column of patients, or {part.key}.id_pattern to {pattern!r}, and name the "
                f"rows that count by {part.key}.rows: {{<column>: [<values>]}}"
            )
        else:
            end = groups[patient][0].removeprefix(patient)
            one = f"{pattern.removesuffix('[-_. ][a-z]+$')}{end}"
            remedy = f"Let the id_pattern or patient_pattern of {part.key} take one sample of each alone, e.g. {one!r}"
        remedy += "; where samples are cases of their own, set cohort.group to the column of their patient"
        what = f"{part.name} has ids of several samples of one patient, who would count as several patients"
        examples = tuple(" and ".join(group) for group in groups.values())
        problems.append(Problem(what=what, remedy=remedy, examples=examples))
    return problems


def unmatched(members: list[Members], tolerated: float) -> list[Problem]:
    """Tables and modalities too many of whose patients appear nowhere else."""
    witnesses = [part for part in members if part.witness]
    problems: list[Problem] = []
    if len(witnesses) < 2:
        return problems
    counts = Counter(patient for part in witnesses for patient in part.patients)
    twins = {one for group in ids_alike(counts) for one in group}  # whom `written_twice` tells
    for part in witnesses:
        others = frozenset().union(*(other.patients for other in witnesses if other is not part))
        alone = tuple(sorted(one for one in part.patients - others if one not in twins))
        if not part.patients:
            remedy = f"Mend its files or patient_pattern ({part.key})"
            problems.append(Problem(what=f"{part.name} names no patient", remedy=remedy))
        elif len(alone) == len(part.patients) and others:
            written = f"Their ids are probably written otherwise, e.g. {min(others)!r} elsewhere"
            remedy = f"{written}: mend its id_pattern or patient_pattern ({part.key})"
            problems.append(
                Problem(
                    what=f"no patient of {part.name} is in any other file", remedy=remedy, examples=alone, whole=True
                )
            )
        elif len(alone) > tolerated * len(part.patients):
            share = len(alone) / len(part.patients)
            what = f"{share:.0%} of the patients of {part.name} are in no other file"
            remedy = (
                f"Mend its id_pattern or patient_pattern ({part.key}), or raise cohort.max_unmatched={tolerated} to "
                f"{math.ceil(100 * share) / 100:g} where there is nothing more of them"
            )
            problems.append(Problem(what=what, remedy=remedy, examples=alone))
    return problems
