"""Imputing, scaling and coding of table columns, learned from training patients only and kept without pickle.

- Numbers: missing values become the training median; ``(x − mean) / standard deviation``, both of the imputed training
  values; a column that is constant but for rounding is only centred. A column with missing training values gains an
  indicator, for that a test was not done says something.
- Numbers with a heavy tail are bent first (`data_modules.learned.bending`).
- Ordered categories: their level's position, then as numbers.
- Categories: one column a level seen in training; a level not seen is all zero, and so is a missing value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modules.columns import Column
from data_modules.learned.bending import bend_of
from data_modules.learned.elsewhere import elsewhere
from data_modules.learned.scaling import scale_of
from fusion.contract import Bend, FeatureSpec, State

Coding = Literal["number", "ordered", "level", "missing"]


@dataclass(frozen=True, kw_only=True)
class Coded:
    """One column that comes out.

    Attributes:
        column: the column it is made of.
        coding: how: its value, its level's position, whether it is `level`, or whether it is missing.
        levels: of ``ordered``, lowest first.
        level: of ``level``.
        label: for reports.
        unit: of the raw value.
        bend: of a heavy-tailed ``number``.
    """

    column: str
    coding: Coding
    levels: tuple[str, ...] = ()
    level: str | None = None
    label: str
    unit: str | None = None
    bend: Bend | None = None

    @property
    def name(self) -> str:
        """Of the number that it makes of its column."""
        if self.coding == "level":
            return f"{self.column}={self.level}"
        return f"{self.column}:missing" if self.coding == "missing" else self.column

    def raw(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """(patient,) numbers before imputing and scaling, bent where they are; NaN where missing."""
        values = frame[self.column]
        if self.coding == "missing":
            values = values.isna()
        elif self.coding == "level":
            values = values == self.level
        elif self.coding == "ordered":
            values = values.map({level: float(position) for position, level in enumerate(self.levels)})
        numbers = np.asarray(values, dtype=np.float64)
        return numbers if self.bend is None else self.bend(numbers)


@dataclass(frozen=True, kw_only=True)
class TablePreprocessor:
    """What training patients taught of a table's columns.

    Attributes:
        coded: the columns that come out, in order.
        fill: (column,) what replaces a missing value, raw scale.
        center: (column,) subtracted from,
        scale: (column,) then divided into the imputed value.
    """

    coded: tuple[Coded, ...]
    fill: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: Sequence[Column]) -> TablePreprocessor:
        """Learn from `frame`, one row a training patient; columns without any known value there are left out."""
        # Sums depend on the order of their terms in the last bit: a fixed order makes the state a function of the set.
        frame = frame.sort_index()
        coded = tuple(part for column in columns for part in _coded(frame[column.name], column))
        raw = [part.raw(frame) for part in coded]
        fill = np.array([np.nanmedian(values) for values in raw])
        whole = [np.where(np.isnan(values), middle, values) for values, middle in zip(raw, fill, strict=True)]
        scaled = np.array([part.coding in ("number", "ordered") for part in coded], dtype=bool)
        center = np.where(scaled, [values.mean() for values in whole], 0.0)
        spread = np.array([scale_of(values) for values in whole])
        return cls(coded=coded, fill=fill, center=center, scale=np.where(scaled, spread, 1.0))

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """(patient, column) of the columns as learned, in the order of `frame`."""
        if not self.coded:
            return np.zeros((len(frame), 0), dtype=np.float32)
        raw = np.stack([part.raw(frame) for part in self.coded], axis=1)
        return ((np.where(np.isnan(raw), self.fill, raw) - self.center) / self.scale).astype(np.float32)

    def elsewhere(self, frame: pd.DataFrame) -> list[str]:
        """Columns of numbers that are on another scale in `frame` than in training."""
        numbers = [at for at, part in enumerate(self.coded) if part.coding == "number" and part.column in frame]
        if not numbers or frame.empty:
            return []
        raw = np.stack([self.coded[at].raw(frame) for at in numbers], axis=1)
        found = elsewhere((raw - self.center[numbers]) / self.scale[numbers])
        return [self.coded[at].column for at, far in zip(numbers, found, strict=True) if far]

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        """One a number, with centre and scale."""
        return tuple(
            FeatureSpec(
                name=part.name,
                kind="column",
                label=part.label,
                unit=part.unit,
                center=float(center),
                scale=float(scale),
                bend=part.bend,
            )
            for part, center, scale in zip(self.coded, self.center, self.scale, strict=True)
        )

    def state(self) -> State:
        """Everything it learned."""
        return State(
            config={"coded": [asdict(part) for part in self.coded]},
            arrays={"fill": self.fill, "center": self.center, "scale": self.scale},
        )

    @classmethod
    def restore(cls, state: State) -> TablePreprocessor:
        """The inverse of `state`."""
        coded: list[dict[str, Any]] = state.config["coded"]
        return cls(
            coded=tuple(
                Coded(**{**part, "levels": tuple(part["levels"]), "bend": part.get("bend") and Bend(**part["bend"])})
                for part in coded
            ),
            **{name: np.asarray(state.arrays[name], dtype=np.float64) for name in ("fill", "center", "scale")},
        )


def _coded(values: pd.Series[Any], column: Column) -> list[Coded]:
    """The columns that a column becomes, by what training patients have in it."""
    known = values.dropna()
    if known.empty:
        return []
    parts: list[Coded]
    if column.kind == "category":
        levels = column.levels or tuple(sorted(known.unique()))
        seen = set(known)
        parts = [
            Coded(column=column.name, coding="level", level=level, label=f"{column.label} = {level}")
            for level in levels
            if level in seen
        ]
    else:
        coding: Coding = "number" if column.kind == "number" else "ordered"
        bend = bend_of(known.to_numpy(dtype=np.float64)) if coding == "number" else None
        parts = [
            Coded(
                column=column.name,
                coding=coding,
                levels=column.levels,
                label=column.label,
                unit=column.unit,
                bend=bend,
            )
        ]
    if len(known) < len(values):
        parts.append(Coded(column=column.name, coding="missing", label=f"{column.label} is missing"))
    return parts
