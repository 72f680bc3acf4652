"""What was asked of a run and has to be said beside its result: preset, flags of its folds, tiles that were drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion.run.folder import RunFolder

_NAMES = re.compile(r" \((\d+): .*\)$", re.DOTALL)
"""The examples at the end of a flag: a group may have the name of a patient."""


def preset(run: RunFolder) -> str | None:
    """Which preset chose how to learn; None for runs of versions that had none."""
    name = run.config().get("preset")
    return None if name is None else str(name)


def choices(run: RunFolder, metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """What folds chose; None where nothing was chosen, and for runs of older versions.

    Returns:
        The metric that chose; for every candidate of `choose` its number and settings; for every arm its name, the
        candidate of each fold in their order, how many chose the most often chosen one, and for every candidate of
        `choose` how often it was chosen and its mean inner quality (None where it is no candidate of that arm). `tuned`
        are the arms that chose among these.
    """
    found = metrics.get("choices")
    if not found:
        return None
    table = run.choices()
    table = table[table["chosen"]].sort_values(["repeat", "fold"], kind="stable")
    arms = [
        {
            "arm": arm,
            "folds": part["folds"],
            "most": part["most"],
            "times": part["chosen"][part["most"]],
            "where": [str(number) for number in table.loc[table["arm"] == arm, "candidate"]],
            "chosen": {number: part["chosen"].get(number) for number in found["candidates"]},
            "inner": {number: part["inner"].get(number) for number in found["candidates"]},
        }
        for arm, part in found["arms"].items()
    ]
    tuned = [row for row in arms if set(found["arms"][row["arm"]]["chosen"]) <= set(found["candidates"])]
    return {"metric": found["metric"], "candidates": found["candidates"], "arms": arms, "tuned": tuned}


def flags(folds: Mapping[str, Any]) -> list[str]:
    """What has to be known of folds, such as sites that were allowed on both sides: sentences that name nobody.

    Args:
        folds: of folds.json; older versions wrote no flags.
    """
    said = [_NAMES.sub(r" (\1, named in folds.json)", str(flag)) for flag in folds.get("flags") or []]
    return [f"{_begun(sentence)}." for sentence in said if sentence]


def _begun(sentence: str) -> str:
    """With a capital, unless it begins with a key of the configuration."""
    return sentence if "." in sentence.split(maxsplit=1)[0] else sentence[0].upper() + sentence[1:]


def source(folds: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The published table that folds come from: its file and SHA-256; None where they were drawn."""
    found = folds.get("source") or {}
    return found if found.get("file") else None


def sampling(run: RunFolder) -> list[dict[str, Any]]:
    """A row a modality of tiles or patches: the shares of each patient's that one epoch of training draws.

    Mean, lowest and medians are over the networks of all folds and arms. Empty for runs of older versions.
    """
    return [
        {
            "modality": modality,
            "share": float(np.mean([one["share"] for one in rows])),
            "lowest": float(min(one["lowest_share"] for one in rows)),
            "drawn": round(float(np.median([one["drawn"] for one in rows]))),
            "tiles": round(float(np.median([one["tiles"] for one in rows]))),
        }
        for modality, rows in run.sampling().items()
    ]
