"""How common the classes are in training: where nothing else can be started from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Prevalence:
    """The same logits for everybody.

    Attributes:
        intercept: ``(1,)`` log-odds, or ``(class,)`` logs of the classes' shares.
    """

    intercept: Floats

    kind = "prevalence"
    modalities: tuple[str, ...] = ()

    @classmethod
    def fit(cls, labels: NDArray[np.int64], weights: Floats, *, classes: int) -> Prevalence:
        """Of training labels ``(patient,)``, a class that nobody has as if half a patient had it."""
        share = np.bincount(labels, weights=weights, minlength=classes) + 1e-9
        share = np.maximum(share, 0.5) / np.maximum(share, 0.5).sum()
        return cls(intercept=np.log(share[1:] / share[:1]) if classes == 2 else np.log(share))

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` or ``(patient, class)``."""
        every = np.tile(self.intercept, (len(rows), 1))
        return every[:, 0] if every.shape[1] == 1 else every

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """No column has a part."""
        return pd.DataFrame(index=rows.index)

    @property
    def reference(self) -> float:
        """The log-odds of everybody."""
        return float(self.intercept[0])

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """JSON and arrays."""
        return {"kind": self.kind}, {"intercept": self.intercept}

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Prevalence:
        """The inverse of `state`."""
        del config
        return cls(intercept=np.asarray(arrays["intercept"], dtype=np.float64))
