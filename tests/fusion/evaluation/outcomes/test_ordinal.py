"""Grades: proportional odds, kappa, calibration; against scikit-learn and by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from fusion.contract import EndpointSpec, Truth
from fusion.evaluation.outcome import outcome_of
from fusion.evaluation.outcomes.cumulative import along, called, fit_cuts, fit_ordinal, kappa, losses, probabilities
from fusion.evaluation.outcomes.ordinal import cut_auroc

RCB = EndpointSpec(name="rcb", kind="ordinal", classes=("0", "I", "II", "III"))


def graded(patients: int = 150, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(patients, 3))
    latent = 1.5 * values[:, 0] + rng.logistic(size=patients)
    return values, np.digitize(latent, [-1.5, 0.0, 1.5])


def test_probabilities_by_hand():
    """At latent 0 and cut-points 0 and log 3: one half, one quarter, one quarter."""
    np.testing.assert_allclose(probabilities(np.zeros(1), np.array([0.0, np.log(3)])), [[0.5, 0.25, 0.25]])
    assert losses(np.zeros(2), np.array([0.0, np.log(3)]), np.array([0, 2])).tolist() == pytest.approx(
        [np.log(2), np.log(4)]
    )


def test_of_two_grades_it_is_logistic_regression():
    values, labels = graded()
    two = (labels > 1).astype(np.int64)
    beta, cuts = fit_ordinal(values, two, 2, strength=0.5)
    other = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(values, two)
    np.testing.assert_allclose(beta, other.coef_[0], atol=1e-4)
    np.testing.assert_allclose(cuts, -other.intercept_, atol=1e-4)


def test_cut_points_are_shares_where_nothing_is_known():
    labels = np.repeat([0, 1, 2, 3], [10, 20, 30, 40])
    cuts = fit_cuts(np.zeros(100), labels, 4)
    np.testing.assert_allclose(1 / (1 + np.exp(cuts)), [0.9, 0.7, 0.4], atol=1e-3)
    moved = fit_cuts(np.full(100, 7.0), labels, 4)
    np.testing.assert_allclose(moved, cuts + 7.0, atol=1e-3)


def test_derivatives_are_those_of_the_loss():
    _, labels = graded(20)
    latent, cuts = np.linspace(-3, 3, 20), np.array([-1.0, 0.2, 1.3])
    first, second = along(latent, cuts, labels)
    numeric = approx_fprime(latent, lambda eta: losses(eta, cuts, labels).sum(), 1e-7)
    np.testing.assert_allclose(first, numeric, atol=1e-5)
    step = 1e-5
    twice = (along(latent + step, cuts, labels)[0] - along(latent - step, cuts, labels)[0]) / (2 * step)
    np.testing.assert_allclose(second, twice, atol=1e-5)


def test_kappa_is_scikit_learns():
    rng = np.random.default_rng(1)
    labels, told = rng.integers(0, 4, size=60), rng.integers(0, 4, size=60)
    counts = np.stack([np.ones(60), rng.integers(0, 3, size=60), np.zeros(60)]).astype(float)
    found = kappa(labels, told, counts, grades=4)
    assert found[0] == pytest.approx(cohen_kappa_score(labels, told, weights="quadratic"), abs=1e-9)
    rows = np.repeat(np.arange(60), counts[1].astype(int))
    assert found[1] == pytest.approx(cohen_kappa_score(labels[rows], told[rows], weights="quadratic"), abs=1e-9)
    assert np.isnan(found[2])
    assert called(np.array([[0.5, 0.0, 0.5], [0.1, 0.1, 0.8]])).tolist() == [1, 2]


def test_the_auroc_of_cuts_is_scikit_learns():
    values, labels = graded()
    scores = probabilities(values[:, 0], np.array([-1.0, 0.0, 1.0]))
    each = [roc_auc_score(labels > cut, values[:, 0]) for cut in range(3)]
    assert cut_auroc(labels, scores, np.ones((1, 150)))[0] == pytest.approx(np.mean(each))


def test_calibration_keeps_ranks_and_shares_and_goes_through_json():
    values, labels = graded()
    outcome = outcome_of(RCB)
    found = outcome.fit_calibrator(5.0 * values[:, 0] + 3.0, Truth(label=labels))
    scores = found(5.0 * values[:, 0] + 3.0)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)
    np.testing.assert_allclose(scores.mean(axis=0), np.bincount(labels) / 150, atol=0.02)
    again = outcome.restore_calibrator(json.loads(json.dumps(found.state())))
    np.testing.assert_array_equal(again(values[:, 0]), found(values[:, 0]))
    turned = outcome.fit_calibrator(-values[:, 0], Truth(label=labels))
    assert 0 < turned.slope < 0.01
    steep = found.steeper(2.0, 5.0 * values[:, 0] + 3.0, narrower=2.0)
    narrow = 5.0 * values[:, 0] + 3.0
    narrow = narrow.mean() + (narrow - narrow.mean()) / np.sqrt(2)
    np.testing.assert_allclose(steep(narrow).mean(axis=0), scores.mean(axis=0), atol=1e-6)
    assert np.corrcoef(outcome.logits(scores), values[:, 0])[0, 1] > 0.999
    inner = outcome.inner(Truth(label=labels), scores)
    assert 0.4 < inner["kappa"] < 0.9
    assert set(inner) == {"kappa", "balanced_accuracy", "accuracy", "auroc"}


def test_a_grade_that_a_test_fold_lacks_changes_no_definition():
    """Kappa and AUROC are of all patients together; of a sample without a grade, over the cuts that it has."""
    labels = np.array([0, 0, 1, 1, 2, 2, 0, 1, 0, 1])
    rng = np.random.default_rng(1)
    scores = rng.dirichlet(np.ones(3), size=10)
    rows = pd.DataFrame(scores, columns=["score_none", "score_some", "score_all"])
    rows = rows.assign(
        patient_id=[f"P{at}" for at in range(10)], arm="fusion", repeat=0, fold=[0] * 6 + [1] * 4, endpoint="rcb",
        label=labels, score=scores.max(axis=1), threshold=np.nan,
    )  # fmt: skip
    outcome = outcome_of(EndpointSpec(name="rcb", kind="ordinal", classes=("none", "some", "all")))
    found = outcome.evaluate(rows, draws=20)["arms"]["fusion"]
    expected = cohen_kappa_score(labels, np.rint(scores @ [0, 1, 2]), weights="quadratic")
    assert found["kappa"]["value"] == pytest.approx(expected, abs=1e-9)
    assert np.isfinite(found["auroc_cuts"]["value"])
    once = np.ones((1, 4))
    lacking = cut_auroc(labels[6:], scores[6:], once)[0]
    assert lacking == pytest.approx(roc_auc_score(labels[6:] > 0, scores[6:, 1:].sum(axis=1)), abs=1e-9)
    assert np.isnan(cut_auroc(np.zeros(4, dtype=np.int64), scores[6:], once)[0]), "of one grade there is no cut"
