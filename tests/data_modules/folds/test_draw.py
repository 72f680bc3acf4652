from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from data_modules.errors import CohortError
from data_modules.folds.deal import deal
from data_modules.folds.draw import make_folds, open_folds
from data_modules.folds.stored import folds_hash, load_folds, write_folds
from data_modules.sources.simulated import cohort as simulated
from fusion.contract import FusionError
from tests.helpers.folds import make_cohort


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
@pytest.mark.parametrize("site", ["stratify", "ignore"])
def test_classes_differ_by_at_most_one_and_sizes_and_sites_hardly_more(cohort, seed, site):
    folds = make_folds(cohort, outer=5, inner=3, seed=seed, site=site)
    parts = [[fold.test for fold in folds], *([inner.val for inner in fold.inner] for fold in folds)]
    for part in parts:
        for label in (0, 1):
            assert spread([sum(cohort.labels[list(one)] == label) for one in part]) <= 1
        assert spread([len(one) for one in part]) <= (2 if site == "stratify" else 1)
        if site == "stratify":
            assert max(spread([sum(cohort.sites[list(one)] == name) for one in part]) for name in "ABC") <= 3


@pytest.mark.parametrize("family", [1, 2])
def test_what_a_site_has_of_responders_by_chance_tells_nothing_of_test_patients(family):
    """Labels dealt at random among 20 sites: the training share of a patient's site is as good as a coin.

    Folds that spread sites within classes gave it an AUROC of 0.6; of any folds it is a little below 0.5, for who is
    tested is not there to train on.
    """
    areas = []
    for draw in range(40):
        rng = np.random.default_rng([draw, 5])
        labels, sites = (rng.random(240) < 0.3).astype(int), rng.integers(0, 20, 240)
        families = {f"P{number:03d}": f"F{number // family}" for number in range(240)} if family > 1 else None
        for fold in make_folds(make_cohort(labels, sites.astype(str), families), outer=5, inner=2, seed=draw):
            tested = np.zeros(240, dtype=bool)
            tested[[int(one[1:]) for one in fold.test]] = True
            known = np.bincount(sites[~tested], minlength=20), np.bincount(sites[~tested], labels[~tested], 20)
            share = ((known[1] + 1) / (known[0] + 2))[sites]
            areas.append(roc_auc_score(labels[tested], share[tested]))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)


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
    message = r"1 units of whole sites have patients who are 'no', fewer than folds\.outer=2 \(1: that of P000\)\."
    with pytest.raises(CohortError, match=message + r" Lower folds\.outer, or let sites be divided"):
        make_folds(cohort, outer=2, inner=2, seed=7, site="group")


def test_too_few_patients_of_a_class():
    with pytest.raises(CohortError, match=r"4 patients are 'yes', fewer than folds\.outer=5\. Lower folds\.outer"):
        make_folds(make_cohort([0] * 40 + [1] * 4), outer=5, inner=3, seed=7)
    with pytest.raises(CohortError, match=r"2 training patients of a fold are 'yes', fewer than folds\.inner=3"):
        make_folds(make_cohort([0] * 40 + [1] * 3), outer=3, inner=3, seed=7)
    assert len(make_folds(make_cohort([0] * 40 + [1] * 5), outer=5, inner=3, seed=7)) == 5
    assert len(make_folds(make_cohort([0] * 40 + [1] * 5), outer=5, inner=4, seed=7)) == 5  # four of four


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
    assert open_folds(cohort, path=None, seed=7, file=str(path)) == folds
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
        open_folds(cohort, path=None, seed=7, file=str(path))
    path.write_text("{}")
    with pytest.raises(FusionError, match="cannot be read"):
        open_folds(cohort, path=None, seed=7, file=str(path))
    write_folds(path, make_folds(cohort, seed=7))
    spoil(path, lambda content: content["folds"][0]["test"].pop())
    with pytest.raises(FusionError, match="was altered"):
        open_folds(cohort, path=None, seed=7, file=str(path))
    spoil(path, lambda content: content.update(format=99))
    with pytest.raises(FusionError, match="newer than 1"):
        open_folds(cohort, path=None, seed=7, file=str(path))


