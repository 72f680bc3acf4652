"""Keys that the configuration did not always have: with which value a run does what it did before there was the key."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

AS_BEFORE: Mapping[str, Any] = {
    "choose": None,
    "precision": 32,
    "folds.allow": [],
    "datamodule.validation_tiles": None,
    "trainer.accumulate": 1,
    "trainer.devices": 1,
    "trainer.precision": 32,
    "trainer.seeds": 1,
    "model.base": "none",
    "model.encoders.*.exact_tiles": None,
    "evaluation.audit": False,
    "evaluation.floors": [],
    "evaluation.left_out": False,
    "evaluation.margin": None,
    "evaluation.missing": False,
    "evaluation.subgroups": [],
    "modality.*.embed": None,
    "modality.*.embed.precision": 32,
    "modality.*.encoding": None,
    "modality.*.inputs.names": "column",
    "modality.*.objective_power": False,
    "modality.*.pathways": None,
    "modality.*.reads": None,
    "modality.*.several_samples": "refuse",
    "modality.*.sheet": None,
    "modality.*.transpose": False,
}
"""Key, or pattern of keys → that value. A key is added here with the change that brings it, and only where its value
really changes nothing; often it is the default, not always."""

_OF_SEVERAL = "model.endpoints."
"""Keys that bear on runs of several endpoints alone."""


def completed(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier configuration with the keys that have come since, where it is known what it did without them.

    Args:
        then: key, with dots → value.
        now: today's, likewise.
    """
    # An empty mapping that has keys today says what its keys say.
    made = {key: value for key, value in then.items() if value != {} or not any(n.startswith(f"{key}.") for n in now)}
    for key in now.keys() - then.keys():
        if key.startswith(_OF_SEVERAL) and not isinstance(then.get("endpoint"), list):
            made[key] = now[key]
            continue
        for pattern, value in AS_BEFORE.items():
            if fnmatchcase(key, pattern):
                made[key] = value
    return made
