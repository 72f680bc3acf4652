"""L1 path, mutual information and selection by gene, against scikit-learn and by hand; and that noise stays noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import RFE, RFECV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from data_modules.learned import selection_methods as methods
from data_modules.learned.selection import Selector, standardised


def carriers(patients=150, features=40, seed=0):
    """Carriers of variants; f3 and f4 decide."""
    rng = np.random.default_rng(seed)
    X = (rng.random((patients, features)) < rng.uniform(0.1, 0.4, features)).astype(float)
    X[:, [3, 4]] = rng.random((patients, 2)) < 0.4
    y = (rng.random(patients) < 0.1 + 0.4 * X[:, 3] + 0.4 * X[:, 4]).astype(np.int64)
    ids = [f"P{number:03d}" for number in range(patients)]
    return pd.DataFrame(X, index=ids, columns=[f"f{number}" for number in range(features)]), y


@pytest.mark.parametrize("method", ["l1", "mutual_information"])
def test_finds_what_decides(method):
    X, y = carriers()
    selected = Selector(method=method, features=6).fit(X, y)
    assert len(selected.names) == 6
    assert {"f3", "f4"} <= set(selected.names)
    assert (selected.table["selected"] == (selected.table["rank"] == 1)).all()


def test_mutual_information_by_hand():
    """``both`` tells the response, ``half`` tells it of half the patients, ``none`` nothing."""
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    X = pd.DataFrame({"none": [0, 1, 0, 1, 0, 1, 0, 1], "half": [0, 0, 0, 0, 0, 0, 1, 1], "both": y * 1.0})
    assert Selector(method="mutual_information", features=1).fit(X, y).names == ("both",)
    assert Selector(method="mutual_information", features=2).fit(X, y).names == ("half", "both")
    # ln 2 is all there is to know; 3/4 of the patients are in a cell of 2/3 purity, 1/4 in a pure one.
    half = np.log(2) - 0.75 * -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert mutual_info_score(X["half"], y) == pytest.approx(half)


def test_mutual_information_of_counts_is_scikit_learns():
    rng = np.random.default_rng(0)
    counts, y = rng.binomial(2, 0.3, (80, 30)), rng.integers(0, 2, 80)
    expected = [mutual_info_score(column, y) for column in counts.T]
    np.testing.assert_allclose(methods._plug_in(counts, y), expected, atol=1e-12)
    ranks = methods.mutual_information(standardised(counts.astype(float)), y, np.arange(30), keep=5, seed=0)
    assert set(np.flatnonzero(ranks == 1)) == set(np.argsort(expected)[-5:])


def test_l1_keeps_what_enters_first():
    """One penalty, chosen between the entries of two features, leaves those that the path has let in."""
    X, y = carriers()
    scaled = standardised(X.to_numpy())
    for keep in (1, 2, 5):
        ranks = methods.lasso_path(scaled, y, np.arange(40), keep=keep, seed=0)
        assert (ranks == 1).sum() == keep
        chosen = np.flatnonzero(ranks == 1)
        for C in np.geomspace(0.001, 1, 200):
            model = LogisticRegression(C=C, l1_ratio=1.0, solver="liblinear", class_weight="balanced", tol=1e-6)
            entered = np.flatnonzero(model.fit(scaled, y).coef_.ravel())
            if len(entered) >= keep:
                break
        assert set(chosen) <= set(entered)


def test_the_path_starts_where_the_first_enters_also_where_one_class_is_rare(monkeypatch):
    """Twelve of 120 respond: classes weigh alike, so the start depends on which of them is the rare one."""
    rng = np.random.default_rng(0)
    y = (np.arange(120) < 12).astype(np.int64)
    scaled = standardised(rng.normal(size=(120, 20)))
    for labels in (y, 1 - y):
        for factor, entered in ((0.97, 0), (1.03, 1)):
            monkeypatch.setattr(methods, "_PATH", [factor])
            ranks = methods.lasso_path(scaled, labels, np.arange(20), keep=20, seed=0, tolerance=1e-6)
            assert (ranks < 3).sum() == entered


def test_nothing_enters_below_the_start_of_the_path():
    """The bound that the path starts from is where scikit-learn's first coefficient leaves zero."""
    X, y = carriers()
    scaled = standardised(X.to_numpy())
    signed = np.where(y == 1, 0.5 / y.mean(), -0.5 / (1 - y.mean()))
    least = 2 / np.abs(signed @ scaled).max()
    found = []
    for factor in (0.98, 1.02):
        model = LogisticRegression(
            C=least * factor, l1_ratio=1.0, solver="liblinear", class_weight="balanced", tol=1e-8
        )
        found.append(int((model.fit(scaled, y).coef_ != 0).sum()))
    assert found[0] == 0 and found[1] >= 1


