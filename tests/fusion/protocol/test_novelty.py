"""Distances by hand, patients with missing features, and limits that hold for whoever lacks a modality."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import LedoitWolf

from fusion.arms.base import FoldData
from fusion.contract import EndpointSpec, Fold, FusionError, InnerFold, State
from fusion.protocol.novelty import Novelty, fit_novelty, ledoit_wolf

CORRELATED = np.array([[1.0, 0.6], [0.6, 1.0]])


def plain(limit: float = 2.0) -> Novelty:
    """Two standardised features with correlation 0.6, as runs of earlier versions kept them."""
    arrays = {"center": np.array([50.0, 20.0]), "scale": np.array([10.0, 5.0]), "covariance": CORRELATED}
    return Novelty.from_state(
        State(config={"columns": ["clinical:age", "clinical:size"], "limit": limit}, arrays=arrays)
    )


def test_distance_by_hand() -> None:
    table = pd.DataFrame({"clinical:age": [60.0, 50.0], "clinical:size": [20.0, 20.0], "other": [1.0, 1.0]})
    # z = (1, 0); the inverse of [[1, .6], [.6, 1]] is [[1, −.6], [−.6, 1]] / 0.64, so z'Σ⁻¹z / 2 = 1 / 0.64 / 2.
    assert plain().distance(table) == pytest.approx([np.sqrt(1 / 0.64 / 2), 0.0])
    assert plain(limit=0.5).relative(table) == pytest.approx([2 * np.sqrt(1 / 0.64 / 2), 0.0])


def test_a_missing_feature_is_left_out() -> None:
    table = pd.DataFrame({"clinical:age": [70.0, np.nan], "clinical:size": [np.nan, np.nan]})
    distance = plain().distance(table)
    assert distance[0] == pytest.approx(2.0)
    assert np.isnan(distance[1])


def test_fit_leaves_out_constant_columns_and_survives_state() -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame({"a": random.normal(3, 2, 200), "b": random.normal(0, 1, 200), "constant": 7.0})
    fitted = Novelty.fit(table)
    assert fitted.columns == ("a", "b")
    assert fitted.distance(table).mean() == pytest.approx(1.0, abs=0.15)
    back = Novelty.from_state(fitted.state())
    assert np.array_equal(back.distance(table), fitted.distance(table))


@pytest.mark.parametrize("columns", [6, 90])
def test_the_covariance_is_scikit_learns(columns: int) -> None:
    """Fewer and more columns than patients; where cells are missing, the sub-matrix of what is there is inverted."""
    random = np.random.default_rng(2)
    mixing = random.normal(size=(columns, columns))
    table = pd.DataFrame(random.normal(size=(40, columns)) @ mixing).add_prefix("rna:")
    fitted = Novelty.fit(table)
    standard = (table - table.mean()) / table.std(ddof=0)
    reference = LedoitWolf(assume_centered=True).fit(standard.to_numpy())
    covariance = fitted.loadings.T @ fitted.loadings + fitted.floor * np.eye(columns)
    assert covariance == pytest.approx(reference.covariance_, abs=1e-9)
    assert len(fitted.loadings) <= 40
    gram = standard.to_numpy() @ standard.to_numpy().T
    assert ledoit_wolf(gram, columns)[0] == pytest.approx(reference.shrinkage_)
    new = pd.DataFrame(random.normal(size=(3, columns)) @ mixing).add_prefix("rna:")
    new.iloc[1, : columns // 6] = np.nan
    new.iloc[2, columns // 5 :] = np.nan
    z = ((new - table.mean()) / table.std(ddof=0)).to_numpy()
    for row, found in zip(z, fitted.distance(new), strict=True):
        seen = ~np.isnan(row)
        inverse = np.linalg.inv(reference.covariance_[np.ix_(seen, seen)])
        assert found == pytest.approx(np.sqrt(row[seen] @ inverse @ row[seen] / seen.sum()))


def test_what_is_missing_lowers_no_variance_and_no_correlation() -> None:
    random = np.random.default_rng(3)
    both = random.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=800)
    both[random.random(800) < 0.5] = np.nan
    table = pd.DataFrame(both, columns=["dna:a", "dna:b"])
    table["clinical:age"] = random.normal(size=800)
    fitted = Novelty.fit(table)
    covariance = fitted.loadings.T @ fitted.loadings + fitted.floor * np.eye(3)
    assert covariance == pytest.approx(np.array([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]]), abs=0.1)


class Part:
    """A fitted modality that is a table."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def table(self, patient_ids: Sequence[str]) -> pd.DataFrame:
        return self._table.loc[list(patient_ids)]


