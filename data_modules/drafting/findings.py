"""All that was found in a folder, before a line of YAML is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from data_modules.drafting.columns import ColumnFacts
from data_modules.drafting.genomes import Genome
from data_modules.drafting.ids import Choices, Join, patient_in
from data_modules.drafting.listing import Listing
from data_modules.drafting.pictures import Pictures
from data_modules.drafting.tables import Table
from data_modules.drafting.words import Hint
from data_modules.readers.numbers import is_unknown

Form = Literal["columns", "wide", "turned"]
Ask = Literal["", "table", "own"]


@dataclass(frozen=True, kw_only=True)
class DraftColumn:
    """A column and what is proposed for it.

    Attributes:
        facts: as it is.
        hint: of a time after baseline, by its name or its file's.
        left_out: why it is written as a comment; empty where it is declared.
        ask: where its time is asked for: with others at the table's ``time:``, or at its ``own``; empty with `hint`.
        waits: it is left out for nothing but its time, and can be declared by taking the ``#`` away.
    """

    facts: ColumnFacts
    hint: Hint | None = None
    left_out: str = ""
    ask: Ask = ""
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class DraftTable:
    """A table of patients that is joined to the others.

    Attributes:
        table: as read.
        join: its patients.
        columns: but for ids.
        form: ``wide`` and ``turned`` (patients in columns) become a modality of features.
        outcome: what its name says of all of it.
        named_by: of ``turned``, the column that names its rows.
        features: of ``turned``, how many it names.
        settings: of ``wide`` and ``turned``: key → value and why.
        choices: of names of samples, where some patients have several.
        several: patients with several rows.
        rows: the column by whose values the user says which rows count, and these with their numbers.
    """

    table: Table
    join: Join
    columns: tuple[DraftColumn, ...]
    form: Form = "columns"
    outcome: Hint | None = None
    named_by: str = ""
    features: int = 0
    settings: Mapping[str, tuple[object, str]] = field(default_factory=dict)
    choices: Choices | None = None
    several: int = 0
    rows: tuple[str, tuple[tuple[str, int], ...]] | None = None

    @property
    def owners(self) -> list[str | None]:
        """The patient of each row; None where a row is nobody's."""
        if len(self.join.patients) == len(self.table.frame):
            return list(self.join.patients)
        cells = self.table.frame[self.join.column]
        return [None if is_unknown(cell) else patient_in(cell, self.join.pattern, paths=False) for cell in cells]

    def by_patient(self, column: str) -> dict[str, str]:
        """Patient → known value of a column, the last of several."""
        cells = zip(self.owners, self.table.frame[column], strict=True)
        return {owner: cell for owner, cell in cells if owner is not None and not is_unknown(cell)}

    @property
    def declared(self) -> list[DraftColumn]:
        """Columns that are not left out."""
        return [column for column in self.columns if not column.left_out]

    @property
    def inputs(self) -> list[DraftColumn]:
        """Columns that may be inputs."""
        return [column for column in self.declared if column.hint is None]

    @property
    def mixed(self) -> bool:
        """Whether some columns are of a time after baseline, so that the others may be, too."""
        return any(column.hint is not None for column in self.columns)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A modality of files.

    Attributes:
        key: its name.
        kind: choice of ``conf/modality``.
        join: its patients.
        files: below the folder.
        patterns: globs of them.
        genomes: of variants.
        pictures: of slides, features and volumes.
        table: of MAF and segments.
        sequences: of volumes: name → (match, intensity, reason).
        copies: of these, those that hold volumes of another one: name → why it is left out.
        names: of variants, where the patient is named.
        choices: of names of samples, where some patients have several.
    """

    key: str
    kind: Literal["variants", "maf", "copy_number", "slides", "tile_features", "volumes"]
    join: Join
    files: tuple[str, ...]
    patterns: tuple[str, ...]
    genomes: tuple[Genome, ...] = ()
    pictures: Pictures | None = None
    table: Table | None = None
    sequences: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    names: str = "column"
    choices: Choices | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A column that may be the endpoint.

    Attributes:
        table: key.
        column: name.
        counts: value → how many patients, the most frequent first.
        positive: proposed, where the values tell.
        negative: likewise.
        reason: why it may be one.
        time: of survival, the column of the time until the event; `column` then tells the event.
        unit: of `time`, where its name says so.
    """

    table: str
    column: str
    counts: tuple[tuple[str, int], ...]
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    reason: str = ""
    time: str | None = None
    unit: str | None = None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A folder, looked at.

    Attributes:
        name: of the cohort.
        root: the folder, as given.
        listing: of its files.
        tables: joined ones.
        sources: modalities of files.
        left: file → why it is left out.
        candidates: for the endpoint, the likeliest first.
        notes: what to look at, in sentences.
        alone: source → share of its patients who are in no other.
        build: GRCh37, GRCh38, ``???`` where files differ or none says; None where no variants are read.
        kept: of the first candidate: who has a label and something to learn from, and
        dropped: reason → how many have not.
    """

    name: str
    root: str
    listing: Listing
    tables: tuple[DraftTable, ...]
    sources: tuple[Source, ...]
    left: dict[str, str]
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    alone: dict[str, float]
    build: str | None = None
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