# By gene.


def test_a_gene_is_kept_or_dropped_as_a_whole():
    X, y = carriers()
    genes = {f"f{at}": f"G{at // 2}" for at in range(38)}  # f38 and f39 have none
    for method in ("rfe", "rfecv", "l1", "mutual_information"):
        table = Selector(method=method, features=3, univariate=15, by_gene=True).fit(X, y, genes).table
        share = table.groupby("gene")["selected"].mean()
        assert share.isin([0.0, 1.0]).all(), method
        assert table.loc[table["gene"] == "G1", "selected"].all(), method  # of f3
        if method != "rfecv":
            alone = table.loc[table["gene"].isna(), "selected"].sum()
            assert table[table["selected"]]["gene"].nunique() + alone == 3, method


def test_elimination_by_gene_is_scikit_learns_where_a_genes_other_features_say_nothing():
    """A companion of zeros adds no weight to its gene, so ranks are those of plain elimination."""
    X, y = carriers()
    scaled = standardised(X.to_numpy())
    paired = np.concatenate([scaled, np.zeros_like(scaled)], axis=1)
    owner = np.tile(np.arange(40), 2)
    make = Selector(estimator="logistic")._estimator
    plain = RFE(make(), n_features_to_select=5, step=0.1).fit(scaled, y)
    assert methods.eliminate(paired, y, owner, make=make, keep=5, step=0.1).tolist() == plain.ranking_.tolist()
    split = StratifiedKFold(3, shuffle=True, random_state=1)
    chosen = RFECV(make(), step=0.1, min_features_to_select=2, cv=split, scoring="roc_auc").fit(scaled, y)
    ranks = methods.eliminate_cv(paired, y, owner, make=make, keep=2, step=0.1, folds=3, seed=1)
    assert ranks.tolist() == chosen.ranking_.tolist()


# Labels dealt out anew: nothing is found, unless selection has seen the patients that are scored.


def noise_auroc(permutations, *, inside, patients=100, variants=1000, **settings):
    rng = np.random.default_rng(5)
    dosage = rng.binomial(2, rng.uniform(0.05, 0.4, variants), (patients, variants)).astype(float)
    X = pd.DataFrame(dosage, index=[f"P{at:03d}" for at in range(patients)])
    found = []
    for _ in range(permutations):
        y = rng.permutation(np.arange(patients) % 2)
        scores = np.zeros(patients)
        for train, test in StratifiedKFold(4).split(X, y):
            seen = train if inside else np.arange(patients)
            names = list(Selector(features=20, **settings).fit(X.iloc[seen], y[seen]).names)
            model = LogisticRegression(C=0.1).fit(X.iloc[train][names], y[train])
            scores[test] = model.decision_function(X.iloc[test][names])
        found.append(float(roc_auc_score(y, scores)))
    return float(np.mean(found))


def test_permuted_labels_find_nothing():
    assert abs(noise_auroc(20, inside=True, univariate=100) - 0.5) <= 0.05


def test_the_test_above_would_see_a_leak():
    assert noise_auroc(2, inside=False, univariate=100) > 0.8