def cohort(patients: int, *, seed: int) -> dict[str, pd.DataFrame]:
    """RNA of seven tenths of the patients, clinical columns of all; both are functions of a few hidden numbers."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(patients, 5))
    mixing = np.random.default_rng(0).normal(size=(5, 64))
    rna = pd.DataFrame(hidden @ mixing[:, :60] + random.normal(size=(patients, 60)))
    clinical = pd.DataFrame(hidden @ mixing[:, 60:] + random.normal(size=(patients, 4)))
    rna[random.random(patients) < 0.3] = np.nan
    return {"rna": rna.add_prefix("g"), "clinical": clinical.add_prefix("c")}


def fold_of(tables: dict[str, pd.DataFrame], patients: Sequence[int]) -> FoldData:
    fitted = {name: Part(table) for name, table in tables.items()}
    inner = [
        InnerFold(train=tuple(p for p in patients if p % 3 != part), val=tuple(p for p in patients if p % 3 == part))  # type: ignore[misc]
        for part in range(3)
    ]
    return FoldData(
        fold=Fold(repeat=0, index=0, train=tuple(patients), test=(), inner=tuple(inner)),  # type: ignore[arg-type]
        endpoint=EndpointSpec(name="r", kind="binary", classes=("no", "yes")),
        labels=pd.Series(dtype="int64"),
        members=[fitted] * 3,  # type: ignore[list-item]
        whole=fitted,  # type: ignore[arg-type]
        seed=0,
    )


def together(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([table.add_prefix(f"{name}:") for name, table in tables.items()], axis=1)


def test_patients_like_those_of_training_are_called_new_as_rarely_with_a_modality_as_without() -> None:
    """About one in a hundred: limits from in-sample distances would call most of these patients new."""
    with_rna, without = [], []
    for seed in range(6):
        fitted = fit_novelty(fold_of(cohort(150, seed=seed), range(150)))
        assert set(fitted.limits) == {"rna+clinical", "rna", "clinical"}
        new = cohort(2_000, seed=100 + seed)
        unlike = fitted.relative(together(new)) > 1
        has = new["rna"].notna().all(axis=1).to_numpy()
        with_rna.append(unlike[has].mean())
        without.append(unlike[~has].mean())
    assert np.mean(with_rna) < 0.035
    assert 0.004 < np.mean(without) < 0.035
    assert np.mean(with_rna) > 0.004


def test_patients_unlike_those_of_training_are_found_with_and_without_a_modality() -> None:
    fitted = fit_novelty(fold_of(cohort(150, seed=0), range(150)))
    new = cohort(200, seed=1)
    for table in new.values():
        table += 6.0 * np.where(np.arange(table.shape[1]) % 2, 1, -1)
    unlike = fitted.relative(together(new)) > 1
    assert unlike.mean() > 0.95


def test_the_limit_is_of_patients_left_out_of_inner_folds() -> None:
    data = fold_of(cohort(150, seed=0), range(150))
    fitted = fit_novelty(data)
    distances = []
    for inner in data.fold.inner:
        tables = {name: part.table(inner.train) for name, part in data.whole.items()}
        mine = Novelty.fit(together(tables))
        val = together({name: part.table(inner.val) for name, part in data.whole.items()})
        distances.append(mine.distance(val[val.notna().all(axis=1)]))
    assert fitted.limits["rna+clinical"] == pytest.approx(np.percentile(np.concatenate(distances), 99))
    assert fitted.limit == fitted.limits["rna+clinical"]


def test_a_set_of_modalities_without_a_limit_takes_the_nearest() -> None:
    table = pd.DataFrame({"a:x": [1.0, 1.0], "b:x": [2.0, np.nan], "c:x": [0.0, np.nan]})
    fitted = Novelty(
        columns=("a:x", "b:x", "c:x"),
        center=np.zeros(3),
        scale=np.ones(3),
        loadings=np.zeros((1, 3)),
        floor=1.0,
        limit=9.0,
        limits={"a+b+c": 2.0, "a+b": 0.5},
    )
    assert fitted.relative(table) == pytest.approx([np.sqrt(5 / 3) / 2.0, 1.0 / 0.5])


def test_a_patient_is_called_new_above_the_limit_of_most_folds() -> None:
    """`predict`: the mean over folds of the distance over the fold's limit; 1 is like, above 1 is unlike."""
    from fusion.apply.application import _table

    patients = ["a", "b", "c"]
    setup = SimpleNamespace(modalities={"clinical": SimpleNamespace(patients=set(patients), failed={})})
    distances = pd.DataFrame({"f0": [0.9, 1.6, 1.0], "f1": [1.0, 0.6, 1.0]}, index=patients)
    scores = [np.array([0.1, 0.2, 0.3])] * 2
    found = _table(setup, {"score": scores[0]}, scores, distances, trained=set())  # type: ignore[arg-type]
    assert found["out_of_distribution"].tolist() == [False, True, False]
    assert found["distance"].tolist() == pytest.approx([0.95, 1.1, 1.0])


def test_columns_the_fold_knew_must_be_there() -> None:
    with pytest.raises(FusionError, match="clinical:size"):
        plain().distance(pd.DataFrame({"clinical:age": [1.0]}))