@pytest.mark.parametrize(
    ("options", "digest"),
    [
        ({"seed": 7}, "99764779e6a1db3eb187be780e3074e35f685420f0039a31d60c4dd2ec6f1913"),
        (
            {"seed": 7, "repeats": 2, "outer": 3, "inner": 2},
            "e502ead35d7c396d67bf3b39e2b3ca815cfc55a2b3208d014d88383126517327",
        ),
        ({"seed": 1, "site": "ignore"}, "356e94a221d5c84202af09e2b2aaf1aac0da73f6169945b89e6283709dfdd69f"),
        (
            {"seed": 7, "site": "group", "outer": 3, "inner": 2},
            "665385758f2dcc3deeed69f5900131669fc8cb0f34038ae8850c5e757687fbe9",
        ),
    ],
)
def test_folds_stay_what_they_are(options, digest):
    """Published figures stand on these folds: of the embedded cohort, all 240 patients, to the last one.

    Those that look at no sites, or keep them whole, are of commit 2c33775; those that spread sites of 2026-11-26.
    """
    drawn = simulated.draw(patients=240, seed=20, interaction=1.0)
    sites = drawn.clinical["tissue_source_site"].to_numpy()
    cohort = make_cohort(drawn.outcome.response.astype(int), sites, ids=drawn.ids)
    assert folds_hash(make_folds(cohort, **options)) == digest


def test_sites_are_spread_although_families_stay_together(cohort):
    """20 families of three; as well as their sizes allow."""
    family = {patient: f"F{number // 3}" for number, patient in enumerate(cohort.patient_ids[:60])}
    for seed in range(5):
        folds = make_folds(cohort, seed=seed, inner=2, group=family)
        for label in (0, 1):
            assert spread([sum(cohort.labels[list(fold.test)] == label) for fold in folds]) <= 2
        for site in "ABC":
            assert spread([sum(cohort.sites[list(fold.test)] == site) for fold in folds]) <= 4


def test_where_classes_tie_sites_decide_where_a_family_goes():
    """By hand: ten pairs of one class, five at each site, in five parts: a pair of each site in each."""
    sites = ["A", "A", "B", "B"] * 5
    pairs = {f"P{number:03d}": f"F{number // 2}" for number in range(20)}
    labels, strata = dict.fromkeys(pairs, 0), {f"P{at:03d}": site for at, site in enumerate(sites)}
    for seed in range(5):
        parts = deal(sorted(pairs), labels, strata, pairs, 5, np.random.default_rng(seed))
        assert [sorted(strata[one] for one in part) for part in parts] == [["A", "A", "B", "B"]] * 5


def test_whole_sites_and_families_together():
    """A family seen at two hospitals joins them; nobody's relative and nobody's hospital is on the other side."""
    rng = np.random.default_rng(3)
    sites = rng.choice([f"S{number}" for number in range(30)], 240)
    labels = (rng.random(240) < 0.4).astype(int)
    family = {f"P{number:03d}": f"F{number // 2}" for number in range(20)}
    cohort = make_cohort(labels, sites, family)
    folds = make_folds(cohort, outer=3, inner=2, seed=7, site="group")
    for fold in folds:
        for one, other in ((fold.train, fold.test), *((inner.train, inner.val) for inner in fold.inner)):
            assert not {cohort.sites[patient] for patient in one} & {cohort.sites[patient] for patient in other}
            assert not {family.get(patient) for patient in one} & {family.get(patient) for patient in other} - {None}


def test_the_cohorts_own_groups_are_kept_without_being_passed(tmp_path):
    family = {f"P{number:03d}": f"F{number // 4}" for number in range(80)}
    cohort = make_cohort([0, 1] * 40, groups=family)
    for fold in open_folds(cohort, path=tmp_path / "folds.json", seed=1, outer=4, inner=2):
        assert not {family[one] for one in fold.train} & {family[one] for one in fold.test}


def test_another_order_is_tried_where_one_leaves_a_part_without_a_class(monkeypatch):
    cohort = make_cohort([0] * 12 + [1] * 12, groups={f"P{n:03d}": f"F{n // 2}" for n in range(24)})
    from data_modules.folds import draw

    deals = []

    def spoiled(*arguments):
        parts = draw_deal(*arguments)
        deals.append(parts)
        if len(deals) == 1:  # all of class "no" to the first part
            return [tuple(f"P{n:03d}" for n in range(12)), tuple(f"P{n:03d}" for n in range(12, 24))]
        return parts

    draw_deal = draw.deal
    monkeypatch.setattr(draw, "deal", spoiled)
    folds = make_folds(cohort, outer=2, inner=2, seed=1)
    assert len(deals) == 1 + 1 + 2
    assert folds[0].test == deals[1][0]


