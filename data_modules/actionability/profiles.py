"""Molecular profiles: one variant, or several joined by AND, OR and NOT, read once and asked of a patient.

A list of variants tells what was found, never that the rest was looked at. So a profile holds only where a variant of
it was found; what it needs beside that and a list cannot show (a wild type, an expression, a NOT of something that was
not found) leaves it open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from data_modules.actionability.release import CivicVariant, Profile

Answer = Literal["holds", "open", "fails"]
Rule = str | tuple[str, list["Rule"]]
"""A variant's id, or ``all``, ``any`` or ``not`` of rules."""
_TOKEN = re.compile(r"(?:^|(?<=\s))(AND|OR|NOT|\(|\))(?=\s|$)")


class ProfileError(ValueError):
    """A profile's name cannot be read with certainty."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of a profile.

    Attributes:
        needs: names of what it needs beside the patient's variants, where it is open.
    """

    answer: Answer
    needs: tuple[str, ...] = ()


def rule_of(profile: Profile, variants: Mapping[str, CivicVariant]) -> Rule:
    """The rule that the profile's name states.

    Raises:
        ProfileError: a variant is not in the release, or AND and OR stand side by side without brackets.
    """
    parts = [part.strip() for part in _TOKEN.split(profile.name) if part.strip()]
    if any(one not in variants for one in profile.variants) or not profile.variants:
        raise ProfileError(f"{profile.name}: names what is no variant of the release")
    if len(profile.variants) == 1 and not set(parts) & {"NOT", "AND", "OR"}:
        return profile.variants[0]
    names = {_plain(f"{variants[one].gene} {variants[one].name}"): one for one in profile.variants}
    rule, rest = _joined(parts, names, profile.name)
    if rest:
        raise ProfileError(f"{profile.name}: cannot be read from {rest[0]!r} on")
    return rule


def _joined(parts: list[str], names: Mapping[str, str], whole: str) -> tuple[Rule, list[str]]:
    first, parts = _one(parts, names, whole)
    rules, joint = [first], ""
    while parts and parts[0] in ("AND", "OR"):
        if joint not in ("", parts[0]):
            raise ProfileError(f"{whole}: AND and OR side by side without brackets")
        joint = parts[0]
        following, parts = _one(parts[1:], names, whole)
        rules.append(following)
    return (rules[0] if len(rules) == 1 else ("all" if joint == "AND" else "any", rules)), parts


def _one(parts: list[str], names: Mapping[str, str], whole: str) -> tuple[Rule, list[str]]:
    if parts[:1] == ["NOT"]:
        inner, rest = _one(parts[1:], names, whole)
        return ("not", [inner]), rest
    if parts[:1] == ["("]:
        inner, rest = _joined(parts[1:], names, whole)
        if rest[:1] != [")"]:
            raise ProfileError(f"{whole}: a bracket is not closed")
        return inner, rest[1:]
    if not parts or _plain(parts[0]) not in names:
        raise ProfileError(f"{whole}: {parts[0] if parts else 'its end'} is none of its variants")
    return names[_plain(parts[0])], parts[1:]


def _plain(name: str) -> str:
    return re.sub(r"\s+", " ", name).strip().upper()


def ask(rule: Rule, found: frozenset[str], variants: Mapping[str, CivicVariant]) -> Asked:
    """Whether a profile holds for a patient in whom these variants were found.

    Args:
        rule: of `rule_of`.
        found: ids of CIViC's variants that the patient's match.
        variants: for the names of what is lacking.
    """
    answer, needs = _ask(rule, found, variants)
    return Asked(answer=answer, needs=tuple(needs) if answer == "open" else ())


def _ask(rule: Rule, found: frozenset[str], variants: Mapping[str, CivicVariant]) -> tuple[Answer, list[str]]:
    if isinstance(rule, str):
        named = variants[rule]
        return ("holds", []) if rule in found else ("open", [f"{named.gene} {named.name}"])
    kind, parts = rule
    asked = [_ask(part, found, variants) for part in parts]
    if kind == "not":
        answer, needs = asked[0]
        return ("fails", []) if answer == "holds" else ("open", [f"not {' or '.join(needs)}"])
    answers = [answer for answer, _ in asked]
    needs = [need for answer, some in asked if answer == "open" for need in some]
    if kind == "all":
        verdict: Answer = "fails" if "fails" in answers else "open" if "open" in answers else "holds"
        return verdict, needs
    return ("holds" if "holds" in answers else "open" if "open" in answers else "fails"), [" or ".join(needs)]
