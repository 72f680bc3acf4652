"""Each invariant, broken alone in folds whose hash is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data_modules.folds.draw import make_folds, open_folds
from data_modules.folds.invariants import check_folds, lacking
from data_modules.folds.stored import write_folds
from fusion.contract import Fold, FusionError, InnerFold
from tests.helpers.folds import make_cohort


@pytest.fixture
def cohort():
    return make_cohort([0, 0, 1] * 20, ["A", "B"] * 30)


@pytest.fixture
def folds(cohort):
    return make_folds(cohort, seed=7)


@pytest.fixture
def message(cohort, tmp_path):
    """What reading these folds answers."""

    def read(*folds):
        write_folds(tmp_path / "folds.json", folds)
        with pytest.raises(FusionError, match="does not fit cohort 'invented'") as caught:
            open_folds(cohort, path=None, seed=7, file=str(tmp_path / "folds.json"))
        return str(caught.value)

    return read


def with_inner(fold, number, **changes):
    inner = list(fold.inner)
    inner[number] = replace(inner[number], **changes)
    return replace(fold, inner=tuple(inner))


def test_what_was_drawn_holds(cohort, folds):
    checked = check_folds(folds, cohort, whole={})
    assert (checked.problems, checked.flags) == ((), ())


def test_a_patient_on_both_sides(folds, message):
    first, *rest = folds
    leaked = first.test[0]
    said = message(replace(first, train=(*first.train, leaked)), *rest)
    assert f"repeat0_fold0: patients in both train and test (1: {leaked})" in said
    inner = first.inner[0]
    said = message(with_inner(first, 0, train=(*inner.train, inner.val[0])), *rest)
    assert f"repeat0_fold0, inner fold 0: patients in both train and val (1: {inner.val[0]})" in said


def test_a_training_part_that_was_cut(folds, message):
    """Cut to 10 patients, as once was accepted: those it lost neither train nor are tested."""
    first, *rest = folds
    assert "repeat0_fold0: patients in neither train and test (38: " in message(
        replace(first, train=first.train[:10]), *rest
    )
    inner = first.inner[1]
    said = message(with_inner(first, 1, train=inner.train[:10]), *rest)
    assert f"repeat0_fold0, inner fold 1: patients in neither train and val ({len(inner.train) - 10}: " in said


def test_an_inner_fold_with_a_tested_patient(folds, message):
    first, *rest = folds
    inner = first.inner[0]
    said = message(with_inner(first, 0, val=(*inner.val, first.test[0])), *rest)
    assert f"patients outside the outer training part (1: {first.test[0]})" in said


def test_a_patient_named_twice(folds, message):
    first, *rest = folds
    one = first.train[0]
    assert f"repeat0_fold0: patients named twice (1: {one})" in message(
        replace(first, train=(*first.train, one)), *rest
    )


def test_tested_never_or_twice(folds, message):
    first, second, *rest = folds
    # Each fold divides everyone, and one patient is nevertheless tested in none, or in two.
    lazy = replace(first, test=first.test[1:], train=(*first.train, first.test[0]))
    lazy = replace(
        lazy, inner=(replace(first.inner[0], train=(*first.inner[0].train, first.test[0])), *first.inner[1:])
    )
    assert f"repeat 0: not every patient is held out exactly once to test (1: {first.test[0]})" in message(
        lazy, second, *rest
    )
    assert "not every patient is held out exactly once to test" in message(second, *rest)


def test_validated_never(folds, message):
    first, *rest = folds
    inner = first.inner[0]
    idle = with_inner(first, 0, train=(*inner.train, inner.val[0]), val=inner.val[1:])
    said = message(idle, *rest)
    assert (
        f"repeat0_fold0, inner folds: not every patient is held out exactly once to validate (1: {inner.val[0]})"
        in said
    )


def test_strangers_and_patients_left_out(cohort, folds, message):
    first, *rest = folds
    assert "patients who are not in the cohort (1: Q999)" in message(replace(first, test=(*first.test, "Q999")), *rest)
    only_inner = with_inner(first, 0, val=(*first.inner[0].val, "Q999"))
    assert "patients who are not in the cohort (1: Q999)" in message(only_inner, *rest)
    smaller = make_cohort(cohort.labels.to_numpy()[:-1])
    assert "not in the cohort (1: P059)" in str(check_folds(folds, smaller, whole={}).problems[0])
    larger = make_cohort([*cohort.labels, 1])
    assert "whom the folds do not name (1: P060)" in str(check_folds(folds, larger, whole={}).problems[0])


def test_no_fold_one_fold_or_the_same_twice(folds, message):
    assert "holds no fold" in message()
    assert "fewer than two folds in (1: repeat 0)" in message(folds[0])
    assert "folds are named twice (1: repeat0_fold1)" in message(folds[0], folds[1], folds[1])
    assert "fewer than two folds in (1: repeat0_fold0)" in message(
        replace(folds[0], inner=folds[0].inner[:1]), *folds[1:]
    )


def halves(one, other):
    """Two folds with two inner folds each: ``((inner, inner), (inner, inner))``."""
    folds = []
    for index, (test, train) in enumerate(((one, other), (other, one))):
        inner = tuple(InnerFold(train=train[1 - number], val=train[number]) for number in (0, 1))
        folds.append(Fold(repeat=0, index=index, train=train[0] + train[1], test=test[0] + test[1], inner=inner))
    return folds


def ids(*numbers):
    return tuple(f"P{number:03d}" for number in numbers)


def test_classes_are_everywhere_where_that_is_possible():
    # P000 to P007 are no, P008 to P015 are yes: as many of each as every quarter needs, and one quarter has only yes.
    cohort = make_cohort([0] * 8 + [1] * 8)
    uneven = halves((ids(0, 1, 2, 8), ids(3, 4, 5, 9)), (ids(6, 7, 10, 11, 12), ids(13, 14, 15)))
    problems = [str(one) for one in check_folds(uneven, cohort, whole={}).problems]
    assert any("repeat0_fold0, inner fold 0: 0 training patients are 'no', fewer than 2" in one for one in problems)
    lacks = "repeat0_fold0, inner folds: parts held out to validate lack patients who are 'no' (1: inner fold 1)"
    assert any(lacks in one for one in problems)
    even = halves((ids(0, 1, 8, 9), ids(2, 3, 10, 11)), (ids(4, 5, 12, 13), ids(6, 7, 14, 15)))
    assert check_folds(even, cohort, whole={}).problems == ()


def test_one_patient_of_a_class_is_too_few_to_train_on():
    cohort = make_cohort([0] * 8 + [1] * 7)
    poor = halves((ids(0, 1, 8, 9), ids(2, 3, 10, 11)), (ids(4, 5, 12), ids(6, 7, 13, 14)))
    problems = [str(one) for one in check_folds(poor, cohort, whole={}).problems]
    assert len(problems) == 1
    assert problems[0].startswith("repeat0_fold0, inner fold 1: 1 training patients are 'yes', fewer than 2")


def test_a_class_can_be_missing_only_where_too_few_units_have_it():
    labels = {"a": 0, "b": 0, "c": 1, "d": 1, "e": 1}
    alone = {name: name for name in labels}
    parts = {"one": ("a", "b", "c"), "two": ("d", "e")}
    assert lacking(parts, labels, alone) == {0: ("two",)}
    assert lacking(parts, labels, {**alone, "b": "a"}) == {}
    assert lacking({"one": ("a", "c"), "two": ("b", "d", "e")}, labels, alone) == {}


def test_groups_and_sites_on_both_sides(cohort, folds):
    sites = {patient: str(site) for patient, site in cohort.sites.items()}
    refused = check_folds(folds, cohort, whole={"sites": sites}).problems
    assert [str(one).split(". ")[0] for one in refused] == [
        "sites (cohort.site) are on both sides, train and test, of 5 of 5 outer folds (2: A, B)",
        "sites (cohort.site) are on both sides, train and val, of 15 of 15 inner folds (2: A, B)",
    ]
    allowed = check_folds(folds, cohort, whole={"sites": sites}, allow=["sites"])
    assert allowed.problems == ()
    assert allowed.flags == (
        "sites (cohort.site) are on both sides, train and test, of 5 of 5 outer folds (2: A, B)",
        "sites (cohort.site) are on both sides, train and val, of 15 of 15 inner folds (2: A, B)",
    )
    assert check_folds(folds, cohort, whole={"sites": sites}, allow=["groups"]).problems == refused
    pair = {folds[0].test[0]: "F", folds[0].train[0]: "F"}
    torn = check_folds(folds, cohort, whole={"groups": pair}).problems
    assert "groups (cohort.group) are on both sides, train and test, of 2 of 5 outer folds (1: F)" in str(torn[0])
