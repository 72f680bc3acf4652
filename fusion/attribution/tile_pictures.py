"""What a patient's page shows of their slides: overviews, and pixels of the tiles that count most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fusion.attribution.gradients import attribute_pixels
from fusion.attribution.members import ExplainedMember, Inputs
from fusion.contract import Item

OVERVIEW_PX = 640
"""Longer side of the picture of a slide."""


def slide_pictures(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    table: pd.DataFrame,
    pictures: dict[str, NDArray[Any]],
    *,
    tiles: int,
    steps: int,
) -> dict[str, Any]:
    """Draw from the slides what the page shows, into `pictures`; returns what the page must know of them.

    Args:
        members: of the fold.
        inputs: the patient as each of them sees them.
        name: of the modality.
        table: its rows.
        pictures: name → RGB ``(row, column, 3)`` uint8, or log-odds ``(row, column)`` float32.
        tiles: how many of the most important are explained to their pixels.
        steps: of integration.
    """
    item = inputs[0].items[name]
    assert item is not None
    facts: dict[str, Any] = {
        "files": list(item.files),
        "sizes": [],
        "mpp": [],
        "tile_px": [],
        "top": [],
        "pixel_delta": None,
    }
    fitted: Any = members[0].member.fitted[name]
    if hasattr(fitted, "overview"):
        for slide, file in enumerate(item.files):
            overview = fitted.overview(file, max_px=OVERVIEW_PX)
            pictures[f"overview_{name}_{slide}"] = overview.image
            facts["sizes"].append(list(overview.size))
            facts["mpp"].append(overview.mpp)
            facts["tile_px"].append(fitted.tile_side / overview.mpp)
    top = [int(place) for place in np.argsort(-table["attribution"].abs().to_numpy(), kind="stable")[:tiles]]
    facts["top"] = top
    if members[0].specs[name].kind == "tiles" and top:
        _pixels(members, inputs, name, item, top, steps, facts, pictures)
    return facts


def _pixels(
    members: Sequence[ExplainedMember],
    inputs: Sequence[Inputs],
    name: str,
    item: Item,
    top: Sequence[int],
    steps: int,
    facts: dict[str, Any],
    pictures: dict[str, NDArray[Any]],
) -> None:
    parts = [attribute_pixels(member, one, name, top, steps=steps) for member, one in zip(members, inputs, strict=True)]
    facts["pixel_delta"] = float(np.mean([abs(part.delta) for part in parts]))
    mean = torch.stack([part.scores for part in parts]).mean(dim=0).numpy().astype(np.float32)
    for place, tile in enumerate(top):
        pictures[f"tile_{name}_{place}"] = np.moveaxis(item.values[tile], 0, -1)  # noqa: PD011
        pictures[f"pixels_{name}_{place}"] = mean[place]
