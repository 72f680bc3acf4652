"""What a configuration leaves to fill (``???``): keys of a command, and what only the cohort's owner can know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion.config.files import find

SHOWN = 12
_CHOICES = {
    "time": "baseline, post_baseline or outcome: when its value is known; only baseline can be an input",
    "positive": "the values of the class to predict, e.g. [CR, PR]",
    "negative": "the values of the other class, e.g. [SD, PD]",
    "event_values": "what says that the event was seen, e.g. [1]",
    "censored_values": "what says that it was not, e.g. [0]",
    "absent_is": "reference or unknown: what a site means that a patient's files do not list",
    "build": "GRCh37 or GRCh38",
    "origin": "somatic or germline",
    "intensity": "mr or ct",
    "mpp": "microns per pixel of the slides",
}
_OF_COHORTS = ("cohort.", "modality.")


def unfilled(keys: Sequence[str], choices: Any, user_dir: Path | None) -> str:
    """One message on all keys that are left to fill.

    Args:
        keys: dotted, of values that are ``???``; at least one.
        choices: group → choice, which tells the cohort's file.
        user_dir: folder of the user's own YAML.
    """
    own = [key for key in keys if key.startswith(_OF_COHORTS)]
    lines = [f"{key} is needed: give {key}=<value>." for key in keys if key not in own]
    if own:
        path = find("cohort", str(choices.get("cohort")), user_dir)
        many = f"{len(own)} values" if len(own) > 1 else "One value"
        lines.append(
            f"{many} of the cohort {'are' if len(own) > 1 else 'is'} left to fill{f' in {path}' if path else ''}:"
        )
        said: set[str] = set()
        for key in own[:SHOWN]:
            last = key.rpartition(".")[2]
            told = _CHOICES.get(last) if last not in said else None
            said.add(last)
            lines.append(f"  {key}{f': {told}' if told else ''}")
        if len(own) > SHOWN:
            lines.append(f"  and {len(own) - SHOWN} more")
        lines.append("Write a value in place of each '???', or delete the line of what is not to be read.")
    return "\n".join(lines)
