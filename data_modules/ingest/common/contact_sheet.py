"""Pictures made to be looked at: each slide or patient small, many to a sheet."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from data_modules.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.ImageDraw import ImageDraw

PANEL = 300  # pixels
_CAPTION = 14  # pixels
_COLUMNS = 6
_ROWS = 8
TINTS = {"pen": (0, 160, 60), "fold": (220, 0, 0), "blur": (255, 160, 0), "bubble": (0, 120, 255)}
OUTLINE = (0, 190, 190)
TILE = (255, 220, 0)


def write_contact_sheets(folder: Path, panels: Sequence[tuple[str, Path]], *, stamp: str = "") -> list[Path]:
    """Put panels under their captions on numbered sheets ``contact_sheet_01.png``…, below a legend.

    Args:
        folder: where the sheets go.
        panels: caption and PNG of each slide or patient.
        stamp: written across the top of each sheet.

    Returns:
        The sheets.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw as Draw

    sheets = []
    page = _COLUMNS * _ROWS
    for start in range(0, len(panels), page):
        part = panels[start : start + page]
        columns, rows = min(_COLUMNS, len(part)), -(-len(part) // _COLUMNS)
        pitch = (PANEL + 6, PANEL + _CAPTION + 6)
        top = 24 + (24 if stamp else 0)
        sheet = PilImage.new("RGB", (columns * pitch[0] + 6, rows * pitch[1] + top), (245, 245, 245))
        draw = Draw.Draw(sheet)
        draw.text((6, 4), stamp, fill=(190, 0, 0), font_size=20)
        _legend(draw, y=top - 18)
        for number, (caption, file) in enumerate(part):
            x, y = 6 + number % _COLUMNS * pitch[0], top + number // _COLUMNS * pitch[1]
            draw.text((x, y), caption[-48:], fill=(30, 30, 30))
            with PilImage.open(file) as panel:
                sheet.paste(panel, (x, y + _CAPTION))
        path = folder / f"contact_sheet_{start // page + 1:02d}.png"
        replace_file(path, partial(sheet.save, format="PNG", compress_level=1))
        sheets.append(path)
    return sheets


def _legend(draw: ImageDraw, *, y: int) -> None:
    """What the colours mean."""
    x = 6
    for word, colour in (("tissue", OUTLINE), ("tile", TILE), *TINTS.items()):
        draw.rectangle([x, y + 2, x + 9, y + 11], fill=colour)
        draw.text((x + 13, y), word, fill=(30, 30, 30))
        x += 16 + int(draw.textlength(word)) + 6
