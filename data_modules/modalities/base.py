"""What modalities share: who a file or sample belongs to, a default for what most do not need, and state on disk.

A modality is built by Hydra as ``Target(name=<its key>, source=<CohortSource>, **its YAML)`` and follows
`fusion.contract.Modality`; what `fit` returns follows `fusion.contract.FittedModality`. Subclassing is a convenience.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from data_modules.files import find_files
from fusion.contract import FittedModality, FusionError, Item, Match, ModalitySpec, Progress, Quality, State, some
from fusion.contract.telling import Telling

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data_modules.cohort.source import CohortSource
    from data_modules.modalities.account import Account


class BaseModality(ABC):
    """A source of measurements, bound to a cohort's files.

    Attributes:
        of_table: the cohort table it reads, for modalities that read one; such a modality cannot vouch for that
            table's ids when the cohort is reconciled.
        handcrafted: whether its table holds hand-crafted features of images, which the arm of that name learns from.
        telling: what is told how far the reading of headers is.
    """

    of_table: str | None = None
    handcrafted: bool = False
    telling: Telling = Telling()

    def __init__(self, *, name: str, source: CohortSource) -> None:
        self._name = name
        self.source = source

    @property
    def name(self) -> str:
        """Its key in the configuration."""
        return self._name

    @property
    def key(self) -> str:
        """Where this modality stands in the configuration."""
        return f"modality.{self.name}"

    @property
    @abstractmethod
    def patients(self) -> frozenset[str]:
        """Who has it; reads listings and headers only."""

    @property
    def absent(self) -> str | None:
        """Why nothing of it can be read, where the cohort has no file of it at all; else None."""
        return None

    @property
    def account(self) -> Account | None:
        """What became of the files or samples that were found, for the console; None where nothing is sorted out."""
        return None

    @property
    def input_files(self) -> Sequence[Path]:
        """All that it reads besides the cohort's tables: nothing, unless a subclass says so."""
        return ()

    @abstractmethod
    def check(self) -> list[str]:
        """Problems that can be seen from headers and listings alone."""

    def prepare(self, progress: Progress) -> None:  # noqa: B027 — most modalities have nothing to ingest
        """Do the long, cached work, of which there is none here."""

    @property
    def failed(self) -> Mapping[str, str]:
        """Patient → why nothing of theirs could be used: nobody, unless a subclass ingests."""
        return {}

    def quality(self) -> Sequence[Quality]:
        """What ingest found and dropped, for the report; nothing, unless a subclass ingests."""
        return ()

    @abstractmethod
    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Learn from `train_ids` (labels aligned) and from nobody else."""
        ...

    @abstractmethod
    def restore(self, state: State) -> FittedModality:
        """The fitted modality that a run folder kept, reading this cohort's files."""
        ...

    def match(self, state: State) -> Match | None:
        """Nothing is matched by name, unless a subclass says so."""
        del state
        return None


class BaseFitted(ABC):
    """A modality that learned what it will; selects nothing unless a subclass says so."""

    def __init__(self, spec: ModalitySpec) -> None:
        self._spec = spec

    @property
    def spec(self) -> ModalitySpec:
        """What an encoder must know of it."""
        return self._spec

    @abstractmethod
    def load(self, patient_id: str) -> Item | None:
        """The patient's tokens, or None where the patient lacks the modality."""
        ...

    @abstractmethod
    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """One row a patient in the order asked for, float columns; NaN where missing."""
        ...

    @property
    def selection(self) -> pd.DataFrame | None:
        """Nothing is selected, unless a subclass says so."""
        return None

    @abstractmethod
    def state(self) -> State:
        """Everything it learned; never a pickle."""
        ...


def no_files(source: CohortSource, files: str | Sequence[str]) -> str | None:
    """Why a modality is absent: none of its patterns matches a file. None where some does."""
    found, empty = find_files(source.root, files)
    return None if found else f"no file matches {some(empty)} under {source.root}"


def stray_problem(stray: Sequence[str], total: int, *, noun: str, key: str) -> str:
    """A sentence for `check` on files that `PatientIds` gives to nobody.

    Args:
        stray: their names.
        total: how many files there are.
        noun: what they are, e.g. ``slides``.
        key: config key of the modality, e.g. ``modality.slides``.
    """
    return (
        f"{key}: {len(stray)} of {total} {noun} belong to no patient ({some(stray)}). Mend {key}.patient_pattern "
        f"(searched in names, then in paths below cohort.root) or {key}.sample_sheet, or narrow {key}.files."
    )


def require_same(mine: Mapping[str, Any], trained: Mapping[str, Any], *, key: str) -> None:
    """Compare what must agree between the files a model was trained on and those it is applied to.

    Raises:
        FusionError: naming the first setting that differs.
    """
    for name, value in trained.items():
        if mine.get(name) != value:
            raise FusionError(
                f"{key}.{name} is {mine.get(name)!r} here, but the run was trained with {value!r}. "
                f"Set {key}.{name} to that."
            )
