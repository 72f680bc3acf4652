from __future__ import annotations

import pytest

from data_modules.errors import CohortError
from data_modules.folds.units import groups_of, joined, kept_whole, sites_of
from tests.helpers.folds import make_cohort


def test_units_are_connected_components():
    # a–b share a group, b–c a site, d–e a group; f has a site of their own, g nothing.
    whole = {"groups": {"a": "F1", "b": "F1", "d": "F2", "e": "F2"}, "sites": {"b": "S1", "c": "S1", "f": "S2"}}
    assert joined(list("abcdefg"), whole) == {
        "a": "a", "b": "a", "c": "a", "d": "d", "e": "d", "f": "f", "g": "g",
    }  # fmt: skip


def test_a_group_and_a_site_of_one_name_are_two():
    assert joined(["a", "b"], {"groups": {"a": "X"}, "sites": {"b": "X"}}) == {"a": "a", "b": "b"}


def test_a_chain_is_one_unit_whatever_its_length():
    groups = {f"P{n:03d}": f"G{n // 2}" for n in range(100)}
    sites = {f"P{n:03d}": f"S{(n + 1) // 2}" for n in range(100)}
    assert set(joined(sorted(groups), {"groups": groups, "sites": sites}).values()) == {"P000"}


def test_what_is_kept_whole():
    cohort = make_cohort([0, 1], ["A", "B"], {"P000": "F"})
    assert kept_whole(cohort, "stratify") == {"groups": {"P000": "F"}}
    assert kept_whole(cohort, "ignore", group={}) == {}
    assert kept_whole(cohort, "group") == {"groups": {"P000": "F"}, "sites": {"P000": "A", "P001": "B"}}
    assert (sites_of(make_cohort([0, 1])), groups_of(make_cohort([0, 1]))) == ({}, {})


def test_whole_sites_of_a_cohort_without_sites():
    with pytest.raises(CohortError, match=r"folds\.site is group, but no patient has a site\. Set cohort\.site"):
        kept_whole(make_cohort([0, 1]), "group")