def test_a_group_too_large_to_share_out_is_named():
    groups = {f"P{number:03d}": "clan" for number in range(20)}
    with pytest.raises(
        CohortError, match=r"1 units of whole groups have patients who are 'yes', fewer than folds\.outer"
    ):
        make_folds(make_cohort([0, 1] * 10 + [0] * 10, groups=groups), outer=3, inner=2, seed=1)


def test_folds_of_another_run_keep_what_was_said_of_them(cohort, tmp_path):
    folds = make_folds(cohort, seed=7)
    write_folds(tmp_path / "one.json", folds, flags=["sites are on both sides"], source={"file": "x.csv"})
    assert open_folds(cohort, path=tmp_path / "two.json", seed=1, file=str(tmp_path / "one.json")) == folds
    assert load_folds(tmp_path / "two.json").flags == ("sites are on both sides",)
    assert load_folds(tmp_path / "two.json").source == {"file": "x.csv"}


def test_what_cannot_be_allowed(cohort, tmp_path):
    with pytest.raises(FusionError, match=r"folds\.allow names patients; what it can allow is groups, sites"):
        open_folds(cohort, path=tmp_path / "folds.json", seed=7, allow=["patients"])


def test_folds_of_a_run_that_divide_groups_are_refused_or_flagged(cohort, tmp_path):
    """82 of 100 tested patients had a group mate in training, and nobody was told."""
    write_folds(tmp_path / "old.json", make_folds(cohort, seed=7))
    family = {patient: f"F{number // 2}" for number, patient in enumerate(cohort.patient_ids[:60])}
    grouped = make_cohort(cohort.labels.to_numpy(), cohort.sites.to_numpy(), family)
    with pytest.raises(FusionError) as caught:
        open_folds(grouped, path=tmp_path / "new.json", seed=7, file=str(tmp_path / "old.json"))
    assert "groups (cohort.group) are on both sides, train and test, of 5 of 5 outer folds (" in str(caught.value)
    assert "train and val, of 15 of 15 inner folds" in str(caught.value)
    assert "folds.allow=[groups]" in str(caught.value)
    assert not (tmp_path / "new.json").exists()
    open_folds(grouped, path=tmp_path / "new.json", seed=7, file=str(tmp_path / "old.json"), allow=["groups"])
    flags = load_folds(tmp_path / "new.json").flags
    assert [flag.split(" (")[0] for flag in flags] == ["groups", "groups"]
    assert open_folds(grouped, path=tmp_path / "new.json", seed=7, allow=["groups"])  # resumed
    with pytest.raises(FusionError, match="groups"):
        open_folds(grouped, path=tmp_path / "new.json", seed=7)


def test_each_site_is_left_out_in_turn_also_one_that_lacks_a_class():
    labels = [0, 1] * 10 + [0, 1] * 8 + [0] * 5 + [0, 1] * 6
    cohort = make_cohort(labels, ["B"] * 20 + ["A"] * 16 + ["C"] * 5 + ["D"] * 12)
    folds = make_folds(cohort, outer="sites", inner=2, repeats=2, seed=7, site="group", group={})
    assert [(fold.name, sorted(set(cohort.sites[list(fold.test)]))) for fold in folds[:4]] == [
        ("repeat0_fold0", ["A"]), ("repeat0_fold1", ["B"]), ("repeat0_fold2", ["C"]), ("repeat0_fold3", ["D"]),
    ]  # fmt: skip
    assert [len(fold.test) for fold in folds] == [16, 20, 5, 12] * 2
    for fold in folds:
        for inner in fold.inner:
            assert set(cohort.sites[list(inner.val)]).isdisjoint(cohort.sites[list(inner.train)])


def test_sites_are_left_out_only_where_they_are_kept_whole(cohort):
    with pytest.raises(CohortError, match=r"folds.outer is sites.*folds.site is stratify.*Set folds.site=group too"):
        make_folds(cohort, outer="sites", seed=7)
