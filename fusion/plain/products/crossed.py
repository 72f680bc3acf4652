"""A regression and products of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.plain.linear import Linear
from fusion.plain.products.pairs import Pairs

Floats = NDArray[np.float64]

_EARLIER = {"precision": 5.0, "searched": True}
"""Of pairs as a version kept them that knew those alone that were searched for, with one share of all."""


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """``linear + pairs``, in logits of two classes.

    Attributes:
        linear: whose columns the pairs are of.
        pairs: fitted on the same patients.
    """

    linear: Linear
    pairs: Pairs

    kind = "crossed"

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)``."""
        parts: Floats = self.pairs.parts(self.linear.columns(rows)).sum(axis=1)
        return self.linear.logits(rows) + parts

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)`` parts of the log-odds; of a product each column has half, as Shapley values would."""
        found, names = self.linear.terms(rows), self.linear.columns.sources
        parts = self.pairs.parts(self.linear.columns(rows)) / 2
        for number, places in enumerate(zip(self.pairs.first, self.pairs.second, strict=True)):
            for place in places:
                found[names[place]] += parts[:, number]
        return found

    @property
    def reference(self) -> float:
        """The log-odds of a patient who is average in every column and product."""
        return self.linear.reference

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns are read."""
        return self.linear.modalities

    @property
    def named(self) -> list[tuple[str, str]]:
        """The columns of each pair."""
        names = self.linear.columns.sources
        return [(names[one], names[other]) for one, other in zip(self.pairs.first, self.pairs.second, strict=True)]

    @property
    def products(self) -> list[str]:
        """As one reads them: pairs that were searched for, and regimens' where patients held out support them."""
        named = [" × ".join(pair) for pair, one in zip(self.named, self.pairs.searched, strict=True) if one]
        asked = ~self.pairs.searched & (self.pairs.share > 0.5)
        treatments = dict.fromkeys(self.named[place][0].split(":", 1)[0] for place in np.flatnonzero(asked))
        return [f"{name} × other columns" for name in treatments] + named

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """The linear model's JSON and arrays, and the pairs'; their names are for readers."""
        config, arrays = self.linear.state()
        made = {f"linear_{name}": part for name, part in arrays.items()}
        made |= {f"pairs_{name}": part for name, part in self.pairs.arrays.items()}
        told = [list(pair) for pair in self.named]
        return {"kind": self.kind, "pairs": told, "linear": config}, made

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Crossed:
        """The inverse of `state`."""
        linear = {name.removeprefix("linear_"): part for name, part in arrays.items() if name.startswith("linear_")}
        found = {name.removeprefix("pairs_"): np.asarray(part) for name, part in arrays.items() if name in _KEPT}
        if "share" in config:
            earlier = {**_EARLIER, "share": float(config["share"])}
            found = {name: np.full(len(found["first"]), one) for name, one in earlier.items()} | found
        return cls(linear=Linear.restore(config["linear"], linear), pairs=Pairs(**found))


_KEPT = frozenset(f"pairs_{one.name}" for one in fields(Pairs))
