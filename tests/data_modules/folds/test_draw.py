from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from data_modules.errors import CohortError
from data_modules.folds.draw import folds_hash, make_folds, open_folds, read_folds, write_folds
from fusion.contract import CohortSpec, EndpointSpec, FusionError


def make_cohort(labels, sites=None, *, order=None):
    ids = [f"P{number:03d}" for number in range(len(labels))]
    index = pd.Index(ids, name="patient_id")
    series = pd.Series(labels, index=index)
    site = None if sites is None else pd.Series(sites, index=index)
    if order is not None:
        series, site = series.iloc[order], None if site is None else site.iloc[order]
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    spec = CohortSpec(name="invented", endpoint=endpoint, build=None, simulated=False, patients=len(ids))
    return SimpleNamespace(spec=spec, patient_ids=tuple(series.index), labels=series, sites=site)


@pytest.fixture
def cohort():
    rng = np.random.default_rng(1)
    return make_cohort((rng.random(103) < 0.33).astype(int), rng.choice(list("ABC"), 103, p=[0.6, 0.3, 0.1]))


def spread(counts):
    return max(counts) - min(counts)


def test_every_patient_is_tested_once_a_repeat_and_nothing_overlaps(cohort):
    folds = make_folds(cohort, outer=5, inner=3, repeats=2, seed=7)
    assert [fold.name for fold in folds][:6] == [f"repeat0_fold{i}" for i in range(5)] + ["repeat1_fold0"]
    everyone = sorted(cohort.patient_ids)
    for repeat in (0, 1):
        assert sorted(one for fold in folds if fold.repeat == repeat for one in fold.test) == everyone
    for fold in folds:
        assert sorted((*fold.train, *fold.test)) == everyone
        assert sorted(one for inner in fold.inner for one in inner.val) == sorted(fold.train)
        for inner in fold.inner:
            assert sorted((*inner.train, *inner.val)) == sorted(fold.train)
    assert folds[0].test != folds[5].test


@pytest.mark.parametrize("seed", range(5))
def test_sizes_classes_and_sites_differ_by_at_most_one(cohort, seed):
    folds = make_folds(cohort, outer=5, inner=3, seed=seed)
    parts = [[fold.test for fold in folds], *([inner.val for inner in fold.inner] for fold in folds)]
    for part in parts:
        assert spread([len(one) for one in part]) <= 1
        for label in (0, 1):
            assert spread([sum(cohort.labels[list(one)] == label) for one in part]) <= 1
            for site in "ABC":
                both = [sum((cohort.labels[list(one)] == label) & (cohort.sites[list(one)] == site)) for one in part]
                assert spread(both) <= 1


def test_rows_in_another_order_give_the_same_folds(cohort):
    shuffled = make_cohort(
        cohort.labels.to_numpy(), cohort.sites.to_numpy(), order=np.random.default_rng(0).permutation(103)
    )
    assert make_folds(cohort, seed=7) == make_folds(shuffled, seed=7)
    assert make_folds(cohort, seed=7) != make_folds(cohort, seed=8)


def test_first_folds_do_not_depend_on_how_many_repeats_follow(cohort):
    assert make_folds(cohort, seed=7, repeats=2)[:5] == make_folds(cohort, seed=7, repeats=1)


def test_sites_ignored_are_without_effect(cohort):
    assert make_folds(cohort, seed=7, site="ignore") == make_folds(make_cohort(cohort.labels.to_numpy()), seed=7)


def test_whole_sites_are_held_out():
    rng = np.random.default_rng(2)
    cohort = make_cohort((rng.random(200) < 0.4).astype(int), rng.choice([f"S{i}" for i in range(20)], 200))
    folds = make_folds(cohort, outer=4, inner=3, seed=7, site="group")
    for fold in folds:
        assert not set(cohort.sites[list(fold.train)]) & set(cohort.sites[list(fold.test)])
        for inner in fold.inner:
            assert not set(cohort.sites[list(inner.train)]) & set(cohort.sites[list(inner.val)])
    assert spread([len(fold.test) for fold in folds]) <= 10
    assert spread([cohort.labels[list(fold.test)].sum() for fold in folds]) <= 6


def test_families_stay_together(cohort):
    family = {patient: f"F{number // 3}" for number, patient in enumerate(cohort.patient_ids[:30])}
    for fold in make_folds(cohort, seed=7, group=family):
        tested = Counter(family[one] for one in fold.test if one in family)
        assert set(tested.values()) <= {3}


def test_sites_are_wanted_but_unknown():
    with pytest.raises(CohortError, match=r"folds\.site is group, but no patient has a site"):
        make_folds(make_cohort([0, 1] * 10), outer=2, inner=2, seed=7, site="group")


