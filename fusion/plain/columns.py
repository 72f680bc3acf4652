"""Tabulated features of all modalities as a matrix without gaps, on one scale; learned from training patients alone.

Modalities scale and shape their own columns. What is left: a patient who lacks a modality has no value in any of its
columns, and a new patient may lie where no training patient did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST = 5
"""Patients with and without a value, from which on a lack is a column of its own."""

_NOTHING = 1e-9
"""Share of a column's size below which its spread is rounding."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What training patients taught of the columns; ``modality:feature`` are their names.

    Attributes:
        names: of the columns that came in and vary, in order.
        fill: ``(column,)`` the training mean, which stands for a missing value: it then adds nothing.
        scale: ``(column,)`` training standard deviation.
        low: ``(column,)`` least and
        high: ``(column,)`` largest training value: no patient is taken to lie further out, so that no slope is drawn
            out to where nobody was.
        lacks: columns that stand for a set of columns missing together, each told as missing or not.
        lack_fill: ``(lack,)`` training share of patients with the lack, and
        lack_scale: ``(lack,)`` its standard deviation.
    """

    names: tuple[str, ...]
    fill: Floats
    scale: Floats
    low: Floats
    high: Floats
    lacks: tuple[str, ...]
    lack_fill: Floats
    lack_scale: Floats

    @classmethod
    def fit(cls, rows: pd.DataFrame) -> Columns:
        """Learn from `rows`, one a training patient, NaN where missing; what does not vary is left out."""
        values = rows.to_numpy(dtype=np.float64)
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        held = np.where(known, values, 0.0)
        mean = held.sum(axis=0) / count
        spread = np.sqrt(np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / count)
        varies = spread > _NOTHING * np.maximum(np.abs(held).max(axis=0, initial=0.0), _NOTHING)
        first: dict[bytes, int] = {}
        for place in np.flatnonzero((~known).any(axis=0)):
            if min((~known[:, place]).sum(), known[:, place].sum()) >= FEWEST:
                first.setdefault(known[:, place].tobytes(), int(place))
        lacking = list(first.values())
        share = (~known[:, lacking]).mean(axis=0)
        seen = known[:, varies]
        return cls(
            names=tuple(str(name) for name in rows.columns[varies]),
            fill=mean[varies],
            scale=spread[varies],
            low=np.where(seen, values[:, varies], np.inf).min(axis=0, initial=np.inf),
            high=np.where(seen, values[:, varies], -np.inf).max(axis=0, initial=-np.inf),
            lacks=tuple(str(rows.columns[place]) for place in lacking),
            lack_fill=share,
            lack_scale=np.sqrt(share * (1 - share)),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """Of each column that comes out, the one it is made of."""
        return (*self.names, *self.lacks)

    def __call__(self, rows: pd.DataFrame) -> Floats:
        """``(patient, column)`` standardised: the training mean is 0, nothing is missing.

        A column that `rows` lack counts as missing in everybody.
        """
        values = rows.reindex(columns=list(self.names)).to_numpy(dtype=np.float64)
        known = np.isfinite(values)
        inside = np.clip(np.where(known, values, self.fill), self.low, self.high)
        lack = rows.reindex(columns=list(self.lacks)).isna().to_numpy(dtype=np.float64)
        return np.hstack([(inside - self.fill) / self.scale, (lack - self.lack_fill) / self.lack_scale])

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Names as JSON, numbers as arrays."""
        numbers = ("fill", "scale", "low", "high", "lack_fill", "lack_scale")
        return {"names": list(self.names), "lacks": list(self.lacks)}, {name: getattr(self, name) for name in numbers}

    @classmethod
    def restore(cls, names: Mapping[str, Any], arrays: Mapping[str, Any]) -> Columns:
        """The inverse of `state`; other keys are ignored."""
        numbers = ("fill", "scale", "low", "high", "lack_fill", "lack_scale")
        return cls(
            names=tuple(names["names"]),
            lacks=tuple(names["lacks"]),
            **{name: np.asarray(arrays[name], dtype=np.float64) for name in numbers},
        )
