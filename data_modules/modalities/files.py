"""Modalities of files that are a patient's each: which file is whose, and what speaks against the mapping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from data_modules.errors import some
from data_modules.modalities.base import BaseModality, listed_files, no_files, stray_problem
from data_modules.patient_ids import PatientIds

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource


class FileModality(BaseModality):
    """A modality whose files are mapped to patients by their names; several files of a patient make one bag.

    Args:
        name: the modality's key.
        source: the cohort it belongs to; relative files start at its root.
        files: paths or globs.
        patient_pattern: regular expression that finds the patient id in a file name; group ``patient`` or the first.
        sample_sheet: ``{file, key, patient}`` instead: columns with file names and patient ids.
    """

    noun: ClassVar[str] = "files"
    """What the files are, for messages."""

    same_name: ClassVar[str] = "patients and results could be mixed up"
    """What is to be feared where two folders hold a file of the same name."""

    def __init__(
        self,
        *,
        name: str,
        source: CohortSource,
        files: str | Sequence[str],
        patient_pattern: str | None,
        sample_sheet: Mapping[str, str] | None,
    ) -> None:
        super().__init__(name=name, source=source)
        self._files = files
        self._ids = PatientIds(pattern=patient_pattern, sheet=sample_sheet, root=Path(source.root))

    @cached_property
    def paths(self) -> list[Path]:
        """The files, sorted."""
        return self.one_each(listed_files(self.source, self._files, key=self.key)[0])

    def one_each(self, found: list[Path]) -> list[Path]:
        """Of what the patterns match, the files that stand for one thing each: all, unless a subclass says so."""
        return found

    @cached_property
    def by_patient(self) -> dict[str, list[Path]]:
        """Patient id → files."""
        matched, _ = self._ids.map([path.name for path in self.paths])
        bags: dict[str, list[Path]] = {}
        for path in self.paths:
            if path.name in matched:
                bags.setdefault(matched[path.name], []).append(path)
        return bags

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.by_patient)

    @property
    def absent(self) -> str | None:
        return no_files(self.source, self._files)

    def check_mapping(self) -> list[str]:
        """Patterns that match no file, and a mapping that cannot be used."""
        return listed_files(self.source, self._files, key=self.key)[1] + self._ids.check(key=self.key)

    def check_names(self) -> list[str]:
        """Files that belong to nobody, and names that are there twice."""
        names = [path.name for path in self.paths]
        _, stray = self._ids.map(names)
        problems = [stray_problem(stray, len(names), noun=self.noun, key=self.key)] if stray else []
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            problems.append(
                f"{self.key}.files: the same file name lies in several folders ({some(twice)}): {self.same_name}. "
                f"Rename them, or narrow {self.key}.files to one folder."
            )
        return problems
