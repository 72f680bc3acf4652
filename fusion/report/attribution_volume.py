"""What a patient's page shows of a volume: three planes of each sequence, plain, by patch and by voxel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.report.pictures import data_uri, overlay

PLANES = ("axial", "coronal", "sagittal")
FAINT = 1e-12
"""Of contributions: this and less is none."""
HEIGHT_PX = 200
"""Of the tallest plane on the page."""


def volume_view(name: str, content: Mapping[str, Any], pictures: Mapping[str, Any]) -> dict[str, Any]:
    """What the template shows of the modality `name`, from what `fusion.attribution.volumes` kept."""
    scale = HEIGHT_PX / max(height for height, _ in content["mm"])
    sizes = [(max(1, round(height * scale)), max(1, round(width * scale))) for height, width in content["mm"]]
    # One scale for all sequences, so that they compare; single voxels stick out less than whole patches.
    heat = max([FAINT, *(np.abs(part).max() for key, part in pictures.items() if key.startswith(f"heat_{name}_"))])
    voxels = [np.abs(part).ravel() for key, part in pictures.items() if key.startswith(f"voxels_{name}_")]
    limit = max(FAINT, float(np.percentile(np.concatenate(voxels), 99.5))) if voxels else 1.0
    rows = []
    for sequence in content["sequences"]:
        drawn: dict[str, list[str]] = {"plain": [], "patches": [], "voxels": []}
        for k, size in enumerate(sizes):
            place = f"{name}_{sequence['number']}_{k}"
            plane = np.repeat(pictures[f"plane_{place}"][..., None], 3, axis=-1)
            drawn["plain"].append(_uri(plane, size))
            drawn["patches"].append(_uri(overlay(plane, 0.6 * pictures[f"heat_{place}"], heat, smooth=0.0), size))
            drawn["voxels"].append(_uri(overlay(plane, pictures[f"voxels_{place}"], limit, smooth=0.7), size))
        rows.append({**sequence, "drawn": drawn})
    return {
        "modality": name,
        "planes": PLANES,
        "sequences": rows,
        "through": patch_label(content["through"]),
        "explained": len(content["explained"]),
        "voxel_delta": content["voxel_delta"],
        "patch_limit": heat if heat > FAINT else 0.0,
    }


def patch_label(feature: str) -> str:
    """``t1_pre:0,1,1`` → ``t1_pre, patch 0, 1, 1``, as tables have it."""
    sequence, _, place = feature.rpartition(":")
    return f"{sequence}, patch {place.replace(',', ', ')}"


def _uri(image: NDArray[np.uint8], size: tuple[int, int]) -> str:
    from PIL import Image

    height, width = size
    return data_uri(np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)))
