"""What the quality table of volumes gives away: CT without air, masks of several labels."""

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


def several_labels(folder: Path, *, key: str) -> tuple[str, ...]:
    """One line on masks that hold several values, all of which count; none where there is nothing to say.

    Args:
        folder: of ``quality.csv``.
        key: of the modality.
    """
    import pandas as pd

    table = pd.read_csv(folder / "quality.csv", dtype={"error": object, "mask": object})
    if "mask" not in table:
        return ()
    held = table[table["error"].isna()].drop_duplicates("patient").set_index("patient")["mask"].dropna()
    several = held[held.map(lambda text: len(set(text.split(", ")) - {"0"}) > 1)]
    if several.empty:
        return ()
    told = [f"{patient}: {text}" for patient, text in several.items()]
    return (
        f"{key}.mask: the masks of {len(several)} patients hold several values, all of which above 0.5 count "
        f"({some(told, 3)}): set {key}.mask.label to those that are meant",
    )
