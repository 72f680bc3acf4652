"""Slopes, shares and errors of several classes: by hand, and against what is known of two classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from fusion.evaluation.calibration import fit_temperature
from fusion.evaluation.class_calibration import (
    calibration_error,
    class_slope,
    class_slopes,
    classwise_error,
)
from fusion.evaluation.metrics import calibration_line


def drawn(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (softmax(logits, axis=1).cumsum(axis=1) > rng.random((len(logits), 1))).argmax(axis=1)


def test_the_slope_is_what_scores_were_multiplied_by() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3)) + np.array([1.0, 0.0, -1.0])
    labels = drawn(logits, rng)
    assert class_slope(labels, softmax(logits, axis=1)) == pytest.approx(1.0, abs=0.04)
    assert class_slope(labels, softmax(2 * logits, axis=1)) == pytest.approx(0.5, abs=0.02)
    # A prior that was shifted is the intercepts' matter.
    assert class_slope(labels, softmax(logits + np.array([0.0, 1.0, 2.0]), axis=1)) == pytest.approx(1.0, abs=0.04)


def test_with_two_classes_it_is_coxs_slope_also_of_a_draw() -> None:
    rng = np.random.default_rng(1)
    score = rng.uniform(0.05, 0.95, 200)
    labels = (rng.random(200) < score).astype(np.int64)
    counts = rng.multinomial(200, np.full(200, 1 / 200)).astype(np.float64)
    both = np.stack([1 - score, score], axis=1)
    expected = calibration_line(labels.astype(float), score, np.stack([np.ones(200), counts]))[:, 0]
    assert class_slope(labels, both) == pytest.approx(expected[0], abs=1e-6)
    assert class_slope(labels, both, counts) == pytest.approx(expected[1], abs=1e-6)


def test_slopes_of_draws_are_those_of_each_draw_by_itself() -> None:
    """Also of a draw that lacks a class, of one with one class, and of one in which scores separate them."""
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(40, 3)) + np.array([1.0, 0.0, -1.0])
    labels = drawn(1.4 * logits, rng)
    scores = softmax(logits, axis=1)
    counts = rng.multinomial(40, np.full(40, 1 / 40), size=30).astype(np.float64)
    counts[1] *= labels != 2
    counts[2] *= labels == 0
    counts[3] *= scores.argmax(axis=1) == labels
    found = class_slopes(labels, scores, counts)
    np.testing.assert_allclose(found, [class_slope(labels, scores, one) for one in counts], rtol=1e-7)
    assert np.isnan(found[2]) and np.isnan(found[3]) and np.isfinite(found[[0, 1]]).all()
    assert np.isnan(class_slopes(labels, np.full((40, 3), 1 / 3), counts)).all()


def test_no_slope_is_nan() -> None:
    alike = np.full((30, 3), 1 / 3)
    assert np.isnan(class_slope(np.arange(30) % 3, alike))
    assert np.isnan(class_slope(np.zeros(30, dtype=np.int64), softmax(np.random.default_rng(0).normal(size=(30, 3)))))
    certain = np.eye(3)[np.arange(30) % 3] * 0.9 + 0.1 / 3
    assert np.isnan(class_slope(np.arange(30) % 3, certain))


def test_errors_by_hand() -> None:
    """Ten patients called at 0.6 of whom 4 are right, ten at 0.9 of whom all are: (0.2 + 0.1) / 2."""
    scores = np.concatenate([np.tile([0.6, 0.4], (10, 1)), np.tile([0.1, 0.9], (10, 1))])
    labels = np.array([0] * 4 + [1] * 6 + [1] * 10)
    assert calibration_error(labels, scores, bins=2) == pytest.approx(0.15)
    # Class 0: 0.1 predicted and 0 observed, 0.6 and 0.4; class 1 the same in the other direction.
    assert classwise_error(labels, scores, bins=2) == pytest.approx([0.15, 0.15])


def test_a_weighted_loss_shows_and_calibration_mends_it() -> None:
    """Root-weighted classes of 80, 15 and 5 %: the temperature alone could not bring the shares back."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(3_000, 3)) + np.log([0.8, 0.15, 0.05])
    labels = drawn(truth, rng)
    weighted = truth - 0.5 * np.log([0.8, 0.15, 0.05])
    raw = softmax(weighted, axis=1)
    mended = fit_temperature(weighted, labels)(weighted)
    shares = np.bincount(labels) / len(labels)
    gap_before, gap_after = (np.abs(one.mean(axis=0) - shares).max() for one in (raw, mended))
    assert gap_before > 0.1
    assert gap_after < 2e-3
    assert classwise_error(labels, mended).max() < 0.03 < 0.1 < classwise_error(labels, raw).max()
    assert class_slope(labels, mended) == pytest.approx(1.0, abs=0.02)
