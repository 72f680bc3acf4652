"""The legend of a contact sheet has the colours that panels are drawn in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data_modules.ingest.common.contact_sheet import _CAPTION, _COLUMNS, _ROWS, PANEL, write_contact_sheets

COLOURS = ((0, 190, 190), (255, 220, 0), (0, 160, 60), (220, 0, 0), (255, 160, 0), (0, 120, 255))
"""Tissue, tile, pen, fold, blur, bubble, in this order."""


def test_the_legend_shows_each_colour_once_and_in_order(tmp_path: Path) -> None:
    Image.new("RGB", (PANEL, PANEL), "white").save(tmp_path / "panel.png")
    (sheet,) = write_contact_sheets(tmp_path, [("one", tmp_path / "panel.png")] * 3)
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB"))
    squares = [np.argwhere((pixels == colour).all(axis=2)) for colour in COLOURS]
    assert [len(square) for square in squares] == [100] * len(COLOURS)
    assert all((np.ptp(square, axis=0) == 9).all() for square in squares)
    left = [int(square[:, 1].min()) for square in squares]
    # A square of ten pixels, three to its word, six to the next square and three that are left.
    words = ImageDraw.Draw(Image.new("RGB", (9, 9)))
    wide = [22 + int(words.textlength(word)) for word in ("tissue", "tile", "pen", "fold", "blur")]
    assert left[0] == 6 and np.diff(left).tolist() == wide
    assert {int(square[:, 0].min()) for square in squares} == {8}


def test_panels_lie_six_pixels_apart_below_their_captions(tmp_path: Path) -> None:
    """Two columns and rows of black panels on grey, a sheet's worth and one more."""
    Image.new("RGB", (PANEL, PANEL), "black").save(tmp_path / "panel.png")
    full = _COLUMNS * _ROWS
    sheets = write_contact_sheets(tmp_path, [("", tmp_path / "panel.png")] * (full + 1), stamp="SIMULATED")
    assert [sheet.name for sheet in sheets] == ["contact_sheet_01.png", "contact_sheet_02.png"]
    with Image.open(sheets[0]) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape == (48 + _ROWS * (PANEL + _CAPTION + 6), 6 + _COLUMNS * (PANEL + 6))
    black = pixels[48 + _CAPTION :] == 0
    assert np.flatnonzero(black[0])[[0, -1]].tolist() == [6, _COLUMNS * (PANEL + 6) - 1]
    assert np.flatnonzero(~black[0]).tolist()[:12] == [*range(6), *range(6 + PANEL, 12 + PANEL)]
    assert np.flatnonzero(black[:, 6]).tolist()[: PANEL + 1] == [*range(PANEL), PANEL + _CAPTION + 6]
    with Image.open(sheets[1]) as image:
        assert image.size == (12 + PANEL, 48 + PANEL + _CAPTION + 6)
