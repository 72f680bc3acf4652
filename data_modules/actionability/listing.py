"""What a release says of each patient's variants, as plain values for JSON and for the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from data_modules.actionability.changes import Change
from data_modules.actionability.criteria import Level, criterion
from data_modules.actionability.matching import Match, matches
from data_modules.actionability.profiles import ProfileError, Rule, ask, rule_of
from data_modules.actionability.release import Evidence, Profile, Release
from fusion.contract import FusionError, some

LEVELS = {"A": "validated", "B": "clinical", "C": "case study", "D": "preclinical", "E": "inferential"}
_NEAREST = list(get_args(Level))
_ANY_TUMOUR = frozenset({"cancer", "solid tumor"})
SAID = (
    "What CIViC's curators entered by the date stated, matched by a program. Not advice, not complete, not checked "
    "against approvals or guidelines; no match means that these files hold none."
)


TIERS = {
    True: "AMP/ASCO/CAP tiers are those that CIViC's assertions state, of the disease and therapy stated with them; "
    "none is derived from evidence, and ESCAT tiers CIViC does not state.",
    False: "CIViC states AMP/ASCO/CAP tiers in its table AssertionSummaries, which is not among these files, so "
    "assertions are named without them. None is derived from evidence, and ESCAT tiers CIViC does not state.",
}
"""Whether the table of assertions was there → what is said of tiers."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is shown.

    Attributes:
        diseases: the patients' tumour type by CIViC's names, several where several fit; empty: not said.
        level: evidence below it is folded away.
        kinds: evidence types.
    """

    diseases: tuple[str, ...] = ()
    level: str = "B"
    kinds: tuple[str, ...] = ("Predictive",)


def listing(changes: Sequence[Change], release: Release, wanted: Wanted) -> dict[str, Any]:
    """Patient by patient what was found, with the account of what was not.

    Raises:
        FusionError: a tumour type, level or kind of evidence that the release does not have.
    """
    _check(release, wanted, {name for change in changes for name in change.diseases})
    rules, unreadable = _rules(release)
    patients: dict[str, list[Change]] = {}
    for change in changes:
        patients.setdefault(change.patient, []).append(change)
    by_variant: dict[str, list[str]] = {}
    for profile in rules:
        for variant in release.profiles[profile].variants:
            by_variant.setdefault(variant, []).append(profile)
    found = matches(changes, release.variants.values())
    of_patient: dict[str, list[Match]] = {}
    for match in found:
        of_patient.setdefault(match.change.patient, []).append(match)
    shown = {
        patient: _patient(own, of_patient.get(patient, []), release, rules, by_variant, wanted)
        for patient, own in patients.items()
    }
    undecided = sum(criterion(variant) is None for variant in release.variants.values())
    return {
        "source": {"name": "CIViC", "licence": "CC0 1.0", "date": release.date, "sha256": dict(release.hashes)},
        "said": SAID,
        "tiers": TIERS[release.assertions is not None],
        "settings": {"diseases": wanted.diseases, "level": wanted.level, "kinds": wanted.kinds, "levels": LEVELS},
        "account": {
            "patients": len(patients),
            "patients_with_evidence": sum(bool(one["profiles"]) for one in shown.values()),
            "variants": len({_key(change) for change in changes}),
            "variants_matched": len({_key(match.change) for match in found}),
            "civic_variants": len(release.variants),
            "civic_variants_that_no_list_of_variants_can_tell": undecided,
            "civic_profiles_not_read": unreadable,
        },
        "patients": shown,
    }


def _check(release: Release, wanted: Wanted, stated: Collection[str]) -> None:
    every = [row for rows in release.evidence.values() for row in rows]
    names = {row.disease for row in every if row.disease}
    known = {name.casefold() for name in names}
    for one in sorted({*wanted.diseases, *stated}):
        if one.casefold() not in known:
            near = get_close_matches(one.title(), names, n=4, cutoff=0.4) or sorted(names)
            raise FusionError(f"--disease {one!r} is no tumour type of the release. Near it: {some(near)}.")
    if wanted.level not in LEVELS:
        raise FusionError(f"--level {wanted.level} is none of {', '.join(LEVELS)}.")
    kinds = {row.kind for row in every}
    wrong = [one for one in wanted.kinds if one not in kinds]
    if wrong:
        raise FusionError(f"--kinds {some(wrong)}: the release has {', '.join(sorted(kinds))}.")


def _rules(release: Release) -> tuple[dict[str, Rule], list[str]]:
    rules, unreadable = {}, []
    for name, profile in release.profiles.items():
        try:
            rules[name] = rule_of(profile, release.variants)
        except ProfileError as error:
            unreadable.append(str(error))
    return rules, unreadable


def _patient(
    own: Sequence[Change], found: Sequence[Match], release: Release, rules: Mapping[str, Rule],
    by_variant: Mapping[str, Sequence[str]], wanted: Wanted,
) -> dict[str, Any]:  # fmt: skip
    ids = frozenset(match.variant.id for match in found)
    diseases = wanted.diseases + tuple(name for change in own for name in change.diseases)
    profiles, partial = [], []
    for profile in dict.fromkeys(name for one in ids for name in by_variant.get(one, ())):
        asked = ask(rules[profile], ids, release.variants)
        rows = [row for row in release.evidence.get(profile, ()) if row.kind in wanted.kinds]
        if asked.answer == "fails" or not rows:
            continue
        mine = [match for match in found if match.variant.id in release.profiles[profile].variants]
        entry = _profile(release.profiles[profile], mine, rows, release, diseases, wanted)
        if asked.answer == "holds":
            profiles.append(entry)
        else:
            partial.append(entry | {"needs": asked.needs})
    matched = {_key(match.change) for match in found}
    return {
        "variants": len({_key(change) for change in own}),
        "variants_matched": len(matched),
        "profiles": sorted(profiles, key=_order),
        "partial": sorted(partial, key=_order),
        "matched": [_match(match) for match in found],
        "no_match": [{"line": one.line, "variant": one.told} for one in own if _key(one) not in matched],
    }


def _profile(
    profile: Profile, mine: Sequence[Match], rows: Sequence[Evidence], release: Release, diseases: Sequence[str],
    wanted: Wanted,
) -> dict[str, Any]:  # fmt: skip
    evidence = sorted((_row(row, diseases, wanted) for row in rows), key=_rank)
    return {
        "profile": profile.name,
        "url": f"https://civicdb.org/links/molecular_profiles/{profile.id}",
        # The furthest of its variants tells how near the whole is.
        "nearness": max((match.level for match in mine), key=_NEAREST.index),
        "matches": [_match(match) for match in mine],
        "evidence": evidence,
        "folded": sum(one["folded"] for one in evidence),
        "assertions": [_assertion(one, release, diseases) for one in profile.assertions],
    }


def _assertion(name: str, release: Release, diseases: Sequence[str]) -> dict[str, Any]:
    """One of CIViC's assertions with the AMP tier that it states; the id alone where their table is not there."""
    found = (release.assertions or {}).get(name)
    if found is None:
        return {"id": name, "url": f"https://civicdb.org/links/assertions/{name}", "tier": None}
    return {
        "id": name, "url": found.url, "tier": found.tier, "kind": found.kind, "effect": found.effect,
        "regimen": found.regimen, "disease": found.disease, "tumour": _fits(found.disease, diseases),
    }  # fmt: skip


