"""A cohort table as a modality: baseline columns, imputed, scaled and coded by training patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.columns import Column
from data_modules.errors import CohortError
from data_modules.learned.preprocess import TablePreprocessor
from data_modules.learned.reduction import Reduction
from data_modules.modalities.base import BaseFitted, BaseModality
from data_modules.modalities.tables.settings import TableSettings
from fusion.contract import FusionError, Item, Match, ModalitySpec, Quality, State, read_settings, some

if TYPE_CHECKING:
    from data_modules.cohort.source import CohortSource


class Table(BaseModality):
    """Columns of one cohort table that are known at baseline.

    A patient has the modality who has a known value in at least one of its columns.

    Args:
        name: of the modality.
        source: the cohort.
        given: fields of `TableSettings`.

    Raises:
        SettingsError: settings that cannot be.
    """

    settings_class: ClassVar[Any] = TableSettings

    def __init__(self, *, name: str, source: CohortSource, **given: Any) -> None:
        super().__init__(name=name, source=source)
        self.settings = read_settings(TableSettings, given, at=self.key)
        self.of_table = self._table = self.settings.table

    @cached_property
    def columns(self) -> list[Column]:
        """Declarations of the input columns; optional ones without any value are left out.

        Raises:
            CohortError: one of them cannot be an input.
        """
        columns, problems = self.source.inputs(self._table, self.settings.columns, key=f"modality.{self.name}")
        if problems:
            raise CohortError(self.source.name, problems)
        if not any(column.optional for column in columns):
            return columns
        frame = self.source.read(self._table, require_labels=False).frame
        return [column for column in columns if not column.optional or bool(frame[column.name].notna().any())]

    @property
    def of_columns(self) -> tuple[str, ...]:
        """Columns of its cohort table that it reads."""
        return tuple(column.name for column in self.columns)

    @property
    def known_columns(self) -> int:
        """Columns it reads; a category has a number a level, so that these may be more."""
        return len(self.columns)

    @property
    def absent(self) -> str | None:
        spec = self.source.specs.get(self._table)
        if spec is None or spec.file is None or (self.source.root / spec.file).is_file():
            return None
        return f"there is no file {self.source.root / spec.file}"

    def check(self) -> list[str]:
        key = f"modality.{self.name}"
        columns, problems = self.source.inputs(self._table, self.settings.columns, key=key)
        if not problems and not columns:
            return [f"{key}: table {self._table!r} declares no baseline column. Declare one with time: baseline."]
        return [str(problem) for problem in problems]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Input columns of the patients who have any, index patient_id."""
        frame = self.source.read(self._table, require_labels=False).frame[[column.name for column in self.columns]]
        return frame[frame.notna().any(axis=1)]

    @property
    def patients(self) -> frozenset[str]:
        return frozenset(self.frame.index)

    def quality(self) -> Sequence[Quality]:
        """How many patients and columns were read, and what was found out about the file."""
        read = self.source.read(self._table, require_labels=False)
        counts = {"table": {"patients": len(self.frame), "columns": len(self.columns)}}
        notes = {f"note {number}": note.rstrip(".") for number, note in enumerate(read.notes, start=1)}
        return [Quality(title=self._table, counts=counts, folder=self.source.root, notes=notes)]

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedTable:
        del labels  # imputing and scaling do not look at outcomes
        training = self.frame[self.frame.index.isin(train_ids)]
        if training.empty:
            raise FusionError(
                f"modality.{self.name}: none of {len(train_ids)} training patients is in table {self._table!r}. "
                "Use fewer folds or another table."
            )
        return FittedTable(name=self.name, frame=self.frame, learned=TablePreprocessor.fit(training, self.columns))

    def lacks(self, state: State) -> str | None:
        """Which columns the table does not declare that a model reads, in a sentence that says what to do."""
        lacking = sorted({part.column for part in TablePreprocessor.restore(state).coded} - set(self.frame.columns))
        if not lacking:
            return None
        return (
            f"modality.{self.name}: the model was trained with columns {lacking}, which table {self._table!r} of "
            f"cohort {self.source.name!r} does not declare at baseline. Mend cohort.tables.{self._table}.columns."
        )

    def restore(self, state: State) -> FittedTable:
        lacks = self.lacks(state)
        if lacks is not None:
            raise FusionError(lacks)
        return FittedTable(name=self.name, frame=self.frame, learned=TablePreprocessor.restore(state))

    def given(self, values: Mapping[str, Any], patient_ids: Sequence[str]) -> Table:
        """The same table as if these patients all had `values`, and nobody else anything: for treatments.

        Args:
            values: column → number or text, None where it is not known.
            patient_ids: who has them.
        """
        other = copy(self)
        index = pd.Index(list(patient_ids), name="patient_id", dtype=object)
        other.__dict__["frame"] = pd.DataFrame(
            {name: [value] * len(index) for name, value in values.items()}, index=index
        )
        return other

    def match(self, state: State) -> Match:
        """Columns: the file must have all that the model reads; missing are those without any value.

        Extra are other columns declared as known at baseline. A few new patients may well have no value in a column.
        """
        trained = tuple(dict.fromkeys(part.column for part in TablePreprocessor.restore(state).coded))
        frame = self.source.read(self._table, require_labels=False).frame
        have = [name for name in frame.columns if frame[name].notna().any()]
        declared = self.source.specs[self._table].columns
        extra = tuple(name for name in have if name not in trained and declared[name].time == "baseline")
        missing = tuple(name for name in trained if name not in have)
        return Match(trained=trained, missing=missing, extra=extra, chances=(), notes=tuple(self._strange(state)))

    def _strange(self, state: State) -> Iterator[str]:
        """Numbers on another scale than in training, and categories that nobody had, which are no level."""
        learned = TablePreprocessor.restore(state)
        for column in learned.elsewhere(self.frame):
            known = self.frame[column].dropna()
            yield (
                f"{column} is on another scale than in training (here from {known.min():g} to {known.max():g}): is it "
                f"in another unit? Mend the file, or cohort.tables.{self._table}."
            )
        for column in dict.fromkeys(part.column for part in learned.coded):
            levels = {str(part.level) for part in learned.coded if part.column == column and part.coding == "level"}
            if not levels or column not in self.frame:
                continue
            strange = self.frame[column].dropna()
            counts = strange[~strange.isin(list(levels))].value_counts()
            if len(counts):
                told = some([f"{value!r} ({number} patients)" for value, number in counts.items()])
                yield (
                    f"{column} has values that no training patient had: {told}; the model knows {some(sorted(levels))} "
                    f"and reads these {counts.sum()} of {len(self.frame)} patients as none of them. Spell them as in "
                    "training where they mean the same."
                )


class FittedTable(BaseFitted):
    """A table after fitting: ``(column,)`` float32 a patient, nothing missing."""

    def __init__(self, *, name: str, frame: pd.DataFrame, learned: TablePreprocessor | Reduction) -> None:
        super().__init__(ModalitySpec(name=name, kind="table", features=learned.features))
        self._learned = learned
        self._values = learned.transform(frame)
        self._rows = {str(patient): row for row, patient in enumerate(frame.index)}

    def load(self, patient_id: str) -> Item | None:
        row = self._rows.get(patient_id)
        if row is None:
            return None
        return Item(values=self._values[row], mask=np.ones(self._values.shape[1], dtype=np.bool_))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        names = [feature.name for feature in self.spec.features]
        index = pd.Index(list(self._rows), name="patient_id", dtype=object)
        return pd.DataFrame(self._values, index=index, columns=names).astype(np.float64).reindex(list(patient_ids))

    def state(self) -> State:
        return self._learned.state()