def test_whole_sites_of_one_class():
    cohort = make_cohort([0] * 10 + [1] * 10, ["A"] * 10 + ["B"] * 10)
    with pytest.raises(CohortError, match=r"lack patients of a class, because groups stay whole\. Lower folds\.outer"):
        make_folds(cohort, outer=2, inner=2, seed=7, site="group")


def test_too_few_patients_of_a_class():
    with pytest.raises(CohortError, match=r"4 patients are 'yes', fewer than folds\.outer=5\. Lower folds\.outer"):
        make_folds(make_cohort([0] * 40 + [1] * 4), outer=5, inner=3, seed=7)
    with pytest.raises(CohortError, match=r"2 training patients of a fold are 'yes', fewer than folds\.inner=3"):
        make_folds(make_cohort([0] * 40 + [1] * 3), outer=3, inner=3, seed=7)
    assert len(make_folds(make_cohort([0] * 40 + [1] * 5), outer=5, inner=3, seed=7)) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outer": 1}, "folds.outer is 1"),
        ({"inner": 0}, "folds.inner is 0"),
        ({"repeats": 0}, "folds.repeats is 0"),
        ({"site": "spread"}, "folds.site is 'spread'. Set it to one of stratify, group, ignore"),
    ],
)
def test_numbers_out_of_range(cohort, change, message):
    with pytest.raises(CohortError, match=message.replace(".", r"\.")):
        make_folds(cohort, seed=7, **change)


def test_unlabelled_patients_are_refused():
    with pytest.raises(CohortError, match=r"patients without a label cannot be in folds \(1: P002\)"):
        make_folds(make_cohort([0, 1, -1] + [0, 1] * 10), seed=7)


def test_written_and_read_again(cohort, tmp_path):
    folds = make_folds(cohort, seed=7, repeats=2)
    path = tmp_path / "run" / "folds.json"
    write_folds(path, folds)
    assert read_folds(path, cohort) == folds
    assert json.loads(path.read_text())["sha256"] == folds_hash(folds)
    assert [one.name for one in path.parent.iterdir()] == ["folds.json"]


def test_a_run_keeps_reuses_or_draws_its_folds(cohort, tmp_path):
    drawn = open_folds(cohort, path=tmp_path / "one.json", seed=7)
    assert open_folds(cohort, path=tmp_path / "one.json", seed=99) == drawn
    assert open_folds(cohort, path=tmp_path / "two.json", seed=99, file=str(tmp_path / "one.json")) == drawn
    assert (tmp_path / "two.json").read_bytes() == (tmp_path / "one.json").read_bytes()


def spoil(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_files_that_are_refused(cohort, tmp_path):
    path = tmp_path / "folds.json"
    with pytest.raises(FusionError, match=r"folds\.file=.* cannot be read"):
        read_folds(path, cohort)
    path.write_text("{}")
    with pytest.raises(FusionError, match="cannot be read"):
        read_folds(path, cohort)
    write_folds(path, make_folds(cohort, seed=7))
    spoil(path, lambda content: content["folds"][0]["test"].pop())
    with pytest.raises(FusionError, match="was altered"):
        read_folds(path, cohort)
    spoil(path, lambda content: content.update(format=99))
    with pytest.raises(FusionError, match="newer than 1"):
        read_folds(path, cohort)


def test_overlap_strangers_and_gaps_are_refused_even_with_a_right_hash(cohort, tmp_path):
    first, *rest = make_folds(cohort, seed=7)
    path = tmp_path / "folds.json"

    def message(*folds):
        write_folds(path, folds)
        with pytest.raises(FusionError, match="does not fit cohort 'invented'") as caught:
            read_folds(path, cohort)
        return str(caught.value)

    leaked = first.test[0]
    assert f"repeat0_fold0: patients in both train and test (1: {leaked})" in message(
        replace(first, train=(*first.train, leaked)), *rest
    )
    inner = first.inner[0]
    both = replace(inner, train=(*inner.train, inner.val[0]))
    assert f"train and val of inner fold 0 (1: {inner.val[0]})" in message(replace(first, inner=(both,)), *rest)
    outside = replace(inner, val=(*inner.val, leaked))
    assert f"outside its training part (1: {leaked})" in message(replace(first, inner=(outside,)), *rest)
    assert "patients who are not in the cohort (1: Q999)" in message(replace(first, test=(*first.test, "Q999")), *rest)
    assert "does not test every patient exactly once" in message(replace(first, test=first.test[1:]), *rest)
    assert "does not test every patient exactly once" in message(*rest)
    assert "holds no fold" in message()
    write_folds(path, [first, *rest])
    smaller = SimpleNamespace(**{**vars(cohort), "patient_ids": cohort.patient_ids[1:]})
    with pytest.raises(FusionError, match=r"not in the cohort \(1: P000\)"):
        read_folds(path, smaller)
