"""What stands for a modality of which a cohort has no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fusion.contract import ModalitySpec, State

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Lacking:
    """A `FittedModality` of which a cohort has no file: nobody has it.

    Attributes:
        spec: as the model was trained.
    """

    spec: ModalitySpec

    def load(self, patient_id: str) -> None:
        """Nobody has it."""
        return

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """One row a patient, NaN throughout."""
        import pandas as pd

        names = [feature.name for feature in self.spec.features]
        return pd.DataFrame(np.nan, index=list(patient_ids), columns=names)

    @property
    def selection(self) -> None:
        """Nothing was selected."""
        return None

    def state(self) -> State:
        """There is none."""
        raise NotImplementedError("nothing was fitted")
