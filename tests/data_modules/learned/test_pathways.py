"""Scores of gene sets: by hand, by the definition step by step, from training patients alone, and kept as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data_modules.learned.pathways import fit_pathways, usable
from data_modules.learned.reduction import Reduction, fit_reduction
from data_modules.learned.settings import PathwaySettings, ReductionSettings

SETS = {"UP": ("a", "b", "nowhere"), "DOWN": ("b", "c"), "SMALL": ("a", "nowhere")}
GMT = PathwaySettings(file="x.gmt", source="invented", licence="CC0", least=2)


def table(patients: int = 12, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(patients, 5))
    values[2, 0] = np.nan
    return pd.DataFrame(values, columns=[*"abcd", "flat"]).assign(flat=1.0)


def test_sets_are_used_that_the_table_can_fill() -> None:
    assert usable(SETS, list("abcd"), 2) == {"UP": ("a", "b"), "DOWN": ("b", "c")}
    assert usable({"ALL": ("a", "b")}, ["a", "b"], 2) == {}, "of a set of all columns there are no others"


def test_a_mean_by_hand() -> None:
    train = pd.DataFrame({"a": [0.0, 2.0, np.nan, 4.0], "b": [1.0, 3.0, 3.0, 1.0], "c": [0.0, 1.0, 0.0, 1.0]})
    found = fit_pathways(train, {"UP": ("a", "b")}, score="mean", least=2, clip=None)
    # a: median 2 fills; mean 2, deviation √2. b: mean 2, deviation 1. Scores (−√2 − 1)/2, 1/2, 1/2, (√2 − 1)/2: mean 0.
    raw = np.array([-np.sqrt(2) - 1, 1.0, 1.0, np.sqrt(2) - 1]) / 2
    assert found.transform(train)[:, 0] == pytest.approx(raw / raw.std())
    assert found.columns == ("a", "b")
    (feature,) = found.features
    assert (feature.name, feature.label, feature.center) == ("UP", "UP (2 genes)", pytest.approx(0))
    assert feature.scale == pytest.approx(raw.std())


def stepwise(values: np.ndarray, inside: np.ndarray) -> float:
    """Barbie et al. 2009: over genes from the highest down, the sum of the difference of two cumulative shares."""
    order = np.argsort(-values)
    ranks = np.arange(len(values), 0, -1)
    hit = inside[order]
    weights = np.where(hit, ranks**0.25, 0.0)
    return float((np.cumsum(weights) / weights.sum() - np.cumsum(~hit) / (~hit).sum()).sum())


def test_enrichment_by_its_definition() -> None:
    train = table(40)
    found = fit_pathways(train, SETS, score="ssgsea", least=2, clip=None)
    assert found.columns == ("a", "b", "c", "d"), "ranks are among all genes that vary"
    whole = train[list("abcd")].fillna(train["a"].median())
    inside = np.array([True, True, False, False])
    by_hand = np.array([stepwise(row, inside) for row in whole.to_numpy()])
    expected = (by_hand - by_hand.mean()) / by_hand.std()
    assert found.transform(train)[:, 0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("score", ["mean", "ssgsea"])
def test_new_patients_are_read_as_training_had_it_and_state_comes_back(score: str) -> None:
    settings = ReductionSettings(clip=1.5, pathways=PathwaySettings(**{**GMT.__dict__, "score": score}))
    learned = fit_reduction(table(), np.zeros(12, dtype=np.int64), settings, SETS)
    again = Reduction.restore(learned.state())
    new = table(4, seed=1)
    alone = learned.transform(new.iloc[[1]])
    assert (again.transform(new)[1] == alone[0]).all(), "one by one as all together"
    assert [one.name for one in learned.features] == ["UP", "DOWN"]
    assert again.features == learned.features
    assert np.abs(learned.transform(100 * new)).max() <= 1.5
    assert set(learned.needed) == set("abc" if score == "mean" else "abcd")


def test_sets_stand_beside_components() -> None:
    train = table()
    both = fit_reduction(train, np.zeros(12, dtype=np.int64), ReductionSettings(components=2, pathways=GMT), SETS)
    alone = fit_reduction(train, np.zeros(12, dtype=np.int64), ReductionSettings(components=2))
    assert [one.name for one in both.features] == ["component 1", "component 2", "UP", "DOWN"]
    np.testing.assert_array_equal(both.transform(train)[:, :2], alone.transform(train))
    assert set(both.needed) == set("abcd")
