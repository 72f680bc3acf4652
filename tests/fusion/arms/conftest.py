"""A small fold with two table-like modalities, fitted on the patients they are said to be fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from fusion.arms.base import FoldData
from fusion.contract import EndpointSpec, FeatureSpec, Fold, InnerFold, Item, ModalitySpec, State

ENDPOINT = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))


class Columns:
    """A fitted table: centred by the patients it was fitted on."""

    def __init__(self, name: str, raw: pd.DataFrame, train: Sequence[str]) -> None:
        seen = raw.reindex(list(train)).dropna()
        self._raw, self._center = raw, seen.mean()
        self.spec = ModalitySpec(
            name=name,
            kind="table",
            features=tuple(FeatureSpec(name=column, kind="column", label=column) for column in raw),
        )
        self.selection = None

    def load(self, patient_id: str) -> Item | None:
        row = self.table([patient_id]).to_numpy(dtype=np.float32)[0]
        return None if np.isnan(row).all() else Item(values=row, mask=np.ones(len(row), dtype=bool))

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        return self._raw.reindex(list(patient_ids)) - self._center

    def state(self) -> State:
        return State(config={}, arrays={"center": self._center.to_numpy()})


def make_fold(raw: dict[str, pd.DataFrame], labels: pd.Series[int], inner: int = 3) -> FoldData:
    """The last fifth of the patients is tested."""
    ids = list(labels.index)
    cut = len(ids) * 4 // 5
    train, test = ids[:cut], ids[cut:]
    splits = [
        InnerFold(
            train=tuple(patient for i, patient in enumerate(train) if i % inner != part),
            val=tuple(patient for i, patient in enumerate(train) if i % inner == part),
        )
        for part in range(inner)
    ]
    fold = Fold(repeat=0, index=0, train=tuple(train), test=tuple(test), inner=tuple(splits))

    def fit(patients: Sequence[str]) -> dict[str, Columns]:
        return {name: Columns(name, table, patients) for name, table in raw.items()}

    return FoldData(
        fold=fold,
        endpoint=ENDPOINT,
        labels=labels.loc[train],
        members=[fit(part.train) for part in splits],
        whole=fit(train),
        seed=3,
    )


@pytest.fixture
def raw() -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(0)
    ids = [f"P{number:03d}" for number in range(100)]
    return {
        "clinical": pd.DataFrame(random.normal(size=(100, 3)), index=ids, columns=["age", "size", "grade"]),
        "blood": pd.DataFrame(random.normal(size=(100, 2)), index=ids, columns=["crp", "ldh"]),
    }


@pytest.fixture
def labels(raw: dict[str, pd.DataFrame]) -> pd.Series[int]:
    noise = np.random.default_rng(1).normal(size=100)
    score = 2 * raw["clinical"]["age"] + raw["blood"]["crp"] + noise
    return (score > 0).astype(int)


@pytest.fixture(scope="session")
def fold_of() -> Callable[..., FoldData]:
    return make_fold
