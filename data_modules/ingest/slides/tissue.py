"""Where tissue lies on a thumbnail, and what of it is pen, fold, blur or the rim of an air bubble.

Fixed thresholds stand beside what they were read from; each rejection can be switched off in the modality's config
(``tissue.reject``), since a rule that is right for one scanner can be wrong for another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data_modules.ingest.slides.settings import TissueSettings

# Otsu splits light from dark tissue where a slide has hardly any glass, and noise where it has hardly any tissue;
# glass has saturations below 0.05 and pale stroma above 0.1, so its answer counts between these only.
_OTSU_RANGE = (0.06, 0.12)
_INK_SATURATION = 0.20  # green and blue ink are as colourful as this
# Red ink is as red and as colourful as blood, but absorbs blue light nearly as it absorbs green; haemoglobin and eosin
# do not: 99 % of the pixels of real haemorrhage have a ratio of optical densities below this. See docs/slides.md.
_RED_SATURATION = 0.60
_RED_BLUE_TO_GREEN = 0.75
# Ink spans more than a few cells: what survives an opening of this radius.
_INK_RADIUS = 5.0  # microns


@dataclass(frozen=True, kw_only=True)
class TissueMask:
    """What a thumbnail shows, as masks ``(row, column)``.

    Attributes:
        kept: tissue without the rejected artefacts; tiles come from here.
        found: all that is not glass or ink.
        artefacts: name → where it is, for each artefact of the settings' `reject`.
        mpp: microns per pixel of the masks.
        threshold: the saturation used.
        sharpness: median over tissue of the local root mean square of the Laplacian; NaN without tissue.
    """

    kept: NDArray[np.bool_]
    found: NDArray[np.bool_]
    artefacts: dict[str, NDArray[np.bool_]]
    mpp: float
    threshold: float
    sharpness: float

    @property
    def tissue_mm2(self) -> float:
        """Area of the kept tissue in square millimetres."""
        return float(self.kept.sum()) * self.mpp**2 / 1e6

    def share_of_found(self, artefact: str) -> float:
        """An artefact's share of all that is no glass."""
        mask, all_found = self.artefacts.get(artefact), self.found.copy()
        for other in self.artefacts.values():
            all_found |= other
        return 0.0 if mask is None or not all_found.any() else float(mask.sum() / all_found.sum())

    def share(self, artefact: str) -> float:
        """An artefact's share of the whole thumbnail; 0 for artefacts that were not looked for."""
        mask = self.artefacts.get(artefact)
        return 0.0 if mask is None else float(mask.mean())


def find_tissue(thumbnail: NDArray[np.uint8], *, mpp: float, settings: TissueSettings) -> TissueMask:
    """Mask the tissue of a thumbnail.

    Args:
        thumbnail: RGB, ``(row, column, 3)``.
        mpp: its microns per pixel.
        settings: thresholds.

    Returns:
        Masks of the thumbnail's shape.
    """
    hue, saturation, value = _hsv(thumbnail)
    threshold = _saturation_threshold(saturation, settings.saturation)
    wanted = settings.reject or ()
    pen = _pen(hue, saturation, value, mpp=mpp)
    found = (saturation > threshold) & ~(pen & ("pen" in wanted))
    found = _fill_holes(_drop_small(found, settings.min_area / mpp**2), settings.max_hole / mpp**2)
    if "pen" in wanted:
        found &= ~pen

    sharp = _local_laplacian(thumbnail, window=max(3, round(64.0 / mpp)))
    artefacts: dict[str, NDArray[np.bool_]] = {}
    if "pen" in wanted:
        artefacts["pen"] = pen
    if "fold" in wanted:
        artefacts["fold"] = _drop_small((saturation - value > settings.fold) & found, 200.0 / mpp**2)
    if "blur" in wanted:
        artefacts["blur"] = found & (sharp < settings.blur)
    if "bubble" in wanted:
        artefacts["bubble"] = _rims(found)
    kept = found.copy()
    for mask in artefacts.values():
        kept &= ~mask
    kept = _drop_small(kept, settings.min_area / mpp**2)
    return TissueMask(
        kept=kept,
        found=found,
        artefacts=artefacts,
        mpp=mpp,
        threshold=threshold,
        sharpness=float(np.median(sharp[found])) if found.any() else float("nan"),
    )


