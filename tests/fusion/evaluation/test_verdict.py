from __future__ import annotations

import math

import numpy as np
import pytest

from fusion.contract import FusionError
from fusion.evaluation.comparison import CLASSICAL, Comparison, compare, deciding
from fusion.evaluation.intervals import Interval, resample
from fusion.evaluation.verdict import check_draws, check_margin, judge, kinds_of

NAN = math.nan


def comparisons(**gains: tuple[float, float]) -> list[Comparison]:
    """With intervals that need no correction."""
    return [
        Comparison(arm=arm, metric="auroc", gain=Interval(value=(low + high) / 2, low=low, high=high))
        for arm, (low, high) in gains.items()
    ]


def test_supported_needs_every_interval_above_0() -> None:
    verdict = judge(comparisons(only_a=(0.01, 0.1), only_b=(0.02, 0.1), late=(0.03, 0.1), classical=(0.04, 0.2)))
    assert verdict.status == "supported"
    assert "over a alone, is +0.055 (95 % interval +0.010 to +0.100)" in verdict.text
    assert verdict.against == ("only_a", "only_b", "late", "classical")
    assert verdict.compares == "Fusion with a alone, b alone, late fusion and classical (chosen)."


def test_worse_when_any_lies_below_0() -> None:
    verdict = judge(comparisons(only_a=(-0.1, -0.01), only_b=(0.02, 0.1), late=(0.03, 0.1), classical=(0.04, 0.2)))
    assert verdict.status == "worse"
    assert "worse than a alone" in verdict.text
    assert "−0.055" in verdict.text


@pytest.mark.parametrize("gain", [(0.0, 0.1), (-0.1, 0.0)])
def test_an_interval_that_touches_0_says_nothing(gain: tuple[float, float]) -> None:
    assert judge(comparisons(only_a=gain, late=(0.01, 0.1), classical=(0.01, 0.1))).status == "not shown"


def test_worse_asks_the_corrected_interval() -> None:
    own, together = Interval(value=-0.05, low=-0.09, high=-0.01), Interval(value=-0.05, low=-0.11, high=0.01)
    rest = comparisons(late=(0.01, 0.1), classical=(0.01, 0.1))
    verdict = judge([Comparison(arm="only_a", metric="auroc", gain=own, corrected=together), *rest])
    assert verdict.status == "not shown"
    assert "an interval that does not lie above 0. The smallest, over a alone, is −0.050" in verdict.text
    sure = Interval(value=-0.05, low=-0.09, high=-0.001)
    verdict = judge([Comparison(arm="only_a", metric="auroc", gain=own, corrected=sure), *rest])
    assert verdict.status == "worse"
    assert "(95 % interval −0.090 to −0.001, corrected for 3 comparisons)" in verdict.text


def test_non_inferior_by_a_margin_that_was_declared() -> None:
    rows = comparisons(only_a=(0.01, 0.1), late=(-0.03, 0.1), classical=(0.0, 0.2))
    assert judge(rows).status == "not shown"
    assert judge(rows, margin=0.03).status == "not shown"  # the bound itself is not above it
    verdict = judge(rows, margin=0.031)
    assert (verdict.status, verdict.margin) == ("non-inferior", 0.031)
    assert "less than 0.031 below" in verdict.text
    assert (
        judge(comparisons(late=(-0.03, -0.01), only_a=(0.1, 0.2), classical=(0.1, 0.2)), margin=0.5).status == "worse"
    )
    better = comparisons(only_a=(0.01, 0.1), late=(0.01, 0.1), classical=(0.01, 0.1))
    assert judge(better, margin=0.5).status == "supported"
    assert judge(rows[:2], margin=0.5).status == "not shown"  # the classical model is missing


def test_not_shown_when_an_interval_holds_0_and_the_sentence_of_the_design() -> None:
    verdict = judge(comparisons(only_a=(0.01, 0.1), late=(-0.03, 0.1), classical=(0.0, 0.2)))
    assert verdict.status == "not shown"
    assert verdict.text.startswith("Fusion not supported by these data")
    assert "late fusion and classical (chosen)" in verdict.text


def test_a_gain_that_does_not_exist_is_said() -> None:
    rows = comparisons(only_a=(0.01, 0.1), late=(NAN, NAN), classical=(0.01, 0.1))
    verdict = judge(rows, margin=0.05)
    assert verdict.status == "not shown"
    assert "gain over late fusion cannot be computed" in verdict.text
    assert judge([*rows[1:], *comparisons(only_a=(-0.2, -0.1))]).status == "worse"


