from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import RFE, f_classif

from data_modules.learned.selection import Selector, standardised
from fusion.contract import FusionError


def dosages(patients=200, features=300, seed=0):
    """Carriers of variants; f3 and f4 decide."""
    rng = np.random.default_rng(seed)
    X = (rng.random((patients, features)) < rng.uniform(0.02, 0.3, features)).astype(float)
    X[:, [3, 4]] = rng.random((patients, 2)) < 0.4
    y = (rng.random(patients) < 0.1 + 0.4 * X[:, 3] + 0.4 * X[:, 4]).astype(np.int64)
    ids = [f"P{number:03d}" for number in range(patients)]
    return pd.DataFrame(X, index=ids, columns=[f"f{number}" for number in range(features)]), y


def test_filters_by_hand():
    X = pd.DataFrame(
        {
            "absent": [0.0, 0, 0, 0],
            "once": [1.0, 0, 0, 0],
            "twice": [2.0, 1, 0, 0],
            "everyone": [1.0, 1, 1, 1],
            "unknown": [np.nan, np.nan, 1, np.nan],
        }
    )
    y = np.array([1, 1, 0, 0])

    def names(**filters):
        return Selector(method="none", **filters).fit(X, y).names

    assert names() == ("once", "twice")
    assert names(min_carriers=2) == ("twice",)
    assert names(min_prevalence=0.5) == ("twice",)
    # Variances 3/16 and 11/16.
    assert names(min_variance=0.2) == ("twice",)


def test_prevalence_is_a_share_of_all_patients():
    """Two of four carry it; of the three who are known these would be two thirds."""
    X = pd.DataFrame({"half": [1.0, 1, 0, np.nan], "most": [1.0, 1, 1, 0]})
    found = [Selector(method="none", min_prevalence=share).fit(X, np.array([1, 1, 0, 0])).names for share in (0.5, 0.6)]
    assert found == [("half", "most"), ("most",)]


def test_standardised_by_hand():
    values = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, 2.0], [np.nan, 5.0, 4.0]])
    np.testing.assert_array_equal(standardised(values), [[-1, 0, 0], [1, 0, -1], [0, 0, 1]])


@pytest.mark.parametrize("estimator", ["logistic", "svm", "forest"])
def test_finds_what_decides(estimator):
    X, y = dosages(features=80)
    selected = Selector(estimator=estimator, features=10, step=0.4).fit(X, y, genes={"f3": "TP53"})
    assert len(selected.names) == 10
    assert {"f3", "f4"} <= set(selected.names)
    assert selected.table.loc[3, ["feature", "gene", "rank", "selected"]].to_list() == ["f3", "TP53", 1, True]
    assert (selected.table["selected"] == (selected.table["rank"] == 1)).all()
    assert selected.names == tuple(name for name in X.columns if name in selected.names)


def test_is_scikit_learns_elimination():
    X, y = dosages(features=40)
    selector = Selector(features=8, step=0.1)
    theirs = RFE(selector._estimator(), n_features_to_select=8, step=0.1).fit(standardised(X.to_numpy()), y)
    assert selector.fit(X, y).table["rank"].to_list() == theirs.ranking_.tolist()


def test_univariate_filter_is_anova():
    X, y = dosages()
    selector = Selector(method="none", univariate=20)
    best = np.argsort(-f_classif(X, y)[0])[:20]
    assert set(selector.fit(X, y).names) == {f"f{number}" for number in best}


def test_what_filters_removed_ranks_last():
    X, y = dosages(features=60)
    table = Selector(min_prevalence=0.1, univariate=30, features=10).fit(X, y).table
    prevalence = X.mean().to_numpy()
    rare = table.loc[prevalence < 0.1, "rank"]
    assert len(set(rare)) == 1
    assert rare.iloc[0] == table["rank"].max()
    assert (table.loc[prevalence >= 0.1, "rank"] < table["rank"].max()).all()


def test_number_of_features_by_cross_validation():
    X, y = dosages(features=60)
    selected = Selector(method="rfecv", features=2, step=0.1).fit(X, y)
    assert 2 <= len(selected.names) < 60
    assert {"f3", "f4"} <= set(selected.names)


@pytest.mark.parametrize("method", ["rfe", "rfecv"])
def test_tens_of_patients(method):
    X, y = dosages(patients=40)
    y[:] = 0
    y[:3] = 1
    assert len(Selector(method=method, features=10).fit(X, y).names) >= 10


def test_fewer_features_than_wanted_are_all_kept():
    X, y = dosages(features=5)
    assert len(Selector(features=64).fit(X, y).names) == 5


@pytest.mark.parametrize("method", ["rfe", "rfecv", "l1", "mutual_information"])
def test_only_the_rows_given_matter_and_their_order_does_not(method):
    """Selection is fitted on 150 patients; the others' values and labels are replaced by noise."""
    X, y = dosages(features=100)
    train = X.index[:150]
    before = Selector(method=method, features=10).fit(X.loc[train], y[:150]).table
    altered = X.copy()
    altered.iloc[150:] = np.random.default_rng(9).normal(size=(50, X.shape[1]))
    assert Selector(method=method, features=10).fit(altered.loc[train], y[:150]).table.equals(before)
    order = np.random.default_rng(1).permutation(150)
    assert Selector(method=method, features=10).fit(X.loc[train].iloc[order], y[:150][order]).table.equals(before)


def test_one_class_and_nothing_left():
    X, y = dosages(features=5)
    with pytest.raises(FusionError, match="all of one class"):
        Selector().fit(X, np.zeros_like(y))
    with pytest.raises(FusionError, match=r"None of 5 features passes selector\.min_prevalence=1\.0.*Lower them"):
        Selector(min_prevalence=1.0).fit(X, y)
    with pytest.raises(FusionError, match=r"Use selector\.method=rfe"):
        Selector(method="rfecv", features=2).fit(X, np.eye(len(y), dtype=np.int64)[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": 0},
        {"step": 2},
        {"features": 0},
        {"min_prevalence": 2},
        {"method": "lasso"},
        {"estimator": "knn"},
        {"strength": 0},
    ],
)
def test_arguments_out_of_range(wrong):
    (key,) = wrong
    with pytest.raises(FusionError, match=rf"^{key} must be "):
        Selector(**wrong)
