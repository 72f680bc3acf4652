"""A patient's page shows their volumes: planes through the patch that counts most, and what its voxels say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fusion.attribution.gradients import attribute_voxels
from fusion.attribution.members import ExplainedMember, Inputs


def volume_pictures(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    table: pd.DataFrame,
    pictures: dict[str, NDArray[Any]],
    *,
    patches: int,
    steps: int,
) -> dict[str, Any]:
    """Draw a patient's volumes; returns what the page must know of them.

    Added to `pictures`, for each sequence *s* that the patient has and each of its three planes *k*:
    ``plane_<name>_<s>_<k>`` uint8 ``(row, column)``; ``heat_<name>_<s>_<k>`` float32, the contribution of the patch in
    which a voxel lies; ``voxels_<name>_<s>_<k>`` float32, the voxel's own, of the patches that were explained so far.

    Args:
        members: of the fold.
        inputs: the patient as each of them sees them.
        name: a modality of kind ``volume``.
        table: a row a patch of the modality's spec, with ``attribution`` and ``attention``.
        pictures: to be added to.
        patches: how many are explained to their voxels, those that count most.
        steps: of integration.
    """
    spec, item = members[0].specs[name], inputs[0].items[name]
    fitted: Any = members[0].member.fitted[name]
    assert item is not None
    value = np.where(item.mask, table["attribution"].to_numpy(dtype=np.float64), 0.0)
    known = [int(place) for place in np.argsort(-np.abs(value), kind="stable") if item.mask[place]]
    count = len(item.mask) // len(spec.sequences)
    facts: dict[str, Any] = {"sequences": [], "through": spec.features[known[0]].name, "mm": fitted.plane_mm}
    loaded = np.asarray(item.values)
    voxels = np.zeros(loaded.shape, dtype=np.float32)
    facts["explained"], facts["voxel_delta"] = known[:patches], None
    if facts["explained"]:
        parts = [
            attribute_voxels(member, one, name, facts["explained"], steps=steps)
            for member, one in zip(members, inputs, strict=True)
        ]
        voxels[facts["explained"]] = torch.stack([part.scores for part in parts]).mean(dim=0).numpy()
        facts["voxel_delta"] = float(np.mean([abs(part.delta) for part in parts]))
    for number, sequence in enumerate(spec.sequences):
        rows = slice(number * count, (number + 1) * count)
        if not item.mask[rows].any():
            continue
        heat = np.broadcast_to(value[rows, None, None, None], loaded[rows].shape).astype(np.float32)
        drawn = {"plane": fitted.grey(loaded[rows]), "heat": heat, "voxels": voxels[rows]}
        for kind, part in drawn.items():
            for k, plane in enumerate(fitted.planes(part, through=known[0] % count)):
                pictures[f"{kind}_{name}_{number}_{k}"] = np.ascontiguousarray(plane)
        facts["sequences"].append(
            {
                "name": sequence,
                "number": number,
                "attribution": float(value[rows].sum()),
                "attention": float(table["attention"].to_numpy(dtype=np.float64)[rows][item.mask[rows]].sum()),
            }
        )
    return facts
