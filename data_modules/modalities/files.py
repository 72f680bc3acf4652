"""Modalities of files that are a patient's each: which file is whose, and what speaks against the mapping."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from data_modules.files import Listing, list_files
from data_modules.hashes import same_content
from data_modules.modalities.account import Account, by_owner
from data_modules.modalities.base import BaseModality, no_files, stray_problem
from data_modules.modalities.by_name import told_by_names
from data_modules.patient_ids import below
from fusion.contract import some

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_modules.cohort.source import CohortSource
    from data_modules.modalities.settings import FileSettings


class FileModality(BaseModality):
    """A modality whose files are mapped to patients by their names or paths; several files of a patient make one bag.

    Args:
        name: the modality's key.
        source: the cohort it belongs to; relative files start at its root.
        settings: which files, and how their names or paths tell their patient.
    """

    noun: ClassVar[str] = "files"
    """What the files are, for messages."""

    same_name: ClassVar[str] = "patients and results could be mixed up"
    """What is to be feared where two folders hold a file of the same name of one patient."""

    def __init__(self, *, name: str, source: CohortSource, settings: FileSettings) -> None:
        super().__init__(name=name, source=source)
        self._files = settings.files
        self._ids = settings.patient_ids(source.root)

    @cached_property
    def _listing(self) -> Listing:
        return list_files(Path(self.source.root), self._files)

    @cached_property
    def _sorted_out(self) -> tuple[list[Path], dict[str, list[Path]]]:
        kept, left_out = self.sort_out(self._listing.found)
        later = set(self._ids.later(kept))
        if later:
            left_out = {**left_out, "of another time than baseline by the sample sheet": sorted(later)}
        return [path for path in kept if path not in later], left_out

    @property
    def paths(self) -> list[Path]:
        """The files, sorted."""
        return self._sorted_out[0]

    def sort_out(self, found: list[Path]) -> tuple[list[Path], dict[str, list[Path]]]:
        """Of what the patterns match, the files that stand for one thing each; why → the others.

        All stand for themselves, unless a subclass says so.
        """
        return found, {}

    @property
    def account(self) -> Account:
        left_out = {"hidden": self._listing.hidden, **self._sorted_out[1], "links to nothing": self._dead[1]}
        root = Path(self.source.root)
        named = {below(root, path): patient for path, patient in self._mapped[0].items()}
        return Account(
            key=self.key,
            noun="files",
            found=len(self._listing.found) + len(self._listing.hidden) + len(self._dead[1]),
            left_out={why: [below(root, path) for path in them] for why, them in left_out.items() if them},
            doubles=self.doubles,
            twice=self.twice,
            remarks=told_by_names(named, key=self.key),
        )

    def is_wanted(self, name: str) -> bool:
        """Whether a file of this name, which cannot be opened, would be one of the modality's."""
        return bool(name)

    @property
    def _dead(self) -> tuple[list[Path], list[Path]]:
        """Links to nothing: those that would be the modality's files, and the rest."""
        wanted = [path for path in self._listing.dead if self.is_wanted(path.name)]
        return wanted, [path for path in self._listing.dead if path not in wanted]

    @cached_property
    def names(self) -> dict[Path, str]:
        """File → how results and messages call it: its name, or its path below the root where others have that name."""
        often = Counter(path.name for path in self.paths)
        root = Path(self.source.root)
        return {path: path.name if often[path.name] == 1 else below(root, path) for path in self.paths}

    def told_patients(self) -> dict[Path, str]:
        """The patient that a file itself names, which counts where neither pattern nor sheet is set."""
        return {}

    @cached_property
    def _mapped(self) -> tuple[dict[Path, str], list[Path]]:
        return self._ids.map_files(self.paths, told=self.told_patients())

    @property
    def input_files(self) -> Sequence[Path]:
        """Every file that the patterns match, and the sample sheet."""
        return [*self._listing.found, *self._ids.files]

    @cached_property
    def by_patient(self) -> dict[str, list[Path]]:
        """Patient id → files."""
        matched, _ = self._mapped
        bags: dict[str, list[Path]] = {}
        for path, patient in matched.items():
            bags.setdefault(patient, []).append(path)
        return bags

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.by_patient)

    @property
    def absent(self) -> str | None:
        return no_files(self.source, self._files)

    def check_mapping(self) -> list[str]:
        """Patterns that match no file, links to nothing, and a mapping that cannot be used."""
        problems = []
        if self._listing.empty:
            problems.append(
                f"{self.key}.files: no file matches {some(self._listing.empty)}. Point {self.key}.files or cohort.root "
                "to them."
            )
        elif not self.paths and not self._dead[0]:
            problems.append(f"{self.account}. Point {self.key}.files to {self.noun}.")
        dead, root = self._dead[0], Path(self.source.root)
        if dead:
            told = [f"{below(root, path)} → {path.readlink()}" for path in dead]
            problems.append(
                f"{self.key}: {len(dead)} {self.noun} are links to nothing ({some(told, 3)}). Fetch what they lead to "
                f"(of DataLad: datalad get), or remove these links."
            )
        return problems + self._ids.check(key=self.key)

    def check_names(self) -> list[str]:
        """Files that belong to nobody or are one thing under two names."""
        root = Path(self.source.root)
        _, stray = self._mapped
        problems = []
        if stray:
            problems.append(
                stray_problem([below(root, path) for path in stray], len(self.paths), noun=self.noun, key=self.key)
            )
        other = self._of_others()
        if other:
            problems.append(
                f"{self.key}: {len(other)} {self.noun} are of one patient by their path and of another by PatientID "
                f"({some(other, 3)}). Rename what is wrong, or say in a sample_sheet whose they are."
            )
        unsure = self._ids.unsure(self.paths)
        if unsure:
            problems.append(
                f"{self.key}.sample_sheet knows {len(unsure)} {self.noun} by a name that several have "
                f"({some([below(root, path) for path in unsure])}). Name them there by their path below cohort.root."
            )
        twice = sorted(
            f"{patient}: {name}"
            for patient, bag in self.by_patient.items()
            for name, count in Counter(path.name for path in bag).items()
            if count > 1
        )
        if twice and not unsure:
            problems.append(
                f"{self.key}.files: a patient has files of the same name in several folders ({some(twice)}): "
                f"{self.same_name}. Rename them, narrow {self.key}.files to one folder, or let patient_pattern find "
                "the patient in the path."
            )
        return problems

    def _of_others(self) -> list[str]:
        """Files that name another patient of the cohort than their path; ids that mostly differ tell nothing."""
        told = {} if self._ids.sheet is not None else self.told_patients()
        root, known = Path(self.source.root), dict[Path, str]()
        for path, patient in told.items():
            folders = [part for part in below(root, path.parent).split("/") if part in self.patients]
            by_folder = patient if patient in folders else folders[-1] if folders else None
            by_path = by_folder if self._ids.pattern is None else self._mapped[0].get(path)
            if by_path is not None and patient in self.patients:
                known[path] = by_path
        wrong = [path for path, by_path in known.items() if by_path != told[path]]
        mostly = 2 * len(wrong) >= len(known)
        return [] if mostly else [f"{below(root, path)}: {known[path]} and {told[path]}" for path in wrong]

    def parts(self, path: Path) -> list[Path]:
        """All files that hold the content of one."""
        return [path]

    @cached_property
    def _same(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """One content under two patients, and twice for one, as clauses; only files of equal size are hashed."""
        owned = {path: patient for patient, bag in self.by_patient.items() for path in bag}
        files = {path: self.parts(path) for path in owned}
        told = self.telling.count(f"Comparing files of equal size of {self.key}", len(files))
        same = same_content(files, {path: str(path) for path in owned}, memo=Path(self.source.cache), told=told)
        return by_owner(same, owned, name=self.names.__getitem__)

    @property
    def doubles(self) -> tuple[str, ...]:
        """One content under two patients, as clauses."""
        return self._same[0]

    @property
    def twice(self) -> tuple[str, ...]:
        """One content twice for a patient, as clauses."""
        return self._same[1]
