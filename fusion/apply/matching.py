"""How a run's features meet a new cohort: matched, missing and extra by modality, and refused below a share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusion.contract import FusionError, Match, Modality
from fusion.run.state import load_state

CHANCE = 0.01
"""Probability of naming so few features below which that is no accident: a single patient names few genes anyway."""


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Matches of one modality over all members of all folds.

    Attributes:
        matched, missing: features that any member was trained with.
        extra: what the cohort names and no member knows.
        share: of the features expected of so many patients, the smallest over members; None where nothing is expected.
        absent_is: see `fusion.contract.Match`.
        notes: see `fusion.contract.Match`; those of all members, each once.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    share: float | None
    absent_is: str | None
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """For matches.json."""
        return {
            "trained": len(self.matched) + len(self.missing),
            "matched": list(self.matched),
            "missing": list(self.missing),
            "missing_read_as": self.absent_is,
            "extra": list(self.extra),
            "share_of_expected": None if self.share is None else round(self.share, 4),
            "notes": list(self.notes),
        }


def match_all(kept: Iterable[tuple[Path, Mapping[str, Modality]]], *, min_match: float) -> dict[str, Matching]:
    """Match every fitted state of the run before anything is scored.

    Args:
        kept: folder of fitted states, one a member, with the modalities of which it has them, bound to the new cohort.
        min_match: share of the expected features that must be there.

    Raises:
        FusionError: a member finds fewer, and by less than a 1 % chance.
    """
    found: dict[str, list[Match]] = {}
    for folder, modalities in kept:
        for name, modality in modalities.items():
            match = modality.match(load_state(folder, name))
            if match is not None:
                _refuse_few(name, match, min_match)
                found.setdefault(name, []).append(match)
    trained = {feature for matches in found.values() for match in matches for feature in match.trained}
    return {name: _union(matches, trained) for name, matches in found.items()}


def _share(match: Match) -> float | None:
    expected = sum(match.chances)
    return (len(match.trained) - len(match.missing)) / expected if expected > 0 else None


def chance_of_few(chances: Sequence[float], few: int) -> float:
    """Probability that at most `few` of independent events happen (Poisson binomial distribution, by convolution)."""
    distribution = np.ones(1)
    for chance in chances:
        distribution = np.convolve(distribution, [1 - chance, chance])
    return float(distribution[: few + 1].sum())


def _refuse_few(name: str, match: Match, min_match: float) -> None:
    share = _share(match)
    have = len(match.trained) - len(match.missing)
    if share is not None and share < min_match and chance_of_few(match.chances, have) < CHANCE:
        raise FusionError(
            f"modality.{name}: the cohort's files name {have} of {len(match.trained)} features that a model was "
            f"trained with (lacking {', '.join(match.missing[:3])}, …), where about {sum(match.chances):.0f} are "
            f"expected of so many patients: below min_match={min_match}. Is it the same build, panel and annotation? "
            "Lower min_match to go on."
        )


def _union(matches: list[Match], known: set[str]) -> Matching:
    """Over members; `known` is what any modality reads, which is extra to none."""
    trained = dict.fromkeys(name for match in matches for name in match.trained)
    missing = {name for match in matches for name in match.missing}
    extra = dict.fromkeys(name for name in matches[0].extra if name not in known)
    shares = [share for share in map(_share, matches) if share is not None]
    return Matching(
        matched=tuple(name for name in trained if name not in missing),
        missing=tuple(name for name in trained if name in missing),
        extra=tuple(extra),
        share=min(shares, default=None),
        absent_is=matches[0].absent_is,
        notes=tuple(dict.fromkeys(note for match in matches for note in match.notes)),
    )
