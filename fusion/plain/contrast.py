"""A plain model of several classes as one of a contrast of their logits, with terms that add up to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.plain.base import Plain
from fusion.plain.boosted import Boosted
from fusion.plain.linear import Linear
from fusion.plain.mixture import Mixture
from fusion.plain.prevalence import Prevalence

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ContrastedTrees:
    """Trees of several classes; their Shapley values add up class by class, and so do those of a contrast.

    Attributes:
        trees: a tree a class and round.
        weights: ``(class,)``.
    """

    trees: Boosted
    weights: Floats

    kind = "contrasted trees"

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)``."""
        return np.asarray(self.trees.logits(rows) @ self.weights, dtype=np.float64)

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)`` parts of the contrast."""
        parts = np.einsum("pkc,k->pc", self.trees.contributions(rows)[..., :-1], self.weights)
        return pd.DataFrame(parts, index=rows.index, columns=list(self.trees.names))

    @cached_property
    def reference(self) -> float:
        """What the terms are counted from."""
        nobody = pd.DataFrame(np.nan, index=[0], columns=list(self.trees.names))
        return float(self.trees.contributions(nobody)[0, :, -1] @ self.weights)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns are read."""
        return self.trees.modalities

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Never kept: the model is, of which this is made."""
        raise NotImplementedError


def contrasted(model: Plain, weights: Floats) -> Plain:
    """The model of one number a patient, ``weights · logits``.

    Args:
        model: of several classes.
        weights: ``(class,)``.

    Raises:
        TypeError: a model that is not of several classes.
    """
    if isinstance(model, Linear):
        return replace(
            model, coefficients=weights[None] @ model.coefficients, intercept=weights[None] @ model.intercept
        )
    if isinstance(model, Prevalence):
        return replace(model, intercept=weights[None] @ model.intercept)
    if isinstance(model, Boosted):
        return ContrastedTrees(trees=model, weights=weights)
    if isinstance(model, Mixture):
        parts: Any = {"linear": contrasted(model.linear, weights), "boosted": contrasted(model.boosted, weights)}
        return replace(model, **parts)
    raise TypeError(f"{type(model).__name__} has no classes to contrast")
