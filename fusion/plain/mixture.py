"""A linear model and as much of what boosted trees add to it as held-out patients support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.plain.boosted import Boosted
from fusion.plain.linear import Linear
from fusion.plain.products.crossed import Crossed

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """``(1 − share) · linear + share · boosted``, in logits.

    Attributes:
        linear: with products of columns where there are any, and
        boosted: fitted on the same patients.
        share: of the latter, above 0 and at most 1; see `fusion.plain.gate`.
    """

    linear: Linear | Crossed
    boosted: Boosted
    share: float

    kind = "mixture"

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` or ``(patient, class)``."""
        return (1 - self.share) * self.linear.logits(rows) + self.share * self.boosted.logits(rows)

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)`` parts of the log-odds: those of both models by their shares."""
        linear, boosted = self.linear.terms(rows), self.boosted.terms(rows)
        return (linear * (1 - self.share)).add(boosted * self.share, fill_value=0.0)

    @property
    def reference(self) -> float:
        """What the terms are counted from."""
        return (1 - self.share) * self.linear.reference + self.share * self.boosted.reference

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns are read."""
        return tuple(dict.fromkeys((*self.linear.modalities, *self.boosted.modalities)))

    @property
    def products(self) -> list[str]:
        """Of two columns each, in the linear model."""
        return self.linear.products if isinstance(self.linear, Crossed) else []

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Both models' JSON and arrays."""
        (one, first), (other, second) = self.linear.state(), self.boosted.state()
        arrays = {f"linear_{name}": part for name, part in first.items()}
        arrays |= {f"boosted_{name}": part for name, part in second.items()}
        return {"kind": self.kind, "share": self.share, "linear": one, "boosted": other}, arrays

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Mixture:
        """The inverse of `state`."""

        def of(name: str) -> dict[str, Any]:
            return {key.removeprefix(f"{name}_"): part for key, part in arrays.items() if key.startswith(f"{name}_")}

        return cls(
            linear=(Crossed if config["linear"]["kind"] == Crossed.kind else Linear).restore(
                config["linear"], of("linear")
            ),
            boosted=Boosted.restore(config["boosted"], of("boosted")),
            share=float(config["share"]),
        )
