"""Which part of a tile drives response, by hand: cells of 10 microns, 6 × 6, rows from the top."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion.attribution.plan import Patient
from fusion.attribution.truth import Truth, score_tiles


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """Row 2 drives in its first two cells, row 5 in its last three."""
    labels = np.zeros((6, 6), dtype=np.uint8)
    labels[2, :2] = labels[5, 3:] = 7
    np.save(tmp_path / "p.npy", labels)
    return Truth(genes={}, regions=tmp_path, cell=10.0, driving=7)


@pytest.mark.parametrize(
    ("x", "y", "side", "share"),
    [
        (5, 20, 20, 2 / 6),  # two rows; of three columns two are touched in part
        (0, 20, 10, 1.0),
        (0, 20, 10.5, 2 / 4),  # a cell that is touched counts
        (20, 20, 10, 0.0),
        (30, 50, 20, 1.0),  # what lies beyond the edge does not count
        (90, 0, 10, 0.0),
    ],
)
def test_the_share_of_a_tile(truth: Truth, x: float, y: float, side: float, share: float) -> None:
    assert truth.driving_share("p", x=x, y=y, side=side) == pytest.approx(share)
    assert truth.driving_share("nobody", x=x, y=y, side=side) is None


def test_tiles_lie_where_their_pixels_do(truth: Truth) -> None:
    """At 0.25 microns a pixel (40, 80) is (10, 20) microns."""
    at = [(40, 80, 0.9), (80, 80, 0.5), (0, 0, 0.1)]
    rows = pd.DataFrame(
        [{"feature": f"tile:0:{x},{y}", "attribution": 0.0, "attention": seen, "x": x, "y": y} for x, y, seen in at]
    ).assign(patient="hashed")
    patient = Patient(id="p", name="hashed", fold=0, label=1, score=0.5)
    assert score_tiles(truth, rows, [patient], {"hashed": (10.0, 0.25)}, by="attention") == {"p": 1.0}
    assert score_tiles(truth, rows, [patient], {"hashed": (10.0, 2.5)}, by="attention") == {}
    assert score_tiles(truth, rows, [patient], {}, by="attention") == {}