def _key(change: Change) -> tuple[Any, ...]:
    """One variant of a patient, though it may lie in several genes."""
    return change.patient, change.line, change.allele


def _match(match: Match) -> dict[str, Any]:
    return {
        "variant": match.change.told, "line": match.change.line, "gene": match.variant.gene,
        "civic": f"{match.variant.gene} {match.variant.name}", "url": match.variant.url,
        "nearness": match.level, "by": match.by,
    }  # fmt: skip


def _row(row: Evidence, diseases: Sequence[str], wanted: Wanted) -> dict[str, Any]:
    fits = _fits(row.disease, diseases)
    return {
        "id": row.id, "kind": row.kind, "effect": row.effect, "level": row.level, "regimen": row.regimen,
        "therapies": row.therapies, "disease": row.disease, "tumour": fits, "rating": row.rating, "origin": row.origin,
        "citation": row.citation, "url": row.url, "flagged": row.flagged, "folded": row.level > wanted.level,
    }  # fmt: skip


def _fits(disease: str, diseases: Sequence[str]) -> str:
    """How a tumour type of CIViC goes with the patient's."""
    if disease.casefold() in {one.casefold() for one in diseases}:
        return "same"
    if disease.casefold() in _ANY_TUMOUR:
        return "any tumour"
    return "other" if diseases else "not said"


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    near = ("same", "any tumour", "not said", "other").index(row["tumour"])
    return near, row["level"], row["regimen"], int(row["id"])


def _order(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return _NEAREST.index(entry["nearness"]), _rank(entry["evidence"][0]), entry["profile"]
