"""Radiology volumes as named patches: a token is a patch of one sequence, at one place of a grid in the patient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from data_modules.hashes import same_content
from data_modules.ingest.common.pieces import asked_for
from data_modules.ingest.volumes.find import Found, find_all
from data_modules.ingest.volumes.ingest import PatientVolumes, VolumeRules, entry_for
from data_modules.ingest.volumes.volume_set import VolumeSet, attempt_volumes, ingest_volumes, load_set
from data_modules.modalities.account import Account, by_owner
from data_modules.modalities.base import BaseModality, require_same
from data_modules.modalities.by_name import told_by_names
from data_modules.modalities.quality import volume_quality
from data_modules.modalities.volumes.fitted import FittedVolumes
from data_modules.modalities.volumes.naming import Sorted, sort_volumes
from data_modules.modalities.volumes.settings import VolumeSettings
from data_modules.modalities.volumes.told import several_labels, without_air
from fusion.contract import FittedModality, FusionError, Progress, Quality, State, read_settings
from fusion.contract.errors import some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.cohort.source import CohortSource
    from fusion.contract.pieces import Elsewhere, Piece


class Volumes(BaseModality):
    """The volumes of a cohort.

    Args:
        name: the modality's key.
        source: the cohort it belongs to; relative files start at its root.
        given: fields of `VolumeSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar = VolumeSettings
    elsewhere: Elsewhere | None = None

    def __init__(self, *, name: str, source: CohortSource, **given: Any) -> None:
        super().__init__(name=name, source=source)
        self.settings = read_settings(VolumeSettings, given, at=self.key)
        self._ids = self.settings.patient_ids(source.root)

    @cached_property
    def rules(self) -> VolumeRules:
        """What decides an entry."""
        chosen = self.settings
        return VolumeRules(
            sequences={name: one.scaling for name, one in chosen.sequences.items()},
            grid=chosen.grid,
            centre=chosen.centre or (),
        )

    @property
    def sequences(self) -> tuple[str, ...]:
        """Names of the sequences, in the order of tokens."""
        return tuple(self.settings.sequences)

    @cached_property
    def _found(self) -> Found:
        found = find_all(
            Path(self.source.root), self.settings.files, memo=Path(self.source.cache),
            count=partial(self.telling.count, f"Reading headers of {self.key}"),
        )  # fmt: skip
        names = self._ids.later_names
        gone = {path for one in found.volumes for path in self._ids.later(one.paths[:1])}
        later = [one for one in found.volumes if one.name in names or one.paths[0] in gone]
        if not later:
            return found
        why = {"of another time than baseline by the sample sheet": [one.name for one in later]}
        kept = [one for one in found.volumes if one not in later]
        return replace(found, volumes=kept, left_out={**found.left_out, **why})

    @cached_property
    def _named(self) -> Sorted:
        chosen, found = self.settings, self._found.volumes
        return sort_volumes(found, self._ids, sequences=chosen.sequences, mask=chosen.mask, key=self.key)

    @property
    def account(self) -> Account:
        found, named = self._found, self._named
        left_out = {
            "that no sequence matches": named.unused,
            "DICOM that is no scan, such as SEG and SR": named.things,
            "that do not open and no sequence matches": named.unknown,
            "links to nothing that no sequence matches": [name for name in found.dead if not self._matches(name)],
            **found.left_out,
        }
        left_out = {why: names for why, names in left_out.items() if names}
        used = {file.name: one.patient for one in self.requests for file in one.files.values()}
        total = len(found.volumes) + sum(len(names) for names in found.left_out.values())
        return Account(
            key=self.key,
            noun="volumes and other files",
            found=total + len(left_out.get("links to nothing that no sequence matches", [])),
            left_out=left_out,
            doubles=self.doubles,
            twice=self._same[1],
            remarks=(*named.remarks, *told_by_names(used, key=self.key)),
        )

    @cached_property
    def _same(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """One volume under two patients, and under two sequences of one, as clauses."""
        owned = {file: one.patient for one in self.requests for file in one.files.values()}
        files = {file: file.paths for file in owned}
        told = self.telling.count(f"Comparing files of equal size of {self.key}", len(files))
        same = same_content(files, {file: file.name for file in owned}, memo=Path(self.source.cache), told=told)
        return by_owner(same, owned, name=lambda file: file.name)

    @property
    def doubles(self) -> tuple[str, ...]:
        """One volume under two patients, as clauses."""
        return self._same[0]

    def _matches(self, name: str) -> bool:
        mask = self.settings.mask
        patterns = [one.match for one in self.settings.sequences.values()] + ([] if mask is None else [mask.match])
        return any(re.search(pattern, name) for pattern in patterns)

    @property
    def requests(self) -> list[PatientVolumes]:
        """What to ingest: patients with at least one volume."""
        return [
            PatientVolumes(
                patient=patient,
                files={name: files[name][0] for name in self.sequences if name in files},
                mask=self._named.masks.get(patient, [None])[0],
                labels=() if self.settings.mask is None else self.settings.mask.labels,
            )
            for patient, files in sorted(self._named.volumes.items())
        ]

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self._named.volumes)

    @property
    def absent(self) -> str | None:
        found = self._found
        return None if found.volumes or found.dead else f"no file matches {some(found.empty)} under {self.source.root}"

    @property
    def input_files(self) -> Sequence[Path]:
        """Every file of every volume found, masks among them, and the sample sheet."""
        return [*(path for volume in self._found.volumes for path in volume.paths), *self._ids.files]

    def check(self) -> list[str]:
        problems = self._ids.check(key=self.key)
        if problems:
            return problems
        found = self._found
        if found.empty:
            empty = some(found.empty)
            return [f"{self.key}.files: no file matches {empty}. Point {self.key}.files or cohort.root to them."]
        dead = [name for name in found.dead if self._matches(name)]
        if dead:
            problems.append(
                f"{self.key}: {len(dead)} volumes are links to nothing ({some(dead, 3)}). Fetch what they lead to (of "
                "DataLad: datalad get), or remove these links."
            )
        return problems + self._named.problems(len(found.volumes), needs_mask=self.settings.crop == "mask")

    def prepare(self, progress: Progress) -> None:
        ingest_volumes(
            self.requests,
            self.rules,
            cache=Path(self.source.cache),
            progress=progress,
            workers=self.settings.workers,
            max_failed=self.settings.max_failed,
            name=self.name,
            simulated=self.source.simulated,
            elsewhere=self.elsewhere,
        )
        self.__dict__.pop("ingested", None)

    def make(self, pieces: Sequence[Piece]) -> list[str | None]:
        """Make the entries of these patients, asked for by another machine; of each its error, where it failed.

        Raises:
            FusionError: other volumes lie here; the disk is full.
        """
        cache = Path(self.source.cache)
        requests = asked_for(
            pieces, self.requests, lambda one: entry_for(one, self.rules, cache=cache).key, key=self.key,
            label=lambda one: one.patient,
        )  # fmt: skip
        made = attempt_volumes(requests, self.rules, cache=cache, workers=1)
        errors = {request.patient: error for request, error in made}
        return [errors[request.patient] for request in requests]

    @property
    def failed(self) -> Mapping[str, str]:
        """Patient → the error of their volumes."""
        try:
            return self.ingested.errors
        except FusionError:  # not ingested yet
            return {}

    def quality(self) -> Sequence[Quality]:
        """Volumes read and patients failed."""
        made = volume_quality(self.ingested.folder, self.account)
        several = len(self._named.several_frames)
        notes = {"frames of reference": f"several, of {several} patients"} if several else {}
        ct = [name for name, sequence in self.settings.sequences.items() if sequence.intensity == "ct"]
        said = (*made.said, *without_air(self.ingested.folder, ct, key=self.key))
        if self.settings.mask is not None and not self.settings.mask.labels:
            said = (*said, *several_labels(self.ingested.folder, key=self.key))
        return [replace(made, notes={**made.notes, **notes}, said=said)]

    @cached_property
    def ingested(self) -> VolumeSet:
        """The ingested volumes.

        Raises:
            FusionError: `prepare` has not run.
        """
        cache, simulated = Path(self.source.cache), self.source.simulated
        found = load_set(self.requests, self.rules, cache=cache, simulated=simulated)
        if found is None:
            raise FusionError(
                f"{self.key}: the volumes have not been ingested, or the cache was emptied since: run prepare first."
            )
        return found

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Nothing is learned of patients: intensities and crops are each patient's own, grids the caller's choice."""
        return FittedVolumes(self)

    def restore(self, state: State) -> FittedModality:
        """Read this cohort's volumes as a run's were.

        Raises:
            FusionError: the grid, the sequences or their intensities are not those the weights were trained on.
        """
        require_same(self.identity(), state.config, key=self.key)
        return FittedVolumes(self)

    def identity(self) -> dict[str, Any]:
        """What must agree between the volumes a model was trained on and those it is applied to."""
        grid = self.rules.grid
        return {
            "sequences": [[name, *_plain(how)] for name, how in self.rules.sequences.items()],
            "spacing": list(grid.spacing),
            "size": list(grid.size),
            "patch": list(grid.patch),
            "crop": grid.crop,
            "centre": list(self.rules.centre),
        }


def _plain(how: Any) -> list[Any]:
    """An `Intensity` as JSON gives it back."""
    return [list(value) if isinstance(value, tuple) else value for value in asdict(how).values()]
