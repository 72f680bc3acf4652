"""A wide numeric table as a modality: hundreds of measured features a patient, reduced on training patients alone.

Where features outnumber patients, a network learns them by heart and then listens to them more than to a small modality
that generalises better. So they are screened or projected before any network sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.cohort.examine import Remark
from data_modules.cohort.known import known_ids
from data_modules.errors import CohortError
from data_modules.learned.reduction import Reduction, fit_reduction
from data_modules.modalities.base import BaseModality
from data_modules.modalities.tables.placed import Placed, placed, wide_problems
from data_modules.modalities.tables.remarks import wide_remarks
from data_modules.modalities.tables.set_file import SetFile
from data_modules.modalities.tables.settings import FeatureFileSettings
from data_modules.modalities.tables.table import FittedTable
from data_modules.patient_ids import PatientIds
from data_modules.readers.tables import TableFormat
from data_modules.readers.unreadable import UnreadableError
from data_modules.readers.wide import WideTable, read_wide
from fusion.contract import FusionError, Match, Quality, State, read_settings, some

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource


class Features(BaseModality):
    """Numeric columns of a CSV or TSV file, one row a patient.

    Args:
        name: key in `modality`.
        source: the cohort.
        given: fields of `FeatureFileSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar = FeatureFileSettings

    def __init__(self, *, name: str, source: CohortSource, **given: Any) -> None:
        super().__init__(name=name, source=source)
        self.settings = read_settings(FeatureFileSettings, given, at=self.key)
        chosen = self.settings
        self.path = Path(source.root) / Path(chosen.file).expanduser()
        self._ids = PatientIds(pattern=chosen.id_pattern)
        self._format = TableFormat(
            separator=chosen.separator, decimal=chosen.decimal, encoding=chosen.encoding, sheet=chosen.sheet
        )

    @property
    def absent(self) -> str | None:
        return None if self.path.is_file() else f"there is no file {self.path}"

    @property
    def input_files(self) -> Sequence[Path]:
        return [self.path, *([] if self._sets is None else [self._sets.path])]

    @cached_property
    def _sets(self) -> SetFile | None:
        chosen = self.settings.pathways
        return None if chosen is None else SetFile(chosen, key=f"{self.key}.pathways", root=Path(self.source.root))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """(patient, column) float64, NaN where missing.

        Raises:
            CohortError: the file is absent, lacks the id, or holds what is no number.
        """
        problems = self._file_problems()
        if problems:
            raise CohortError(self.source.name, problems)
        return self._placed.frame

    @cached_property
    def _wide(self) -> WideTable:
        """The file's numbers.

        Raises:
            UnreadableError: it cannot be read with certainty.
        """
        chosen = self.settings
        return read_wide(
            self.path, self._format, key=chosen.id, exclude=set(chosen.exclude), missing=set(chosen.missing),
            limits=chosen.limits,
        )  # fmt: skip

    @cached_property
    def _placed(self) -> Placed:
        """A row a patient, None where a row is nobody's."""
        return placed(self._wide, self._ids, self.settings)

    def _file_problems(self) -> list[str]:
        if not self.path.is_file():
            return [f"{self.key}.file: there is no file {self.path}. Mend {self.key}.file or cohort.root."]
        problems = [*self._format.problems(self.key), *self._ids.check(key=self.key)]
        if problems:
            return problems
        try:
            table = self._placed.frame
        except UnreadableError as error:
            return [f"{self.key}.file: {error.sentence(self.key)}"]
        except OSError as error:
            why = f"{self.path} cannot be read ({error.strerror or error})"
            return [f"{self.key}.file: {why}. Give access to it, or mend {self.key}.file."]
        if not len(table):
            return [f"{self.key}.file: {self.path} has no rows. Mend {self.key}.file."]
        return wide_problems(
            self._wide, self._placed, name=self.path.name, key=self.key, settings=self.settings, ids=self._ids,
            known=known_ids(self.source),
        )  # fmt: skip

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found out about the file, each a sentence."""
        return tuple(f"{self.path.name}: {note}." for note in (*self._wide.notes, *self._placed.notes))

    def quality(self) -> Sequence[Quality]:
        """How many rows and columns were read, and how the file is written where that is unusual."""
        counts = {"table": {"patients": len(self.frame), "columns": self.frame.shape[1]}}
        if self._sets is not None:
            counts["gene sets"] = self._sets.counts(self.frame.columns)
        return [Quality(title=self.name, counts=counts, folder=self.path.parent, said=self.notes)]

    def remarks(self, labels: pd.Series[int]) -> list[Remark]:
        """What is to be looked at in its numbers, of kept patients."""
        return list(wide_remarks(self.path.name, self.key, self.frame, labels))

    @property
    def known_columns(self) -> int:
        """Numbers a patient once the table is reduced."""
        chosen = self.settings
        sets = 0 if self._sets is None else self._sets.usable(self.frame.columns)
        if chosen.components is not None:
            return min(chosen.components, *self.frame.shape) + sets
        if self._sets is not None:
            return sets
        varying = int((self.frame.max() > self.frame.min()).sum())  # of what stays the same nothing is read
        return varying if chosen.screen is None else min(chosen.screen, varying)

    def check(self) -> list[str]:
        problems = self._file_problems()
        return problems if problems or self._sets is None else self._sets.problems(self.frame.columns, self.path.name)

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.frame.index[self.frame.notna().any(axis=1)])

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedFeatures:
        """Impute, scale, screen and project by the training patients in the file.

        Raises:
            FusionError: fewer than three of them are in it.
        """
        position = {patient: at for at, patient in enumerate(train_ids)}
        rows = sorted(set(position) & set(self.patients))  # sums in a fixed order: the state is a function of the set
        if len(rows) < 3:
            raise FusionError(f"{self.key}: {len(rows)} of {len(train_ids)} training patients are in {self.path.name}.")
        y = np.asarray(labels)[[position[patient] for patient in rows]]
        sets = None if self._sets is None else self._sets.genes
        learned = fit_reduction(self.frame.loc[rows], y, self.settings, sets)
        if not learned.features:
            raise FusionError(
                f"{self.key}: among {len(rows)} training patients no column of {self.path.name} varies that is read, "
                f"or too few of any gene set. Lower {self.key}.pathways.least or use fewer folds."
            )
        return FittedFeatures(self.name, frame=self.frame, learned=learned)

    def lacks(self, state: State) -> str | None:
        """Which columns the file lacks that a model reads, in a sentence that says what to do."""
        lacking = sorted(set(Reduction.restore(state).needed) - set(self.frame.columns))
        if not lacking:
            return None
        return (
            f"{self.key}: {self.path.name} lacks columns the model was trained with: {some(lacking)}. Add them to the "
            "file under these names, empty where they were not measured."
        )

    def restore(self, state: State) -> FittedFeatures:
        lacks = self.lacks(state)
        if lacks is not None:
            raise FusionError(lacks)
        return FittedFeatures(self.name, frame=self.frame, learned=Reduction.restore(state))

    def match(self, state: State) -> Match:
        """Columns: all that the model reads must be there."""
        learned = Reduction.restore(state)
        note = (
            f"most columns of {self.path.name} are on another scale than in training: counts for logarithms, another "
        )
        note += "unit or normalisation? Write them as in training."
        known = set(state.config["ranking"]["feature"])  # what the training file had, kept or not
        return Match(
            trained=learned.needed,
            missing=tuple(name for name in learned.needed if name not in self.frame.columns),
            extra=tuple(name for name in self.frame.columns if name not in known),
            chances=(1.0,) * len(learned.needed),
            notes=(note,) if learned.elsewhere(self.frame) > 0.5 else (),
        )


class FittedFeatures(FittedTable):
    """The reduced table of every patient of a cohort who has a value."""

    def __init__(self, name: str, *, frame: pd.DataFrame, learned: Reduction) -> None:
        super().__init__(name=name, frame=frame[frame.notna().any(axis=1)], learned=learned)
        self._ranking = learned.ranking

    @property
    def selection(self) -> pd.DataFrame | None:
        """Which columns the screening kept; None where all were."""
        return None if bool(self._ranking["selected"].all()) else self._ranking
