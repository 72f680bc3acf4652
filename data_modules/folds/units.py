"""What stays whole in folds: patients who share a group, or a site where sites are held out, and whom that joins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from data_modules.errors import CohortError, Problem
from fusion.contract import Cohort

Site = Literal["stratify", "group", "ignore"]
"""What hospital sites mean to folds: spread over them, held out whole, or nothing."""
Kind = Literal["groups", "sites"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Members = Mapping[str, str]
"""Patient → the name of their group or site; who has none stands alone."""


def sites_of(cohort: Cohort) -> dict[str, str]:
    """Patient → site; empty where the cohort declares none."""
    return {} if cohort.sites is None else {str(patient): str(site) for patient, site in cohort.sites.items()}


def groups_of(cohort: Cohort) -> dict[str, str]:
    """Patient → group; empty where the cohort declares none."""
    groups = getattr(cohort, "groups", None)
    return {} if groups is None else {str(patient): str(group) for patient, group in groups.items()}


def kept_whole(cohort: Cohort, site: Site, *, group: Members | None = None) -> dict[Kind, Members]:
    """What no split may divide.

    Args:
        cohort: whose sites and groups are meant.
        site: sites stay whole with ``group``.
        group: instead of the cohort's own groups.

    Raises:
        CohortError: `site` is none of its values, or whole sites are wanted and no patient has one.
    """
    if site not in get_args(Site):
        remedy = f"Set it to one of {', '.join(get_args(Site))}"
        raise CohortError(cohort.spec.name, [Problem(what=f"folds.site is {site!r}", remedy=remedy)])
    sites = sites_of(cohort)
    if site == "group" and not sites:
        what = "folds.site is group, but no patient has a site"
        raise CohortError(cohort.spec.name, [Problem(what=what, remedy="Set cohort.site, or folds.site=stratify")])
    groups = groups_of(cohort) if group is None else dict(group)
    whole: dict[Kind, Members] = {}
    if groups:
        whole["groups"] = groups
    if site == "group":
        whole["sites"] = sites
    return whole


def joined(patients: Sequence[str], whole: Mapping[Kind, Members]) -> dict[str, str]:
    """Patient → the first patient of their unit: the connected component over shared groups and sites.

    A family seen at two hospitals joins these: dividing what they make up would put it, or one of them, on both sides.
    """
    parent = {patient: patient for patient in patients}

    def root(patient: str) -> str:
        while parent[patient] != patient:
            parent[patient] = patient = parent[parent[patient]]
        return patient

    for members in whole.values():
        first: dict[str, str] = {}
        for patient in patients:
            if patient in members:
                one, other = sorted((root(patient), root(first.setdefault(members[patient], patient))))
                parent[other] = one
    return {patient: root(patient) for patient in patients}
