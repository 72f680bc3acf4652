"""A picture of a patient's grid made to be looked at: the three middle planes of each sequence, for contact sheets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from data_modules.ingest.common.contact_sheet import PANEL
from data_modules.ingest.volumes.grid import Scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_OUTLINE = (255, 200, 0)
_MISSING = (70, 70, 70)


def draw_panel(
    values: NDArray[np.float32],
    present: Sequence[bool],
    names: Iterable[str],
    *,
    outline: NDArray[np.bool_] | None = None,
) -> Image:
    """Rows of sequences; columns axial, coronal, sagittal. As radiologists look: the patient's right is on the left.

    Args:
        values: ``(sequence, x, y, z)`` in RAS.
        present: which sequences there are; the others are grey.
        names: of sequences.
        outline: ``(x, y, z)``, drawn where given.
    """
    from PIL import Image as PilImage
    from PIL import ImageDraw

    names = list(names)
    cell = PANEL // max(3, len(names))
    panel = PilImage.new("RGB", (3 * cell, len(names) * cell), _MISSING)
    draw = ImageDraw.Draw(panel)
    for row, (part, there, name) in enumerate(zip(values, present, names, strict=True)):
        if there:
            middle = [length // 2 for length in part.shape]
            for column, plane in enumerate(planes(grey(part), middle)):
                picture = np.repeat(plane[..., None], 3, axis=2)
                if outline is not None:
                    drawn = planes(outline, middle)[column]
                    picture[drawn & ~ndimage.binary_erosion(drawn)] = _OUTLINE
                zoom = cell / max(plane.shape)
                size = (max(1, round(plane.shape[1] * zoom)), max(1, round(plane.shape[0] * zoom)))
                panel.paste(PilImage.fromarray(picture).resize(size), (column * cell, row * cell))
        draw.text((3, row * cell + 1), name if there else f"{name}: missing", fill=(255, 255, 255))
    return panel


def grey(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values of a sequence as grey levels: black at the first percentile, white at the 99.5th."""
    low, high = np.percentile(values, (1, 99.5))
    return np.asarray(np.clip((values - low) / max(float(high - low), 1e-6) * 255, 0, 255), dtype=np.uint8)


def planes(values: NDArray[Scalar], at: Sequence[int]) -> list[NDArray[Scalar]]:
    """Axial, coronal and sagittal plane of ``(x, y, z)`` in RAS through voxel `at`.

    Each ``(row, column)``, head or front up and the patient's right left.
    """
    x, y, z = at
    # RAS: index 0 is left, so x runs backwards; rows go from the top, so y and z do.
    return [values[::-1, ::-1, z].T, values[::-1, y, ::-1].T, values[x, ::-1, ::-1].T]
