"""Plain models that several arms of a fold ask for, fitted once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import Truth
from fusion.plain.boosted import Boosted
from fusion.plain.families import Family
from fusion.plain.linear import Linear
from fusion.plain.pairs import Crossed
from fusion.plain.penalties import Split
from fusion.plain.prevalence import Prevalence

Floats = NDArray[np.float64]


class Once(Family):
    """A family that fits the same model once, where several arms of a fold ask for it.

    Args:
        family: that fits.
        memory: shared by whoever asks.
        patients: what tells the rows that are given from others: whose they are, and of which columns.
    """

    def __init__(self, family: Family, memory: dict[Any, Any], patients: Hashable) -> None:
        self._family = family
        self._memory = memory
        self._patients = patients

    def splits(self, truth: Truth, *, classes: int, groups: NDArray[Any] | None, seed: int) -> list[Split]:
        return self._family.splits(truth, classes=classes, groups=groups, seed=seed)

    def linear(
        self, rows: pd.DataFrame, truth: Truth, weights: Floats, splits: Sequence[Split]
    ) -> tuple[Linear, Floats]:
        found: tuple[Linear, Floats] = self._once(
            ("linear", weights.tobytes(), *(held.tobytes() for _, held in splits)),
            lambda: self._family.linear(rows, truth, weights, splits),
        )
        return found

    def boosted(
        self, rows: pd.DataFrame, truth: Truth, weights: Floats, splits: Sequence[Split], *, seed: int
    ) -> tuple[Boosted, Floats]:
        found: tuple[Boosted, Floats] = self._once(
            ("boosted", weights.tobytes(), seed, *(held.tobytes() for _, held in splits)),
            lambda: self._family.boosted(rows, truth, weights, splits, seed=seed),
        )
        return found

    def elastic(self, rows: pd.DataFrame, truth: Truth, splits: Sequence[Split]) -> tuple[Linear, Floats]:
        return self._family.elastic(rows, truth, splits)

    def crossed(
        self,
        linear: Linear,
        rows: pd.DataFrame,
        truth: Truth,
        weights: Floats,
        splits: Sequence[Split],
        *,
        held_out: Floats,
        treatments: Sequence[str],
    ) -> tuple[Linear | Crossed, Floats]:
        found: tuple[Linear | Crossed, Floats] = self._once(
            ("crossed", tuple(treatments), weights.tobytes(), *(held.tobytes() for _, held in splits)),
            lambda: self._family.crossed(
                linear, rows, truth, weights, splits, held_out=held_out, treatments=treatments
            ),
        )
        return found

    def constant(self, truth: Truth, weights: Floats, *, classes: int) -> Prevalence:
        return self._family.constant(truth, weights, classes=classes)

    def derivatives(self, gate: float, base: Floats, added: Floats, truth: Truth) -> tuple[Floats, Floats]:
        return self._family.derivatives(gate, base, added, truth)

    def _once(self, asked: tuple[Hashable, ...], fit: Callable[[], Any]) -> Any:
        key = (self._patients, *asked)
        if key not in self._memory:
            self._memory[key] = fit()
        return self._memory[key]
