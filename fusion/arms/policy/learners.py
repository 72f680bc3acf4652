r"""Plain learners of who benefits from what: a model a regimen, and one regression with treatment interactions.

- *T-learner* (Künzel et al., PNAS 116:4156–4165, 2019): a ridge regression of its own of each regimen's patients.
- *Interactions*: one ridge regression of the columns *x*, of the regimens, and of every product
  :math:`(x - \bar x)(1[A=a] - p_a)` with :math:`p_a` the regimen's share: as modified covariates (Tian et al., JASA
  109:1517–1532, 2014), centred, so that products say nothing of who responds anyway.

Penalties are chosen by cross-fitting among training patients (`fusion.plain`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from fusion.plain.base import Plain, fit_base

Floats = NDArray[np.float64]


class TLearner:
    """A model a regimen.

    Args:
        rows: ``(patient, column)`` named ``modality:feature``, without those of the regimen; NaN where missing.
        labels: ``(patient,)`` 0/1.
        given: ``(patient,)`` names of regimens.
        seed: of the splits.
    """

    def __init__(self, rows: pd.DataFrame, labels: NDArray[np.int64], given: Sequence[str], *, seed: int) -> None:
        self._models: dict[str, Plain] = {}
        names = np.asarray(given, dtype=object)
        for name in sorted(set(given)):
            mine = names == name
            self._models[name] = fit_base("linear", rows[mine], labels[mine], classes=2, seed=seed).model

    def __call__(self, rows: pd.DataFrame, regimen: str) -> Floats:
        """``(patient,)`` probability of response under the regimen."""
        return np.asarray(expit(self._models[regimen].logits(rows)), dtype=np.float64)


class Interactions:
    """One regression with products of columns and regimens; arguments as of `TLearner`."""

    def __init__(self, rows: pd.DataFrame, labels: NDArray[np.int64], given: Sequence[str], *, seed: int) -> None:
        names = np.asarray(given, dtype=object)
        self._names = sorted(set(given))
        self._shares = {name: float((names == name).mean()) for name in self._names}
        self._means = rows.mean().fillna(0.0)
        self._model = fit_base("linear", self._design(rows, names), labels, classes=2, seed=seed).model

    def __call__(self, rows: pd.DataFrame, regimen: str) -> Floats:
        """``(patient,)`` probability of response under the regimen."""
        everyone = np.full(len(rows), regimen, dtype=object)
        return np.asarray(expit(self._model.logits(self._design(rows, everyone))), dtype=np.float64)

    def _design(self, rows: pd.DataFrame, given: NDArray[np.object_]) -> pd.DataFrame:
        """Columns, regimens and products; a missing value is average, and adds nothing to a product."""
        centred = (rows - self._means).fillna(0.0)
        parts = [rows]
        for name in self._names:
            dealt = (given == name).astype(np.float64) - self._shares[name]
            parts.append(pd.DataFrame({f"regimen:{name}": dealt}, index=rows.index))
            parts.append(centred.mul(dealt, axis=0).add_prefix("interaction:").add_suffix(f" × {name}"))
        return pd.concat(parts, axis=1)


class Learner(Protocol):
    """Fitted on training patients."""

    def __call__(self, rows: pd.DataFrame, regimen: str) -> Floats:
        """``(patient,)`` probability of response under the regimen."""
        ...


LEARNERS: Mapping[str, Callable[..., Learner]] = {"t_learner": TLearner, "interactions": Interactions}
"""Arm → what learns it."""
