"""Modalities fitted in one outer fold, each once: as the run reads them, and as candidates of `choose` do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fusion.contract import FittedModality, Fold, Modality

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup

Fitted = dict[str, FittedModality]


class FoldFits:
    """What one fold fits; what several candidates read alike is fitted once, and what nobody asks for never.

    Args:
        setup: opened, ingested.
        fold: on whose training patients all is fitted; the labels of others are not looked at.
    """

    def __init__(self, setup: Setup, fold: Fold) -> None:
        self._setup = setup
        self._inner = [inner.train for inner in fold.inner]
        self._train = fold.train
        self._made: dict[tuple[int, int], FittedModality] = {}

    def own(self) -> tuple[list[Fitted], Fitted]:
        """Of the run: as fitted on the training part of each inner fold, and on all training patients."""
        return self._of(self._setup.modalities)

    def of(self, candidate: str) -> tuple[list[Fitted], Fitted] | None:
        """The same of a candidate; None where it reads as the run does."""
        reading = self._setup.readings.get(candidate)
        return None if reading is None else self._of(reading)

    def _of(self, modalities: Mapping[str, Modality]) -> tuple[list[Fitted], Fitted]:
        members = [
            {name: self._fit(modality, at, patients) for name, modality in modalities.items()}
            for at, patients in enumerate(self._inner)
        ]
        return members, {name: self._fit(modality, -1, self._train) for name, modality in modalities.items()}

    def _fit(self, modality: Modality, part: int, patients: Sequence[str]) -> FittedModality:
        import numpy as np

        key = id(modality), part
        if key not in self._made:
            known = np.asarray(self._setup.cohort.labels.loc[list(patients)], dtype=np.int64)
            self._made[key] = modality.fit(patients, known)
        return self._made[key]
