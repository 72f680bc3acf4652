"""A dozen patients with tiles of pixels, for processes that are started anew."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_modules.modalities.base import BaseFitted
from fusion.contract import Item, ModalitySpec, State

PATIENTS = [f"P{number:02}" for number in range(13)]
LABELS = pd.Series([number % 2 for number in range(13)], index=PATIENTS)


class TinyTiles(BaseFitted):
    """Four tiles of 8 × 8 pixels of everybody but P03; those of label 1 are redder."""

    def __init__(self) -> None:
        super().__init__(ModalitySpec(name="slides", kind="tiles", token_shape=(3, 8, 8)))

    def load(self, patient_id: str) -> Item | None:
        if patient_id == "P03":
            return None
        rng = np.random.default_rng(zlib.crc32(patient_id.encode()))
        values = rng.integers(0, 150, (4, 3, 8, 8), dtype=np.uint8)
        values[:, 0] += np.uint8(100 * LABELS[patient_id])
        return Item(values=values, mask=np.ones(4, dtype=np.bool_))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        raise NotImplementedError

    def state(self) -> State:
        raise NotImplementedError
