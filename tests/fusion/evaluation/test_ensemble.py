"""Agreement of members where it is known, and the calibration that follows from it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from fusion.evaluation.calibration import Platt, Temperature, fit_platt, fit_temperature
from fusion.evaluation.ensemble import LEAST, agreement, narrowing, steepness

Floats = NDArray[np.float64]


def members(rng: np.random.Generator, *, patients: int, count: int, noise: float, memory: float = 0.0):
    """Members that share a signal of variance 1 and have noise of their own; they remember labels they trained on."""
    signal = rng.normal(size=patients)
    labels = (rng.random(patients) < expit(1.2 * signal - 0.5)).astype(np.int64)
    unseen = np.arange(patients) % count == np.arange(count)[:, None]
    logits = signal + noise * rng.normal(size=(count, patients)) + memory * (2 * labels - 1) * ~unseen
    return logits, unseen, labels, signal


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("memory", [0.0, 1.0])
def test_agreement_is_the_shared_share_whatever_is_remembered(count: int, memory: float) -> None:
    logits, unseen, labels, _ = members(
        np.random.default_rng(1), patients=20_000, count=count, noise=0.7, memory=memory
    )
    assert agreement(logits, unseen, labels) == pytest.approx(1 / (1 + 0.49), abs=0.02)


def test_agreement_by_hand() -> None:
    """Two members, four patients, one class: differences of unseen patients vary by 1, logits by 4."""
    logits = np.array([[2.0, -2.0, 3.0, -1.0], [3.0, -3.0, 2.0, -2.0]])
    unseen = np.array([[True, True, False, False], [False, False, True, True]])
    # Unseen logits 2, −2, 2, −2: variance 4. Differences −1, 1 and 1, 1: variances 1 and 0, in the mean 0.5, of which
    # an unseen member has half.
    assert agreement(logits, unseen, np.zeros(4, dtype=np.int64)) == pytest.approx(1 - 0.25 / 4)


def test_agreement_at_its_ends() -> None:
    logits, unseen, labels, _ = members(np.random.default_rng(0), patients=60, count=3, noise=0.0)
    assert agreement(logits, unseen, labels) == 1.0
    assert steepness(1.0, 3) == 1.0
    assert agreement(np.full((3, 60), 2.0), unseen, labels) == 1.0
    strangers = np.random.default_rng(0).normal(size=(3, 60))
    assert LEAST <= agreement(strangers, unseen, labels) < 0.4


def test_steepness_of_scores_that_are_no_probabilities_is_spearman_and_browns() -> None:
    # Reliability 0.5 of one becomes 3 · 0.5 / (1 + 2 · 0.5) = 0.75 of three: 1.5 times as much.
    assert narrowing(0.5, 3) == pytest.approx(1.5)
    assert steepness(0.5, 3) == pytest.approx(1.5)


def test_steepness_of_log_odds_by_hand() -> None:
    """V / 1.7² = 0.3, λ = 0.5: β² = 1 / (0.25 − 0.3 · 0.25) = 40/7; s(0.75) = 0.75 β / √(1 + β² · 0.3 · 0.5 · 0.25)."""
    assert steepness(0.5, 3, variance=0.3 * 1.7**2) == pytest.approx(0.75 * np.sqrt(40 / 7) / np.sqrt(1 + 1.5 / 7))
    # At λ = 0.5 no slope explains V / 1.7² = 2: the limit of a steep one, 0.75 / √(2 · 0.5 · 0.25).
    assert steepness(0.5, 3, variance=2 * 1.7**2) == pytest.approx(1.5)
    assert steepness(1.0, 3, variance=2.0) == 1.0
    assert steepness(0.5, 1, variance=0.3 * 1.7**2) == pytest.approx(1.0)


@pytest.mark.parametrize("noise", [0.4, 0.8])
def test_the_mean_of_members_is_calibrated_on_new_patients(noise: float) -> None:
    """A single member's calibrator is too flat for the mean; made steeper it has a slope of 1 on new patients."""
    rng = np.random.default_rng(3)
    logits, unseen, labels, _ = members(rng, patients=300_000, count=3, noise=noise)
    out_of_fold = logits[unseen.argmax(axis=0), np.arange(logits.shape[1])]
    single = fit_platt(out_of_fold, labels)
    new, _, truth, _ = members(rng, patients=300_000, count=3, noise=noise)
    mean = new.mean(axis=0)
    share, spread = agreement(logits, unseen, labels), single.variance(out_of_fold)
    ensemble = single.steeper(steepness(share, 3, variance=spread), out_of_fold, narrower=narrowing(share, 3))
    needed = fit_platt(mean, truth)
    assert needed.slope / single.slope > 1.08
    assert needed.slope / ensemble.slope == pytest.approx(1.0, abs=0.02)
    assert float(ensemble(mean).mean()) == pytest.approx(float(truth.mean()), abs=0.01)


