"""Which gene or column looked where: the map of fusers in which they attend to tiles, with their names.

Fusers that keep a map ``images`` (`fusion.fusers.cross_attention`, `fusion.fusers.coattention`) say of every gene and
table column how it spread its attention over the patient's tiles and a token of *nothing here*. The map is no
attribution: it has no sign, and what was looked at need not have changed the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusion.attribution.members import ExplainedMember, Inputs

MOST = 10
"""Genes and columns that are shown: those that looked at images most."""


def looked(members: Sequence[ExplainedMember], inputs: Sequence[Inputs]) -> list[dict[str, Any]]:
    """Rows for a patient's page, who looked most first; empty where the fuser keeps no such map.

    Returns:
        Of a gene or column its `label` and `modality`; of the image modality `at` that it looked at: `share`, of its
        attention on these images rather than on nothing or on others; `tile`, the number of the tile that it looked
        at most; `times`, how many times as much as at an average tile; `x` and `y` of the tile, where it has a place,
        or the name of a patch of a volume, `named`. Means over the members that know the gene or column.
    """
    found: dict[tuple[str, str, str], list[NDArray[np.float64]]] = {}
    labels: dict[tuple[str, str], str] = {}
    for member, one in zip(members, inputs, strict=True):
        for modality, feature, label, at, weights in _rows(member, one):
            labels[modality, feature] = label
            found.setdefault((modality, feature, at), []).append(weights)
    rows = []
    for (modality, feature, at), several in found.items():
        mean = np.mean(several, axis=0)
        tile = int(mean.argmax())
        share, times = float(mean.sum()), float(mean[tile] / max(mean.mean(), 1e-12))
        told = {"label": labels[modality, feature], "modality": modality, "at": at, "share": share, "times": times}
        rows.append((share, {**told, "tile": tile, **_place(members[0], inputs[0], at, tile)}))
    return [row for _, row in sorted(rows, key=lambda one: -one[0])[:MOST]]


def _rows(member: ExplainedMember, inputs: Inputs) -> Iterator[tuple[str, str, str, str, NDArray[np.float64]]]:
    """Modality, feature, label, image modality, and ``(tile,)`` attention, of what the patient has."""
    fuser: Any = member.model.fuser
    asking, images = getattr(fuser, "query_names", ()), getattr(fuser, "image_names", ())
    if not asking or not images:
        return
    with torch.no_grad(), member.device.autocast():
        tokens = member.fused_tokens(inputs.tokens, inputs.masks)
        maps = fuser(tokens).attention or {}
    if "images" not in maps:
        return
    whole = maps["images"][0].cpu().double().numpy()
    query = 1  # after the patient's own token
    for modality in asking:
        mask, features = tokens[modality].mask[0].cpu().numpy(), member.specs[modality].features
        for number, there in enumerate(mask):
            # Encoders that project columns have tokens of no single one.
            if there and len(features) == len(mask):
                start = 1  # after the token of nothing here
                for name in images:
                    real = tokens[name].mask[0].cpu().numpy()
                    weights = whole[query + number, start : start + len(real)][real]
                    if len(weights):
                        yield modality, features[number].name, features[number].label, name, weights
                    start += len(real)
        query += len(mask)


def _place(member: ExplainedMember, inputs: Inputs, name: str, tile: int) -> dict[str, Any]:
    """Where a tile lies, or what a patch of a volume is called."""
    item, features = inputs.items[name], member.specs[name].features
    if item is None:
        return {}
    at = int(np.flatnonzero(item.mask)[tile])
    if features:
        return {"named": features[at].label}
    return {} if item.coords is None else {"x": int(item.coords[at, 0]), "y": int(item.coords[at, 1])}
