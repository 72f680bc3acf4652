"""What the fused score really uses: each modality taken away, made average, or dealt out anew among test patients.

A published model was found to ignore its expression data, which no table of its paper had shown. So every fold's fused
arm scores its test patients again, by the same networks, calibration and plain model, with one modality altered:

- *removed*: nobody has it;
- *mean*: everybody who has it has the training patients' mean: its columns', its tokens', its voxels';
- *permuted*: everybody who has it has another test patient's.

Removal also says what it means to lack the modality; a permutation keeps its distribution, and parts it from the others
of the same patient. Nothing is trained again: what a modality could add in a model without it is another question, and
the arms of single modalities and the plain models answer it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.arms.base import ArmScores, FoldData
from fusion.contract import FittedModality, Item, ModalitySpec, State
from fusion.contract.modality import has

WAYS = ("removed", "mean", "permuted")
"""How a modality is altered."""

BAGS = ("tiles", "embeddings")
"""Kinds whose tokens have no fixed place: their mean is one token."""

MEAN_PATIENTS, MEAN_TOKENS = 48, 16
"""How many training patients, and tokens of each of their bags, make the mean of what is large."""


class Altered:
    """A fitted modality whose patients have something else in place of their own.

    Args:
        fitted: that knows everybody.
        donors: patient → whose item they are given; who is not named lacks the modality.
        mean: what everybody named is given instead, and its row of the table.
    """

    def __init__(
        self, fitted: FittedModality, donors: Mapping[str, str], *, mean: tuple[Item, pd.Series] | None = None
    ) -> None:
        self._fitted = fitted
        self._donors = donors
        self._mean = mean

    @property
    def spec(self) -> ModalitySpec:
        """As it was."""
        return self._fitted.spec

    @property
    def selection(self) -> pd.DataFrame | None:
        """As it was."""
        return self._fitted.selection

    def load(self, patient_id: str) -> Item | None:
        """The donor's item."""
        if patient_id not in self._donors:
            return None
        return self._mean[0] if self._mean is not None else self._fitted.load(self._donors[patient_id])

    def has(self, patient_id: str) -> bool:
        """Whether there is a donor who has it."""
        return patient_id in self._donors and has(self._fitted, self._donors[patient_id])

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        """The donors' rows; NaN for who lacks it."""
        patients = list(patient_ids)
        rows = self._fitted.table([self._donors.get(one, one) for one in patients]).copy()
        rows.index = pd.Index(patients, name=rows.index.name)
        if self._mean is not None:
            rows[:] = self._mean[1].reindex(rows.columns).to_numpy()
        rows[[one not in self._donors for one in patients]] = np.nan
        return rows

    def state(self) -> State:
        """As it was."""
        return self._fitted.state()


def audit(fused: ArmScores, data: FoldData) -> Iterator[ArmScores]:
    """The fused arm once for each modality and way, named ``<modality>: <way>``; nothing where it cannot score again.

    Args:
        fused: the arm as it was fitted in this fold.
        data: the fold.
    """
    if fused.again is None:
        return
    for number, (name, whole) in enumerate(data.whole.items()):
        have = [patient for patient in data.fold.test if has(whole, patient)]
        others = _dealt(have, np.random.default_rng([data.seed, number]))
        for way in WAYS:
            donors = {} if way == "removed" else dict(zip(have, others if way == "permuted" else have, strict=True))

            def change(
                of: str, fitted: FittedModality, name: str = name, way: str = way, donors: Mapping[str, str] = donors
            ) -> FittedModality:
                if of != name:
                    return fitted
                mean = _mean(fitted, data.fold.train) if way == "mean" and donors else None
                return Altered(fitted, donors, mean=mean)

            yield replace(fused, arm=f"{name}: {way}", test=fused.again(change))


def _dealt(patients: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Another patient for everybody, nobody twice: along one random circle; a patient alone stays who they are."""
    order = rng.permutation(len(patients))
    given = dict(zip(order, np.roll(order, 1), strict=True))
    return [patients[int(given[at])] for at in range(len(patients))]


def _mean(fitted: FittedModality, train: Sequence[str]) -> tuple[Item, pd.Series]:
    """The training patients' mean as an item, and as a row of the table."""
    row: pd.Series = fitted.table(train).astype(np.float64).mean()
    large = fitted.spec.kind in (*BAGS, "volume")
    some = train[:: max(1, len(train) // MEAN_PATIENTS)] if large else train
    items = [item for item in map(fitted.load, some) if item is not None and item.mask.any()]
    if fitted.spec.kind in BAGS:
        tokens = np.stack([_tokens(item).mean(axis=0) for item in items]).mean(axis=0)
        return Item(values=_as(items[0], tokens[None]), mask=np.ones(1, dtype=np.bool_)), row
    masks = np.stack([item.mask for item in items])
    values = np.stack([np.asarray(item.values, dtype=np.float64) for item in items])
    weights = masks.reshape(*masks.shape, *[1] * (values.ndim - 2)).astype(np.float64)
    mean = (values * weights).sum(axis=0) / np.maximum(weights.sum(axis=0), 1.0)
    return Item(values=_as(items[0], mean), mask=np.asarray(masks.any(axis=0))), row


def _tokens(item: Item) -> NDArray[np.float64]:
    """Some of a bag's tokens."""
    step = max(1, len(item.mask) // MEAN_TOKENS)
    return np.asarray(item.values[::step], dtype=np.float64)  # noqa: PD011


def _as(item: Item, values: NDArray[np.float64]) -> NDArray[Any]:
    """Values of the type that the modality's items have; pixels are whole numbers."""
    kind = np.dtype(item.values.dtype)  # noqa: PD011
    if kind == np.float16:
        kind = np.dtype(np.float32)  # features are stored coarsely; a mean need not be
    return (np.rint(values) if np.issubdtype(kind, np.integer) else values).astype(kind)
