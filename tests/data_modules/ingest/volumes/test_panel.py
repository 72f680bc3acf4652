"""Contact sheets of volumes by hand: which voxel stands where, how grey, and what is outlined."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from data_modules.ingest.common.contact_sheet import PANEL
from data_modules.ingest.volumes.panel import draw_panel, grey, planes


def test_greys_run_from_the_first_percentile_to_the_99_5th() -> None:
    """0 to 1,000: black up to 10, white from 995 on, and 255 · (x - 10) / 985 between, rounded down."""
    found = grey(np.arange(1001, dtype=np.float32).reshape(7, 11, 13))
    values = found.ravel()
    assert values[:11].tolist() == [0] * 11 and (values[995:] == 255).all()
    assert values[502] == int(255 * 492 / 985) == 127 and values[994] == 254 and values[14] == 1
    assert (grey(np.full((2, 2, 2), 7.0, dtype=np.float32)) == 0).all(), "one value has no range"
    # Below 0 too: from -980 to 990.
    assert grey(np.array([[[-1000.0, 0.0, 1000.0]]], dtype=np.float32)).ravel().tolist() == [0, 126, 255]


def test_planes_as_radiologists_look() -> None:
    values = np.arange(24).reshape(2, 3, 4)  # 12 x + 4 y + z
    axial, coronal, sagittal = planes(values, (1, 2, 3))
    # Rows run from front to back, columns from the patient's right to left.
    assert axial.tolist() == [[23, 11], [19, 7], [15, 3]]
    assert coronal.tolist() == [[23, 11], [22, 10], [21, 9], [20, 8]]
    assert sagittal.tolist() == [[23, 19, 15], [22, 18, 14], [21, 17, 13], [20, 16, 12]]


def test_a_panel_has_a_row_a_sequence_and_says_what_is_missing() -> None:
    side = PANEL // 3
    values = np.zeros((2, 8, 8, 4), dtype=np.float32)
    values[0, :, :, 2] = np.linspace(0, 1, 64).reshape(8, 8)
    outline = np.zeros((8, 8, 4), dtype=bool)
    outline[2:6, 2:6, 1:4] = True
    panel = np.asarray(draw_panel(values, [True, False], ["first", "second"], outline=outline))
    assert panel.shape == (2 * side, 3 * side, 3)
    missing = Image.new("RGB", (3 * side, side), (70, 70, 70))
    ImageDraw.Draw(missing).text((3, 1), "second: missing", fill="white")
    assert np.array_equal(panel[side:], missing), "a missing sequence is grey and named"
    # Coronal and sagittal planes are half as high as wide: 8 by 4 voxels; below them is nothing.
    assert (panel[side // 2 + 1 : side, side:] == 70).all()
    assert (panel[: side // 2, side:] == 70).all(axis=2).mean() < 0.1
    outlined = (panel == (255, 200, 0)).all(axis=2)
    axial = outlined[:side, :side]
    rows, columns = np.nonzero(axial)
    # Voxels 2 to 5 of 8, each `side` / 8 wide.
    assert (rows.min() // (side / 8), rows.max() // (side / 8)) == (2, 5)
    assert (columns.min() // (side / 8), columns.max() // (side / 8)) == (2, 5)
    assert not axial[side // 2 - 2 : side // 2 + 2, side // 2 - 2 : side // 2 + 2].any(), "only its border"
    plain = np.asarray(draw_panel(values, [True, False], ["first", "second"]))
    assert not (plain == (255, 200, 0)).all(axis=2).any()
    five = draw_panel(np.zeros((5, 8, 8, 8), dtype=np.float32), [True] * 5, "abcde")
    assert five.size == (3 * (PANEL // 5), 5 * (PANEL // 5))
