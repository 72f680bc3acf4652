"""What the values of rules say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion.evaluation.comparison import arm_label, arm_phrase

NAMES = {"t_learner": "T-learner", "interactions": "Regression with interactions"}


def label(arm: str) -> str:
    """What tables call an arm."""
    return NAMES.get(arm) or arm_label(arm)


def said(metrics: Mapping[str, Any]) -> str:
    """What the first arm's rule would have been worth, and whether anything may be claimed; empty without the part."""
    part = metrics.get("policy")
    if not part:
        return ""
    if part["why"]:
        return f"Nothing can be said of which therapy for whom: {part['why']}."
    arm, found = next(iter(part["arms"].items()))
    phrase = arm_phrase(arm) if arm not in NAMES else f"the {NAMES[arm]}"
    text = (
        f"Had every patient been given what {phrase} prefers for them, {_share(found['robust'])} would have responded "
        f"(doubly robust), against {_share(part['given'])} as given."
    )
    gain = found["against_best"]["robust"]
    told = f"Over the best arm of each stratum it gains {_points(gain)}"
    if gain["low"] is None:
        return f"{text} {told}; there is no interval, and nothing is claimed."
    if gain["low"] > 0:
        return f"{text} {told}: choosing by the patient is supported here."
    claim = "choosing by the patient does worse here" if gain["high"] < 0 else "no gain from choosing is shown"
    return f"{text} {told}: {claim}."


def _share(entry: Mapping[str, Any]) -> str:
    """A share with its interval, in per cent."""
    if entry["value"] is None:
        return "an unknown share"
    span = "" if entry["low"] is None else f" ({100 * entry['low']:.1f} to {100 * entry['high']:.1f})"
    return f"{100 * entry['value']:.1f} %{span}"


def _points(entry: Mapping[str, Any]) -> str:
    """A difference of shares with its interval, in percentage points."""
    if entry["value"] is None:
        return "an unknown share"
    span = "" if entry["low"] is None else f" ({100 * entry['low']:+.1f} to {100 * entry['high']:+.1f})"
    return f"{100 * entry['value']:+.1f} percentage points{span}"
