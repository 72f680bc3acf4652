"""Two modalities of few numbers and a plain model of them, for tests of attribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fusion.contract import FeatureSpec, Item, ModalitySpec, State
from fusion.plain.columns import Columns
from fusion.plain.linear import Linear

GENES = ("TP53", "BRCA1", "ATM")
PEOPLE = (*(f"t{place}" for place in range(20)), "x", "without")
LACK = (*PEOPLE[:6], "without")
SPECS = {
    "variants": ModalitySpec(
        name="variants",
        kind="variants",
        features=tuple(FeatureSpec(name=f"burden:{one}", kind="burden", label=one, gene=one) for one in GENES),
    ),
    "clinical": ModalitySpec(
        name="clinical",
        kind="table",
        features=(FeatureSpec(name="age", kind="column", label="Age", unit="years", center=60.0, scale=10.0),),
    ),
}
MODEL: dict[str, Any] = {
    "width": 8,
    "modality_dropout": 0.0,
    "encoders": {name: {"_target_": "fusion.encoders.tables.linear.LinearEncoder", "clip": None} for name in SPECS},
    "fuser": {"_target_": "fusion.fusers.concat.ConcatFuser"},
    "head": {"_target_": "fusion.heads.response.BinaryResponse"},
}
COEFFICIENTS = {"variants:burden:TP53": 0.7, "variants:burden:BRCA1": -0.4, "variants:burden:ATM": 0.0}


class Fitted:
    """A modality in memory; six training patients and one other have no variants."""

    def __init__(self, name: str) -> None:
        self.spec = SPECS[name]
        self.selection = None
        size = len(self.spec.features)
        values = np.random.default_rng(len(name)).normal(size=(len(PEOPLE), size)).astype(np.float32)
        self._table = pd.DataFrame(values, index=list(PEOPLE), columns=[one.name for one in self.spec.features])
        if name == "variants":
            self._table.loc[list(LACK)] = np.nan

    def load(self, patient_id: str) -> Item | None:
        row = self._table.loc[patient_id].to_numpy(dtype=np.float32)
        return None if np.isnan(row).all() else Item(values=row, mask=np.ones(len(row), dtype=np.bool_))

    def table(self, patient_ids: Any) -> pd.DataFrame:
        return self._table.loc[list(patient_ids)].astype(np.float64)

    def state(self) -> State:
        return State(config={}, arrays={})


def base() -> Linear:
    rows = pd.concat([Fitted(name).table(PEOPLE[:20]).add_prefix(f"{name}:") for name in SPECS], axis=1)
    columns = Columns.fit(rows)
    weights = [COEFFICIENTS.get(name, 1.3) for name in columns.sources]
    return Linear(
        columns=columns, coefficients=np.array([weights]), intercept=np.array([-0.2]), strength=1.0, power=0.0
    )