def test_candidates_and_floors_do_not_decide_but_the_chosen_classical_arm_does() -> None:
    rows = comparisons(only_a=(0.01, 0.1), late=(0.01, 0.1), classical=(0.01, 0.1), classical_lr=(-0.2, -0.1),
                       handcrafted=(-0.2, -0.1), prevalence=(-0.2, -0.1), late_stacked=(-0.2, -0.1))  # fmt: skip
    assert judge(rows).status == "supported"
    assert judge(comparisons(only_a=(0.1, 0.2), late=(0.1, 0.2), classical=(-0.2, -0.1))).status == "worse"
    assert judge(comparisons(only_a=(0.1, 0.2), late=(0.1, 0.2), classical_lr=(0.1, 0.2))).missing == (
        "the classical model",
    )


def test_an_arm_left_out_cannot_be_beaten() -> None:
    verdict = judge(comparisons(only_a=(0.01, 0.1), classical=(0.01, 0.1)))
    assert (verdict.status, verdict.missing) == ("not shown", ("late fusion",))
    assert "did not compare it with late fusion" in verdict.text


def test_one_modality_is_not_compared_with_itself() -> None:
    assert kinds_of(1) == CLASSICAL
    assert deciding(["only_a", "late", "classical", "classical_lr"], kinds_of(1)) == ("classical",)
    rows = comparisons(only_a=(-0.2, -0.1), late=(-0.2, -0.1), classical=(0.01, 0.1))
    verdict = judge(rows, kinds=kinds_of(1))
    assert (verdict.status, verdict.against) == ("supported", ("classical",))
    assert verdict.compares.startswith("Fusion with the classical model that inner folds chose.")
    none = judge([], kinds=kinds_of(1))
    assert none.compares.startswith("Nothing: fusion would be compared with the classical model.")


def test_few_groups_support_nothing_and_say_so() -> None:
    better = comparisons(only_a=(0.01, 0.1), late=(0.01, 0.1), classical=(0.01, 0.1))
    verdict = judge(better, groups=12, margin=0.1)
    assert verdict.status == "not shown"
    assert "12 groups, and below 20 nothing can be said of other groups" in verdict.text
    worse = judge(comparisons(only_a=(-0.1, -0.01)), groups=12)
    assert worse.status == "worse"
    assert worse.text.endswith("Cases come in 12 groups, so this holds for these groups alone.")


@pytest.mark.parametrize("margin", [0, -0.1, NAN, math.inf, "0.02"])
def test_a_margin_is_above_0(margin: float) -> None:
    with pytest.raises(FusionError, match=r"evaluation\.margin is .*: it must be above 0"):
        check_margin(margin)


def test_the_first_metric_of_deciding_arms_is_corrected_and_nothing_else() -> None:
    plan = resample(np.arange(50), 400, seed=0)
    rng = np.random.default_rng(0)
    arms = ("fusion", "only_a", "only_b", "late", "classical", "classical_lr")
    draws = {
        arm: {"auroc": plan.counts @ rng.random(50) / 50, "brier": plan.counts @ rng.random(50) / 50} for arm in arms
    }
    rows = compare(draws, plan, reference="fusion", metrics=("auroc", "brier"))
    corrected = {row.arm for row in rows if row.corrected is not None}
    assert corrected == {"only_a", "only_b", "late", "classical"}
    for row in rows:
        if row.corrected is not None:
            assert row.metric == "auroc"
            assert row.corrected.low < row.gain.low < row.gain.high < row.corrected.high
    (one,) = compare({arm: draws[arm] for arm in ("fusion", "late")}, plan, reference="fusion", metrics=("auroc",))
    assert one.corrected == one.gain


def test_equal_arms_are_called_worse_in_few_runs() -> None:
    """500 small runs; benchmarks/verdict_rates.py has 2,000 larger ones. Uncorrected it is one in eight."""
    rng, worse, uncorrected = np.random.default_rng(0), 0, 0
    for number in range(500):
        values = rng.normal(size=(6, 60)) + rng.normal(size=60)
        plan = resample(np.arange(60), 200, seed=number)
        arms = ("fusion", "only_a", "only_b", "only_c", "late", "classical")
        draws = {
            arm: {"auroc": plan.counts @ values[place] / plan.counts.sum(axis=1)} for place, arm in enumerate(arms)
        }
        rows = compare(draws, plan, reference="fusion", metrics=("auroc",))
        worse += judge(rows).status == "worse"
        uncorrected += any(row.gain.high < 0 for row in rows)
    assert worse / 500 <= 0.064
    assert uncorrected / 500 > 0.064


@pytest.mark.parametrize("draws", [0, -1, 2.5, True, None, "many"])
def test_draws_that_are_none(draws: object) -> None:
    with pytest.raises(FusionError, match=r"evaluation\.draws is .*: it must be a whole number of at least 1"):
        check_draws(draws)
    check_draws(1)
