"""The elastic net of classes: against scikit-learn, with and without screening, offsets, several classes, the path."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from fusion.plain import sparse as module
from fusion.plain.logistic import ClassLikelihood, Logistic, log_loss
from fusion.plain.sparse import LEAST, MIXED, PATIENCE, STEPS, Problem, elastic_net, fit_at, tried_nets

N = 80


def made(columns: int = 12, *, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    design = random.normal(size=(N, columns))
    design = (design - design.mean(axis=0)) / design.std(axis=0)
    score = design[:, 0] - design[:, 1] + random.logistic(size=N)
    return design, np.searchsorted(np.quantile(score, np.arange(1, classes) / classes), score)


def on(labels: np.ndarray, **more: object) -> ClassLikelihood:
    return ClassLikelihood(labels=labels, weights=more.pop("weights", np.ones(len(labels))), **more)


@pytest.mark.parametrize("columns", [12, 200])
def test_a_path_is_that_of_scikit_learn(columns: int) -> None:
    """With patients' weights; every fit is begun at the one before, of the columns that may matter."""
    design, labels = made(columns)
    weights = np.where(labels == 1, 2.0, 1.0)
    problem = Problem(design=design, likelihood=on(labels, weights=weights))
    for penalty, beta in zip(problem.path()[2:8:2], list(problem.along(problem.path()))[2:8:2], strict=True):
        theirs = LogisticRegression(solver="saga", l1_ratio=MIXED, C=1 / (N * penalty), tol=1e-8, max_iter=100_000)
        theirs.fit(design, labels, sample_weight=weights)
        np.testing.assert_allclose(beta[:-1], theirs.coef_[0], atol=2e-4)
        assert beta[-1] == pytest.approx(theirs.intercept_[0], abs=2e-4)


def test_the_strongest_penalty_leaves_no_column_in_and_prevalence_stays() -> None:
    design, labels = made()
    labels[:10] = 1
    problem = Problem(design=design, likelihood=on(labels))
    penalties = problem.path()
    assert (len(penalties), penalties[-1] / penalties[0]) == (STEPS, pytest.approx(LEAST))
    first, second, *_ = problem.along([1.001 * penalties[0], *penalties[1:]])
    assert not first[:-1].any() and second[:-1].any()
    assert first[-1] == pytest.approx(np.log(labels.mean() / (1 - labels.mean())), abs=1e-4)
    # The slope of the steepest column is what the penalty's half of L1 holds back.
    slope = np.abs(design.T @ (labels - labels.mean())).max() / N
    assert penalties[0] == pytest.approx(slope / MIXED, rel=1e-4)


