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


def said_of_left_out(metrics: Mapping[str, Any]) -> str:
    """What agents and class tell of a regimen that a model never saw; empty where none was left out."""
    part = (metrics.get("policy") or {}).get("arms_left_out")
    if not part or not part["all"]["auroc"]:
        return ""
    found = part["all"]
    ways = {way: _number(found["auroc"][way]) for way in ("seen", "unseen", "untold")}
    text = (
        f"Over all {len(part['regimens'])} regimens, each left out in turn, a regression that is told the regimen by "
        f"its agents and class alone ranks patients with an AUROC of {ways['unseen']}, against {ways['seen']} with the "
        f"regimen in training and {ways['untold']} told nothing of it."
    )
    gain = found["unseen_against_untold"]
    if gain["low"] is None:
        return f"{text} There is no interval of the difference, and nothing is claimed."
    told = f"Agents and class are worth {gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
    told = told.replace("-", "−")
    if gain["low"] > 0:
        return f"{text} {told}: here they tell something of a regimen that was never given."
    claim = "they mislead here" if gain["high"] < 0 else "that they tell anything of a regimen never given is not shown"
    return f"{text} {told}: {claim}."


def _number(entry: Mapping[str, Any]) -> str:
    span = "" if entry["low"] is None else f" ({entry['low']:.2f} to {entry['high']:.2f})"
    return "an unknown one" if entry["value"] is None else f"{entry['value']:.2f}{span}"


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
    return f"{100 * entry['value']:+.1f} percentage points{span}".replace("-", "−")
