"""Candidates of `choose` are compared on the same patients: what none of them may change of a modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion.config.files import ConfigError
from fusion.contract import some
from fusion.run.integrity import changed_keys

FILES = (
    "_target_", "files", "file", "id", "id_pattern", "patient_pattern", "sample_sheet", "table", "time", "transpose",
    "separator", "decimal", "encoding", "sheet", "mpp", "objective_power", "absent_is", "sequences", "mask",
    "several_samples", "sex", "reads", "inputs", "max_failed",
)  # fmt: skip
"""Keys of a modality that say which files are read, whose they are and what they mean."""


def refuse_other_files(own: Mapping[str, Any], candidate: Mapping[str, Any], named: str) -> None:
    """Refuse a candidate that reads other modalities, files or patients.

    Args:
        own: the node `modality` without `choose`, resolved.
        candidate: the same of the candidate.
        named: the candidate's settings.

    Raises:
        ConfigError: naming the modality or the keys.
    """
    others = sorted(own.keys() ^ candidate.keys())
    if others:
        raise ConfigError(
            f"choose: {named} {'drops' if others[0] in own else 'adds'} modality.{others[0]}. Which modalities there "
            f"are is the same for all candidates: the arms of single modalities compare them. Add it for all of them "
            f"on the command line, or leave it out with ~modality.{others[0]}."
        )
    changed = [one.partition(" ")[0] for one in changed_keys({"modality": own}, {"modality": candidate})]
    wrong = [key for key in changed if _of_files(key.split("."))]
    if wrong:
        raise ConfigError(
            f"choose: {named} changes {some(wrong, 3)}. Which files are read, whose they are and what "
            "their columns mean is the same for all candidates, so that all are compared on the same patients. Set "
            "these keys for all of them, or compare runs with --multirun."
        )


def _of_files(key: list[str]) -> bool:
    """``modality.<name>.<key>`` and deeper; a mapping of columns says what a file's columns mean, a list takes some."""
    return key[2] in FILES or (key[2] == "columns" and len(key) > 3)
