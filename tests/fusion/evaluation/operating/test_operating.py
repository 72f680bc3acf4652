"""Cut-offs by hand, and that test patients choose none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusion.contract import FusionError
from fusion.evaluation.operating.cuts import (
    cut_by_net_benefit,
    cut_by_sensitivity,
    cut_by_specificity,
    operating_points,
)
from fusion.evaluation.operating.points import operating

LABELS = np.array([0, 0, 1, 0, 1, 0, 1, 1], dtype=np.float64)
SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])


@pytest.mark.parametrize(
    ("target", "cut"),
    [(0.5, 0.65), (0.51, 0.45), (0.75, 0.45), (0.76, 0.25), (0.99, 0.25)],
)
def test_the_highest_cut_that_finds_enough_positives(target: float, cut: float) -> None:
    """Positives at 0.3, 0.5, 0.7, 0.8: two are enough for a half, all four for more than three quarters."""
    assert cut_by_sensitivity(LABELS, SCORES, target) == pytest.approx(cut)


@pytest.mark.parametrize(("target", "cut"), [(0.5, 0.25), (0.51, 0.45), (0.75, 0.45), (0.76, 0.65)])
def test_the_lowest_cut_that_spares_enough_negatives(target: float, cut: float) -> None:
    """Negatives at 0.1, 0.2, 0.4, 0.6."""
    assert cut_by_specificity(LABELS, SCORES, target) == pytest.approx(cut)


@pytest.mark.parametrize(("p", "cut"), [(0.2, 0.25), (0.8, 0.65), (0.4, 0.25)])
def test_the_cut_of_most_net_benefit(p: float, cut: float) -> None:
    """At 0.2 a false positive costs a quarter: 4 − 2/4 at 0.25 is most. At 0.8 it costs four: 2 − 0 at 0.65."""
    assert cut_by_net_benefit(LABELS, SCORES, p) == pytest.approx(cut)


def test_where_nothing_is_worth_treating_nobody_is_called() -> None:
    cut = cut_by_net_benefit(np.array([1.0, 0.0, 0.0]), np.array([0.2, 0.6, 0.7]), 0.5)
    assert cut > 0.7


def test_equal_scores_are_called_together() -> None:
    assert cut_by_sensitivity(np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.1]), 0.5) == pytest.approx(0.3)


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two outer folds of four; of each the other fold's patients, scored by inner models, are its inner rows."""
    ids = [f"P{number}" for number in range(8)]
    fold = [0, 1] * 4
    outer = pd.DataFrame(
        {"patient_id": ids, "arm": "fusion", "repeat": 0, "fold": fold, "label": LABELS.astype(int), "score": SCORES}
    )
    inner = outer.assign(fold=[1 - one for one in fold])
    return outer, inner


def test_a_fold_is_cut_where_its_training_patients_say() -> None:
    outer, inner = tables()
    found = operating(outer, inner, [("sensitivity", 0.5), ("net_benefit", 0.2)], draws=50, seed=1)["rows"]
    # Fold 0's training patients: 0.2−, 0.4−, 0.6−, 0.8+: cut 0.7. Fold 1's: 0.1−, 0.3+, 0.5+, 0.7+: cut 0.4 (two of
    # three). Test patients of fold 0: 0.7+ at 0.7 is called; of fold 1: 0.4−, 0.6−, 0.8+ are.
    assert (found[0]["low"], found[0]["high"]) == (pytest.approx(0.4), pytest.approx(0.7))
    by_hand = {"sensitivity": 2 / 4, "specificity": 2 / 4, "precision": 2 / 4, "negative_value": 2 / 4, "called": 4 / 8}
    assert {name: found[0][name]["value"] for name in by_hand} == pytest.approx(by_hand)
    assert "net_benefit" not in found[0]
    # At 0.2: cut 0.7 in fold 0; in fold 1 0.2, where 0.4−, 0.6−, 0.8+ and 0.2− (at 0.2) are called: 2 positives, 3
    # negatives. (2 − 3/4)/8; calling everybody is worth (4 − 4/4)/8.
    by_hand = {"sensitivity": 2 / 4, "specificity": 1 / 4, "precision": 2 / 5, "negative_value": 1 / 3, "called": 5 / 8}
    assert {name: found[1][name]["value"] for name in by_hand} == pytest.approx(by_hand)
    assert found[1]["net_benefit"]["value"] == pytest.approx(1.25 / 8)
    assert found[1]["over_all"]["value"] == pytest.approx((1.25 - 3) / 8)
    assert found[1]["over_all"]["low"] < found[1]["over_all"]["value"] < found[1]["over_all"]["high"]


def test_labels_of_test_patients_choose_no_cut() -> None:
    outer, inner = tables()
    points = [("sensitivity", 0.9), ("specificity", 0.9), ("net_benefit", 0.3)]
    other = outer.assign(label=1 - outer["label"])
    one, two = (operating(rows, inner, points, draws=5, seed=1)["rows"] for rows in (outer, other))
    assert [(row["low"], row["high"]) for row in one] == [(row["low"], row["high"]) for row in two]
    assert one[0]["sensitivity"] != two[0]["sensitivity"]


def test_repeats_are_averaged_and_the_interval_holds_the_value() -> None:
    rng = np.random.default_rng(3)
    ids = [f"P{number}" for number in range(90)]
    label = (rng.random(90) < 0.4).astype(int)
    parts = [
        pd.DataFrame(
            {"patient_id": ids, "arm": "fusion", "repeat": repeat, "fold": 0, "label": label,
             "score": 1 / (1 + np.exp(-(label + rng.normal(size=90))))}
        )
        for repeat in (0, 1)
    ]  # fmt: skip
    both = pd.concat(parts, ignore_index=True)
    row = operating(both, both, [("sensitivity", 0.8)], draws=200, seed=1)["rows"][0]
    each = [operating(part, part, [("sensitivity", 0.8)], draws=5, seed=1)["rows"][0] for part in parts]
    assert row["specificity"]["value"] == pytest.approx(np.mean([one["specificity"]["value"] for one in each]))
    assert row["sensitivity"]["value"] >= 0.8
    assert row["specificity"]["low"] < row["specificity"]["value"] < row["specificity"]["high"]


def test_nothing_asked_or_no_inner_scores_give_nothing() -> None:
    outer, inner = tables()
    assert operating(outer, inner, [], draws=5, seed=1) == {}
    assert operating(outer, pd.DataFrame(), [("sensitivity", 0.9)], draws=5, seed=1) == {}


def test_points_are_read_and_what_is_no_share_is_refused() -> None:
    assert operating_points({"sensitivity": 0.9, "specificity": None, "net_benefit": [0.1, 0.2]}) == [
        ("sensitivity", 0.9), ("net_benefit", 0.1), ("net_benefit", 0.2)
    ]  # fmt: skip
    assert operating_points(None) == []
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"sensitivity": 90}, r"operating.sensitivity is 90: it must lie between 0 and 1"),
        ({"sensitivity": "high"}, r"is 'high'"),
        ({"net_benefit": [0.2, 1.0]}, r"net_benefit is 1.0"),
        ({"specificity": True}, r"is True"),
        ({"youden": 0.5}, r"operating.youden: there is no such rule. Known: sensitivity"),
    ]
    for wanted, message in wrong:
        with pytest.raises(FusionError, match=message):
            operating_points(wanted)