def _hsv(thumbnail: NDArray[np.uint8]) -> Sequence[NDArray[np.float32]]:
    """Hue, saturation and value of the slightly smoothed thumbnail, each ``(row, column)`` in [0, 1].

    Hue is worked out where there is colour enough for ink, and 0 elsewhere: a slide's thumbnail has sixteen million
    pixels, most of them glass or tissue. scikit-image's `rgb2hsv` gives the same in four times the time and memory.
    """
    red, green, blue = (
        ndimage.gaussian_filter(thumbnail[..., channel], sigma=1, output=np.float32) for channel in range(3)
    )
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    saturation = chroma / np.maximum(value, 1e-6)
    hue = np.zeros_like(value)
    some = saturation > _INK_SATURATION
    r, g, b, top, span = red[some], green[some], blue[some], value[some], chroma[some]
    sixth = np.select([top == r, top == g], [(g - b) / span % 6, (b - r) / span + 2], (r - g) / span + 4)
    hue[some] = sixth / 6
    return hue, saturation, value / np.float32(255)


def _saturation_threshold(saturation: NDArray[np.float32], wanted: float | str) -> float:
    if wanted != "otsu":
        return float(wanted)
    from skimage.filters import threshold_otsu

    if float(saturation.max() - saturation.min()) < 1e-3:  # one colour: nothing to split
        return _OTSU_RANGE[1]
    return float(np.clip(threshold_otsu(saturation), *_OTSU_RANGE))  # type: ignore[no-untyped-call]


def _pen(
    hue: NDArray[np.float32], saturation: NDArray[np.float32], value: NDArray[np.float32], *, mpp: float
) -> NDArray[np.bool_]:
    """Green, blue and black ink, and red where it is a pure red. H&E runs from violet (hue 0.68) to red (1.0)."""
    green = (hue > 0.20) & (hue < 0.52) & (saturation > _INK_SATURATION)
    blue = (hue >= 0.52) & (hue < 0.655) & (saturation > 0.40)
    black = (value < 0.30) & (saturation < 0.35)
    radius = max(1, round(_INK_RADIUS / mpp))
    core = ndimage.binary_opening(green | blue | black | _red_ink(hue, saturation, value), iterations=radius)
    # Ink fades out at its rim: take in what borders on it.
    return np.asarray(ndimage.binary_dilation(core, iterations=2 * radius + 1)) if core.any() else core


def _red_ink(
    hue: NDArray[np.float32], saturation: NDArray[np.float32], value: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Red as tissue and blood are not: absorbing blue as much as green. Brown (hue above 0.02) is pigment."""
    found = (saturation > _RED_SATURATION) & ((hue > 0.93) | (hue < 0.02))
    some, top = hue[found], 255 * value[found]
    chroma = top * saturation[found]
    # In this sector red is the largest channel; hues below 1 have green as the least, hues above 0 blue.
    least, between = top - chroma, top - chroma + 6 * chroma * np.minimum(some, 1 - some)
    green, blue = np.where(some > 0.5, least, between), np.where(some > 0.5, between, least)
    found[found] = np.log((blue + 1) / 256) < _RED_BLUE_TO_GREEN * np.log((green + 1) / 256)
    return found


def _local_laplacian(thumbnail: NDArray[np.uint8], *, window: int) -> NDArray[np.float32]:
    grey = np.zeros(thumbnail.shape[:2], dtype=np.float32)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        grey += np.float32(weight) * thumbnail[..., channel]
    edges = ndimage.laplace(grey)
    energy = ndimage.uniform_filter(np.square(edges, out=edges), size=window)
    return np.asarray(np.sqrt(np.maximum(energy, 0.0, out=energy), out=energy))


def _rims(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Closed thin rings: an air bubble's edge refracts, so it is dark and coloured round a large empty inside."""
    labels, number = ndimage.label(found)
    rims = np.zeros_like(found)
    for label, box in enumerate(ndimage.find_objects(labels, number), start=1):
        piece = labels[box] == label
        if piece.sum() < 0.35 * ndimage.binary_fill_holes(piece).sum():
            rims[box] |= piece
    return rims


def _drop_small(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """`mask` without 8-connected pieces of fewer than `pixels` pixels."""
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3), dtype=bool))
    big = np.bincount(labels.ravel()) >= pixels
    big[0] = False
    return np.asarray(big[labels])


def _fill_holes(mask: NDArray[np.bool_], pixels: float) -> NDArray[np.bool_]:
    """`mask` with 4-connected holes of at most `pixels` pixels filled; glass that meets the border is no hole."""
    labels, _ = ndimage.label(~mask)
    small = np.bincount(labels.ravel()) <= pixels
    small[0] = False
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        small[edge] = False
    return np.asarray(mask | small[labels])