def test_what_the_screening_forgot_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that lets in next to nothing ends at the same optimum, for it is judged by the conditions of one."""
    design, labels = made(60)
    problem = Problem(design=design, likelihood=on(labels))
    penalties = problem.path()[:8]
    expected = list(problem.along(penalties))[-1]
    # From nothing to the eighth penalty at once the strong rule lets in every column, so it must be far off.
    jump = list(problem.along([penalties[0], penalties[7]]))[-1]
    np.testing.assert_allclose(jump, expected, atol=1e-3)
    fits: list[int] = []

    def counted(columns: np.ndarray, *given: object, **more: object) -> np.ndarray:
        fits.append(columns.shape[1])
        return elastic_net(columns, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "elastic_net", counted)
    start = problem.nothing
    fits.clear()
    given = {"start": start, "free": 1}
    found = module._screened(problem.columns, problem.likelihood, penalties[7], last=1e9, **given)
    assert fits == [61], "after a penalty far stronger every column may matter"
    fits.clear()
    strict = module._screened(problem.columns, problem.likelihood, penalties[7], last=-1e9, **given)
    assert fits[0] == 1 < fits[-1] < 61 and len(fits) > 1
    np.testing.assert_allclose(strict, found, atol=1e-3)
    np.testing.assert_allclose(strict, expected, atol=1e-3)


def test_an_offset_is_a_column_whose_coefficient_is_one() -> None:
    design, labels = made()
    offset = 0.8 * design[:, 0]
    free = elastic_net(design[:, 2:], on(labels, offset=offset), 0.02, tolerance=1e-9, steps=20_000)
    slope = design[:, 2:].T @ (1 / (1 + np.exp(-(offset + design[:, 2:] @ free))) - labels) / N + 0.01 * free
    used = free != 0
    assert 0 < used.sum() < 10
    np.testing.assert_allclose(slope[used], -0.01 * np.sign(free[used]), atol=1e-7)
    assert (np.abs(slope[~used]) <= 0.01 + 1e-9).all()


def test_several_classes_meet_the_conditions_of_an_optimum() -> None:
    design, labels = made(classes=3)
    problem = Problem(design=design, likelihood=on(labels), outputs=3)
    penalty = problem.path()[4]
    beta = list(problem.along(problem.path()[:5]))[-1]
    assert beta.shape == (13, 3)
    given = softmax(problem.columns @ beta, axis=1)
    slope = problem.columns.T @ (given - np.eye(3)[labels]) / N
    assert np.abs(slope[-1]).max() < 1e-4, "intercepts are free"
    weights, slope = beta[:-1], slope[:-1] + penalty * (1 - MIXED) * beta[:-1]
    used = weights != 0
    assert 0 < used.sum() < used.size
    np.testing.assert_allclose(slope[used], -penalty * MIXED * np.sign(weights[used]), atol=1e-4)
    assert (np.abs(slope[~used]) <= penalty * MIXED + 1e-4).all()


def test_a_gradient_is_the_slope_of_the_losses() -> None:
    random = np.random.default_rng(3)
    for classes, shape in ((2, (N,)), (3, (N, 3))):
        _, labels = made(classes=classes)
        likelihood = on(labels, weights=random.random(N), offset=random.normal(size=shape))
        at, step = random.normal(size=shape), random.normal(size=shape)
        ahead, behind = (likelihood.losses(at + way * 1e-6 * step).sum() for way in (1, -1))
        assert (likelihood.gradient(at) * step).sum() == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)
        assert likelihood.patients == N


def test_the_penalty_is_the_one_that_held_out_patients_like_best() -> None:
    """By hand; and a patient's label changes no logit of their own."""
    design, labels = made()
    splits = list(StratifiedKFold(4).split(design, labels))
    net = Logistic(labels=labels, weights=np.ones(N), splits=splits).net(design)
    problem = Problem(design=design, likelihood=on(labels))
    losses = {}
    for place, penalty in enumerate(problem.path()):
        out = np.zeros(N)
        for seen, held in splits:
            part = Problem(design=design[seen], likelihood=on(labels[seen]))
            beta = list(part.along(problem.path()[: place + 1]))[-1]
            out[held] = design[held] @ beta[:-1] + beta[-1]
        losses[penalty] = log_loss(out, labels).sum()
    best = min(losses, key=lambda one: losses[one])
    assert net.penalty == best and net.tried.loss.sum() == pytest.approx(losses[best])
    assert 0 < list(losses).index(best) < STEPS - 1
    again = fit_at(problem, dict.fromkeys(problem.path(), net.tried), best)
    np.testing.assert_array_equal(again.coefficients, net.coefficients)


def test_weaker_penalties_are_not_tried_once_held_out_patients_have_had_enough() -> None:
    random = np.random.default_rng(8)
    design, labels = random.normal(size=(N, 40)), random.permutation(np.arange(N) % 2)
    splits = list(StratifiedKFold(4).split(design, labels))
    problem = Problem(design=design, likelihood=on(labels))
    given = (problem, splits, lambda places: on(labels[places]), lambda scores: log_loss(scores, labels))
    every, some = tried_nets(*given), tried_nets(*given, patience=PATIENCE)
    totals = [one.loss.sum() for one in every.values()]
    stop = next(
        place
        for place in range(PATIENCE, STEPS)
        if min(totals[place - PATIENCE + 1 : place + 1]) >= min(totals[: place - PATIENCE + 1])
    )
    assert len(every) == STEPS and len(some) == stop + 1 < STEPS
    for penalty, found in some.items():
        np.testing.assert_array_equal(found.logits, every[penalty].logits)


def test_the_net_of_several_classes_is_that_of_scikit_learn() -> None:
    design, labels = made(6, classes=3)
    splits = list(StratifiedKFold(4, shuffle=True, random_state=0).split(design, labels))
    net = Logistic(labels=labels, weights=np.ones(N), splits=splits).net(design)
    assert (net.coefficients.shape, net.intercept.shape) == ((3, 6), (3,))
    assert net.tried.logits.shape == (N, 3)
    theirs = LogisticRegression(solver="saga", l1_ratio=MIXED, C=1 / (N * net.penalty), tol=1e-8, max_iter=100_000)
    theirs.fit(design, labels)
    np.testing.assert_allclose(net.coefficients, theirs.coef_, atol=2e-3)
    ours = softmax(design @ net.coefficients.T + net.intercept, axis=1)
    np.testing.assert_allclose(ours, theirs.predict_proba(design), atol=2e-3)
