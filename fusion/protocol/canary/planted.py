"""A modality that is the outcome itself, with errors: what a protocol that works cannot miss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FeatureSpec, FittedModality, Item, Match, ModalitySpec, Progress, Quality, State

NAME = "planted"
COLUMN = "leak"


class PlantedLeak:
    """One number a patient: the label, of a share of patients the wrong one. A `Modality`, and fitted as it is.

    Args:
        labels: index patient_id, 0/1.
        wrong: share of patients whose number is the other label's.
        seed: of who they are.
    """

    name = NAME
    absent = None
    input_files: Sequence[Path] = ()
    spec = ModalitySpec(
        name=NAME, kind="table", features=(FeatureSpec(name=COLUMN, kind="column", label="planted leak"),)
    )
    selection: pd.DataFrame | None = None

    def __init__(self, labels: pd.Series[int], *, wrong: float, seed: int) -> None:
        flipped = np.random.default_rng([seed, 2]).random(len(labels)) < wrong
        self._told = pd.Series(np.where(flipped, 1 - labels, labels).astype(np.float64), index=labels.index)

    @property
    def patients(self) -> frozenset[str]:
        """Everybody."""
        return frozenset(map(str, self._told.index))

    @property
    def failed(self) -> dict[str, str]:
        """Nobody."""
        return {}

    def check(self) -> list[str]:
        """Nothing is wrong with it."""
        return []

    def prepare(self, progress: Progress) -> None:
        """Nothing to ingest."""

    def quality(self) -> list[Quality]:
        """Nothing to tell."""
        return []

    def fit(self, train_ids: Sequence[str], labels: NDArray[np.int64]) -> FittedModality:
        """Nothing is learned."""
        return self

    def restore(self, state: State) -> FittedModality:
        """Nothing was kept."""
        return self

    def match(self, state: State) -> Match | None:
        """It has no files."""
        return None

    def load(self, patient_id: str) -> Item | None:
        """One token."""
        value = np.array([self._told[patient_id]], dtype=np.float32)
        return Item(values=value, mask=np.ones(1, dtype=np.bool_))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """One column."""
        return pd.DataFrame({COLUMN: self._told.reindex(list(patient_ids))})

    def state(self) -> State:
        """Nothing is kept."""
        made: dict[str, Any] = {}
        return State(config=made, arrays={})
