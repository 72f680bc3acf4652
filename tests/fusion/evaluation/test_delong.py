from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from fusion.evaluation.delong import delong_components, delong_gain
from fusion.evaluation.intervals import degrees_of_freedom, resample
from fusion.evaluation.metrics import auroc


def example(patients: int, *, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    labels = (rng.random(patients) < 0.35).astype(float)
    return labels, np.clip(np.round(rng.beta(2, 3, patients) + 0.2 * labels, decimals), 0.05, 0.95)


def test_components_average_to_the_auroc_and_the_interval_agrees_with_the_bootstrap() -> None:
    labels, first = example(400, decimals=2)
    second = example(400, decimals=0)[1]
    components = delong_components(labels, first)
    area = sk.roc_auc_score(labels, first)
    assert components[labels == 1].mean() == pytest.approx(area)
    assert components[labels == 0].mean() == pytest.approx(area)
    gain = delong_gain(labels, components, delong_components(labels, second))
    plan = resample(np.arange(400), 2000, seed=0)
    drawn = plan.gain(auroc(labels, first, plan.counts) - auroc(labels, second, plan.counts))
    assert gain.value == pytest.approx(drawn.value)
    assert (gain.low, gain.high) == pytest.approx((drawn.low, drawn.high), abs=0.01)


def test_by_hand() -> None:
    labels = np.array([1.0, 1, 0, 0])
    gain = delong_gain(labels, np.array([1.0, 0.5, 1.0, 0.5]), np.array([0.5, 0.5, 0.5, 0.5]))
    # Differences (½, 0) in both classes: mean ¼, each variance ⅛ over two patients → standard error √(1/16 + 1/16).
    assert gain.value == pytest.approx(0.25)
    assert gain.high - gain.value == pytest.approx(1.959964 * np.sqrt(1 / 8))


def test_groups_by_obuchowskis_sums_written_out() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(30), 4)
    labels = (rng.random(120) < 0.4).astype(float)
    shared = rng.normal(size=30)[group]
    first, second = labels + shared + rng.normal(size=120), labels + rng.normal(size=120)
    gain = delong_gain(labels, delong_components(labels, first), delong_components(labels, second), group)
    # Group by group from pairs, as in the paper.
    sums = {}
    for name, scores in (("first", first), ("second", second)):
        wins = (scores[labels == 1][:, None] > scores[labels == 0][None, :]).astype(float)
        area = wins.mean()
        ten = [
            wins[group[labels == 1] == one].mean(axis=1).sum() - area * (labels[group == one] == 1).sum()
            for one in range(30)
        ]
        one_ = [
            wins[:, group[labels == 0] == one].mean(axis=0).sum() - area * (labels[group == one] == 0).sum()
            for one in range(30)
        ]
        sums[name] = (np.array(ten), np.array(one_), area)
    ten, zero = (sums["first"][part] - sums["second"][part] for part in (0, 1))
    positives, negatives = labels.sum(), (1 - labels).sum()
    i10, i01 = len(set(group[labels == 1])), len(set(group[labels == 0]))
    s10, s01 = i10 / ((i10 - 1) * positives) * (ten**2).sum(), i01 / ((i01 - 1) * negatives) * (zero**2).sum()
    s11 = 30 / 29 * (ten * zero).sum()
    error = np.sqrt(s10 / positives + s01 / negatives + 2 * s11 / (positives * negatives))
    assert gain.value == pytest.approx(sums["first"][2] - sums["second"][2])
    freedom = degrees_of_freedom(ten / positives + zero / negatives, 30)
    assert gain.high - gain.value == pytest.approx(stats.t.ppf(0.975, freedom) * error)


def test_one_group_with_positives_has_no_interval() -> None:
    labels = np.array([1.0, 1, 0, 0, 0])
    parts = delong_components(labels, np.arange(5.0)), delong_components(labels, -np.arange(5.0))
    assert np.isnan(delong_gain(labels, *parts, np.array([0, 0, 1, 2, 3])).low)
