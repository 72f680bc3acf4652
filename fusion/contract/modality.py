"""A source of measurements on patients: what `data_modules` offers of it and `fusion` asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from fusion.contract.batch import Item
    from fusion.contract.specs import ModalitySpec


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything a fitted modality learned, as JSON-able `config` and named `arrays`; never a pickle."""

    config: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Match:
    """How the features that a model was trained with meet the files of a cohort.

    Attributes:
        trained: features that files name: genes, variants, columns; not what can be counted of any file.
        missing: those of them that no file of the cohort names.
        extra: what the files name and the model does not know.
        chances: of each of `trained`, the probability that as many training patients would name it; empty where a
            missing one says nothing of the cohort.
        absent_is: what a missing one counts as: ``reference`` or ``unknown``; None where files must name all.
        notes: what else a reader of the scores must know, each a sentence: values that were never seen in training.
    """

    trained: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    chances: tuple[float, ...]
    absent_is: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What reading a modality's files found, for the report; names no patient, but for samples left out (`said`).

    Attributes:
        title: what was read, e.g. ``somatic variants``.
        counts: of what (``sites``) → what became of it (``read``, ``kept`` or why it was dropped) → how many.
        notes: what was done or seen → how, in words.
        figure: PNG, where there is one.
        folder: where the tables by sample or slide lie.
        said: sentences that the console says too: what was left out and why, what was found that was not declared.
    """

    title: str
    counts: Mapping[str, Mapping[str, int]]
    folder: Path
    notes: Mapping[str, str] = field(default_factory=dict)
    figure: Path | None = None
    said: tuple[str, ...] = ()


class Progress(Protocol):
    """Where long work says how far it is: called with a step's name, what is done and the total."""

    def __call__(self, step: str, done: int, total: int) -> None: ...


class FittedModality(Protocol):
    """A modality after `Modality.fit`: reads any patient, learns nothing more."""

    @property
    def spec(self) -> ModalitySpec:
        """What an encoder must know of it."""
        ...

    def load(self, patient_id: str) -> Item | None:
        """The patient's tokens, or None where the patient lacks the modality."""
        ...

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """One row a patient in the order asked for, float columns for the classical arms; NaN where missing."""
        ...

    @property
    def selection(self) -> pd.DataFrame | None:
        """Columns feature, gene, rank, selected (bool), where something was selected; else None.

        Rank 1 was selected, 2 and more were not; 0 is kept by configuration, and no selection touched it.
        """
        ...

    def state(self) -> State:
        """Everything it learned."""
        ...


def has(fitted: FittedModality, patient_id: str) -> bool:
    """Whether the patient has the modality; asked of its `has` where it can say so without reading, as slides can."""
    ask = getattr(fitted, "has", None)
    return bool(ask(patient_id)) if ask is not None else fitted.load(patient_id) is not None


MANY_COLUMNS = 500
"""Columns of one modality from which a network learns more by heart than it needs, and attention among them is slow."""

COMPONENTS = 50
"""Principal components of training patients that drafts and plans put in the place of `MANY_COLUMNS` and more."""


def known_columns(modality: Modality) -> int | None:
    """How many numbers a patient has of it once it is fitted, where it knows that before: its own `known_columns`."""
    known: int | None = getattr(modality, "known_columns", None)
    return known


class Modality(Protocol):
    """One source of measurements on patients, bound to a cohort's files."""

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        ...

    @property
    def patients(self) -> frozenset[str]:
        """Who has it."""
        ...

    @property
    def absent(self) -> str | None:
        """Why nothing of it can be read, where the cohort has no file of it at all; else None."""
        ...

    @property
    def input_files(self) -> Sequence[Path]:
        """All that it reads besides the cohort's tables: files, and folders that stand for all below them."""
        ...

    def check(self) -> list[str]:
        """Problems seen from headers and listings alone, each a sentence naming file, value and remedy."""
        ...

    def prepare(self, progress: Progress) -> None:
        """The long, cached, resumable work (ingest); nothing to do when the cache holds the result."""
        ...

    @property
    def failed(self) -> Mapping[str, str]:
        """Patient → why nothing of theirs could be used, of patients whom files name; empty before `prepare`."""
        ...

    def quality(self) -> Sequence[Quality]:
        """What `prepare` found in the files and dropped of them; empty where nothing is ingested."""
        ...

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Learn scalers, filters and selections from `train_ids` (labels aligned) and from nobody else."""
        ...

    def restore(self, state: State) -> FittedModality:
        """The fitted modality a run folder kept, reading this cohort's files."""
        ...

    def match(self, state: State) -> Match | None:
        """How this cohort's files meet a fitted state's features; None where features have no names, as tiles."""
        ...