def test_steeper_keeps_the_mean_score_of_logits_that_vary_less() -> None:
    logits = np.random.default_rng(0).normal(-1.0, 2.0, 500)
    platt = Platt(slope=0.5, intercept=0.3)
    steeper = platt.steeper(1.8, logits, narrower=1.5)
    mean = logits.mean() + (logits - logits.mean()) / np.sqrt(1.5)
    assert steeper.slope == pytest.approx(0.9)
    assert steeper(mean).mean() == pytest.approx(platt(logits).mean(), abs=1e-9)
    assert platt.steeper(1.0, logits, narrower=1.0).intercept == pytest.approx(0.3)


def test_steeper_keeps_the_mean_score_of_every_class() -> None:
    logits = np.random.default_rng(0).normal(size=(400, 3)) * 2 + [2.0, 0.0, -1.0]
    classes = Temperature(temperature=2.0, bias=(0.5, -0.5, 0.0))
    steeper = classes.steeper(1.8, logits, narrower=1.5)
    mean = logits.mean(axis=0) + (logits - logits.mean(axis=0)) / np.sqrt(1.5)
    assert steeper.temperature == pytest.approx(2.0 / 1.8)
    assert steeper(mean).mean(axis=0) == pytest.approx(classes(logits).mean(axis=0), abs=1e-8)
    old = Temperature(temperature=2.0)  # of runs without a bias
    assert old.steeper(1.0, logits, narrower=1.0)(logits) == pytest.approx(old(logits))


def test_classes_agree_as_logits_that_differ_by_a_constant_do() -> None:
    rng = np.random.default_rng(2)
    signal = rng.normal(size=(4_000, 3))
    unseen = np.arange(4_000) % 3 == np.arange(3)[:, None]
    logits = signal + 0.5 * rng.normal(size=(3, 4_000, 3)) + 9.0 * rng.normal(size=(3, 4_000, 1))
    labels = signal.argmax(axis=1)
    assert agreement(logits, unseen, labels) == pytest.approx(1 / 1.25, abs=0.02)


def test_a_shifted_prior_is_undone() -> None:
    """Weights in a loss move logits by their logs; the mean score is the observed share again."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4_000, 3)) * 1.5 + np.log([0.8, 0.15, 0.05])
    labels = np.array([rng.choice(3, p=np.exp(row) / np.exp(row).sum()) for row in truth])
    shifted = 2.0 * (truth - 0.5 * np.log([0.8, 0.15, 0.05]))
    fitted = fit_temperature(shifted, labels)
    shares = np.bincount(labels) / len(labels)
    assert fitted(shifted).mean(axis=0) == pytest.approx(shares, abs=1e-3)
    assert fitted.temperature == pytest.approx(2.0, abs=0.15)
    assert sum(fitted.bias) == pytest.approx(0.0, abs=1e-9)
    expected = 0.5 * np.log([0.8, 0.15, 0.05])
    assert fitted.bias == pytest.approx(expected - expected.mean(), abs=0.15)
    assert Temperature(**fitted.state()) == fitted


def test_temperature_and_bias_are_the_least_log_loss() -> None:
    """Against a search without gradients."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    rng = np.random.default_rng(4)
    logits = rng.normal(size=(300, 3)) * 2
    labels = np.array([rng.choice(3, p=np.exp(row / 2) / np.exp(row / 2).sum()) for row in logits])
    fitted = fit_temperature(logits, labels, strength=1e-6)

    def loss(free: Floats) -> float:
        scaled = log_softmax(logits * free[0] + np.array([0.0, free[1], free[2]]), axis=1)
        return -float(scaled[np.arange(300), labels].sum())

    best = minimize(loss, np.array([1.0, 0.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    assert 1 / fitted.temperature == pytest.approx(best.x[0], rel=1e-3)
    assert np.diff(fitted.bias) == pytest.approx(np.diff([0.0, *best.x[1:]]), abs=1e-3)
