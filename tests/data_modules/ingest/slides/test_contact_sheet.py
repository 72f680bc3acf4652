"""The legend of a contact sheet has the colours that panels are drawn in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from data_modules.ingest.slides.contact_sheet import PANEL, write_contact_sheets

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
    assert left == sorted(left) and len(set(left)) == len(left)
