"""A slide made small, to be looked at: its mask and tiles are drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from data_modules.ingest.common.contact_sheet import OUTLINE, PANEL, TILE, TINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from data_modules.ingest.slides.tiles import Grid
    from data_modules.ingest.slides.tissue import TissueMask


def draw_panel(thumbnail: NDArray[np.uint8], mask: TissueMask, grid: Grid, *, scale: float) -> Image:
    """One slide: artefacts tinted, kept tissue outlined, chosen tiles framed.

    Args:
        thumbnail: RGB ``(row, column, 3)``.
        mask: tissue of the same slide, in its own resolution.
        grid: the chosen tiles.
        scale: thumbnail pixels per level-0 pixel.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw as Draw

    height, width = thumbnail.shape[:2]
    zoom = PANEL / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))

    def shrink(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(PilImage.fromarray(part).resize(size, PilImage.Resampling.NEAREST))

    picture = np.asarray(PilImage.fromarray(thumbnail).resize(size, PilImage.Resampling.BILINEAR)).copy()
    for name, part in mask.artefacts.items():
        picture[shrink(part)] = TINTS[name]
    kept = shrink(mask.kept)
    picture[kept & ~ndimage.binary_erosion(kept, border_value=1)] = OUTLINE
    panel = PilImage.fromarray(picture)
    draw = Draw.Draw(panel)
    side = grid.side * scale * zoom
    for x, y in grid.coords * scale * zoom:
        draw.rectangle([x, y, x + side - 1, y + side - 1] if side > 2 else [x, y, x + 1, y + 1], outline=TILE)
    return panel
