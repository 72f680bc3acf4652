"""CT volumes without air: their numbers may be no Hounsfield units."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from data_modules.ingest.volumes.grid import AIR_HU
from fusion.contract import some


def without_air(folder: Path, sequences: Collection[str], *, key: str) -> tuple[str, ...]:
    """One line on CT volumes of which no voxel is as dark as air; none where there is nothing to say.

    Args:
        folder: of ``quality.csv``.
        sequences: names of those that are CT.
        key: of the modality.
    """
    import pandas as pd

    table = pd.read_csv(folder / "quality.csv", dtype={"error": object})
    read = table[table["error"].isna() & table["sequence"].isin(list(sequences))]
    bright = read[read["lowest"].astype(float) > AIR_HU]
    if bright.empty:
        return ()
    told = [f"{file} (lowest {low:.0f})" for file, low in zip(bright["file"], bright["lowest"], strict=True)]
    return (
        f"{key}: no voxel of {len(bright)} of {len(read)} CT volumes is as dark as air ({some(told)}): they are cut "
        "out of the body, or their numbers are no Hounsfield units (stored with 1024 added, e.g.): subtract that",
    )
