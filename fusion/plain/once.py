"""Plain models that several arms of a fold ask for, fitted once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fusion.contract import Truth
from fusion.plain.boosted import Boosted
from fusion.plain.families import Family
from fusion.plain.linear import Linear
from fusion.plain.prevalence import Prevalence
from fusion.plain.products.crossed import Crossed
from fusion.plain.training import Split, Training

Floats = NDArray[np.float64]
Model = TypeVar("Model")


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

    def linear(self, training: Training) -> tuple[Linear, Floats]:
        return self._once("linear", training, lambda: self._family.linear(training))

    def boosted(self, training: Training, *, seed: int) -> tuple[Boosted, Floats]:
        return self._once(("boosted", seed), training, lambda: self._family.boosted(training, seed=seed))

    def elastic(self, training: Training) -> tuple[Linear, Floats]:
        return self._family.elastic(training)

    def crossed(
        self, linear: Linear, training: Training, *, held_out: Floats, treatments: Sequence[str]
    ) -> tuple[Linear | Crossed, Floats]:
        return self._once(
            ("crossed", *treatments),
            training,
            lambda: self._family.crossed(linear, training, held_out=held_out, treatments=treatments),
        )

    def constant(self, truth: Truth, weights: Floats, *, classes: int) -> Prevalence:
        return self._family.constant(truth, weights, classes=classes)

    def derivatives(self, gate: float, base: Floats, added: Floats, truth: Truth) -> tuple[Floats, Floats]:
        return self._family.derivatives(gate, base, added, truth)

    def _once(
        self, asked: Hashable, training: Training, fit: Callable[[], tuple[Model, Floats]]
    ) -> tuple[Model, Floats]:
        key = (self._patients, asked, training.weights.tobytes(), *(held.tobytes() for _, held in training.splits))
        if key not in self._memory:
            self._memory[key] = fit()
        found: tuple[Model, Floats] = self._memory[key]
        return found
