"""The gate: by hand, against logistic regression with an offset, and on noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax

from fusion.plain.gate import fit_gate

RANDOM = np.random.default_rng(3)


def test_what_is_right_is_kept_nearly_whole() -> None:
    base, added = RANDOM.normal(size=2000), 2 * RANDOM.normal(size=2000)
    labels = (RANDOM.random(2000) < expit(base + added)).astype(np.int64)
    gate = fit_gate(base, added, labels)
    raw = minimize_scalar(lambda g: -np.sum(labels * (base + g * added) - np.logaddexp(0, base + g * added))).x
    assert gate.raw == pytest.approx(raw, abs=1e-4)
    information = np.sum(expit(base + raw * added) * (1 - expit(base + raw * added)) * added**2)
    assert gate.error == pytest.approx(information**-0.5, rel=0.1)
    assert gate.value == pytest.approx(min(1.0, gate.raw * (1 - (gate.error / gate.raw) ** 2)))
    assert gate.value > 0.9


def test_within_one_standard_error_of_nothing_is_nothing() -> None:
    kept = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        base, added = random.normal(size=150), random.normal(size=150)
        labels = (random.random(150) < expit(base)).astype(np.int64)
        gate = fit_gate(base, added, labels)
        assert (gate.value == 0) == (gate.raw <= gate.error)
        kept.append(gate.value)
    # One-sided, one standard error: 16 % by chance.
    assert 0.08 < np.mean(np.array(kept) > 0) < 0.24
    assert np.mean(kept) < 0.05


def test_an_addition_that_is_wrong_is_left_out_and_none_is_ever_exaggerated() -> None:
    base, added = np.zeros(400), RANDOM.normal(size=400)
    labels = (RANDOM.random(400) < expit(-added)).astype(np.int64)
    assert fit_gate(base, added, labels).value == 0.0
    more = fit_gate(base, -0.3 * added, labels)
    assert more.raw > 1 and more.value == 1.0


def test_nothing_added_is_no_gate() -> None:
    gate = fit_gate(np.zeros(10), np.zeros(10), np.arange(10) % 2)
    assert (gate.value, gate.error) == (0.0, np.inf)


def test_several_classes_and_weights() -> None:
    base, added = RANDOM.normal(size=(900, 3)), RANDOM.normal(size=(900, 3))
    chance = np.exp(log_softmax(base + 0.8 * added, axis=1))
    labels = np.array([RANDOM.choice(3, p=row) for row in chance])
    weights = np.array([1.0, 2.0, 0.5])[labels]
    gate = fit_gate(base, added, labels, weights)
    raw = minimize_scalar(
        lambda g: -np.sum(weights * log_softmax(base + g * added, axis=1)[np.arange(900), labels]), bounds=(0, 2)
    ).x
    assert gate.raw == pytest.approx(raw, abs=1e-3)
    # Two classes told as two logits are the same as their difference.
    two = fit_gate(base[:, 0], added[:, 0], labels % 2)
    pair = [np.stack([np.zeros(900), part[:, 0]], axis=1) for part in (base, added)]
    assert fit_gate(*pair, labels % 2).value == pytest.approx(two.value)


def test_derivatives_are_asked_for_at_the_gate_the_plain_logits_and_what_is_added() -> None:
    """A parabola with its minimum at 0.5: one step leads there, and a second finds that nothing is left."""
    base, added = np.full(4, 7.0), np.full(4, 2.0)
    asked = []

    def derivatives(gate, base, added, truth):  # type: ignore[no-untyped-def]
        asked.append((float(gate), base.tolist(), added.tolist(), truth.label.tolist()))
        return 8.0 * (np.full(4, gate) - 0.5), np.full(4, 8.0)

    gate = fit_gate(base, added, np.array([0, 1, 1, 0]), derivatives=derivatives)
    assert asked == [(at, [7.0] * 4, [2.0] * 4, [0, 1, 1, 0]) for at in (0.0, 0.5, 0.5)]
    assert (gate.value, gate.raw, gate.error) == (0.5, 0.5, 0.0)
