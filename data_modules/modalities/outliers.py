"""What is unlike the rest of a cohort: facts of a quality table that are far from its median, said in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion.contract import some

_FEW = 4
"""Rows, or files, below which a median says little."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A column of a quality table: what it is called, its unit, and by what factor a row may differ from the median."""

    word: str
    unit: str
    factor: float


SLIDE_FACTS: Mapping[str, Fact] = {
    "mpp": Fact(word="resolution", unit="µm a pixel", factor=1.5),
    "tissue_mm2": Fact(word="tissue", unit="mm²", factor=5.0),
}
VOLUME_FACTS: Mapping[str, Fact] = {
    "foreground_ml": Fact(word="foreground", unit="ml", factor=3.0),
    "foreground_in_grid": Fact(word="share of the foreground in the grid", unit="", factor=3.0),
}


def outlier_line(folder: Path, facts: Mapping[str, Fact], *, key: str) -> tuple[str, ...]:
    """One line on the rows of ``quality.csv`` that are far from the median; none where there is nothing to say.

    Args:
        folder: of the table.
        facts: column → what is far.
        key: of the modality, e.g. ``modality.slides``.
    """
    import pandas as pd

    table = pd.read_csv(folder / "quality.csv", dtype={"error": object})
    read = table[table["error"].isna()]
    told = []
    for column, fact in facts.items():
        if column not in read:
            continue
        # Sequences of other kinds differ in what their foreground is.
        for _, part in read.groupby("sequence") if "sequence" in read else [("", read)]:
            values = part[column].to_numpy(dtype=float)
            middle = float(np.median(values)) if len(values) >= _FEW else 0.0
            if middle > 0:
                far = (values > middle * fact.factor) | (values * fact.factor < middle)
                told += [
                    f"{name} ({fact.word} {value:.3g}{fact.unit and f' {fact.unit}'}, median {middle:.3g})"
                    for name, value in zip(part["file"][far], values[far], strict=True)
                ]
    return (f"{key}: unlike the rest of the cohort: {some(told)}",) if told else ()


TIMES = 10.0
"""By which features of one model do not differ in size from slide to slide."""


def unlike(sizes: NDArray[np.float64]) -> tuple[float, NDArray[np.bool_]]:
    """The usual size of ``(file,)`` sizes, and which are `TIMES` larger or smaller; none of few files, or of zeros."""
    usual = float(np.median(sizes)) if len(sizes) >= _FEW else 0.0
    far = (sizes > TIMES * usual) | (sizes * TIMES < usual)
    return usual, far & (usual > 0)
