"""From a plan of tissue to an RGB image, by the Beer–Lambert law.

Light that passes dye of optical density OD arrives as I = I0 · exp(-OD), and densities of two dyes add:
OD_c = H · h_c + E · e_c for each colour channel c (Ruifrok & Johnston, Anal Quant Cytol Histol 2001, whose haematoxylin
and eosin vectors are used). Hospitals differ in how strongly and how purely they stain, and in their scanner's white.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from data_modules.sources.simulated.tissue import FIELD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.sources.simulated.tissue import Tissue

MPP = 0.5
"""Microns per pixel at the finest level."""
_PIXELS = int(FIELD / MPP)
_VARIANTS = 24


@dataclass(frozen=True, kw_only=True)
class Stain:
    """Colour of a slide: dye vectors (OD per unit of dye, per channel), their strengths, and the scanner's white."""

    haematoxylin: NDArray[np.float32]
    eosin: NDArray[np.float32]
    white: NDArray[np.float32]


def site_stain(rng_site: np.random.Generator, rng_slide: np.random.Generator) -> Stain:
    """The stain of a hospital, with a slide's own small departure from it."""
    dyes = []
    for vector, strength in (((0.65, 0.70, 0.29), (0.82, 1.18)), ((0.10, 0.95, 0.22), (0.75, 1.25))):
        turned = np.asarray(vector) + rng_site.normal(0, 0.035, size=3)
        amount = rng_site.uniform(*strength) * rng_slide.normal(1, 0.05)
        dyes.append((turned * amount).clip(0.01).astype(np.float32))
    white = 243 + rng_site.uniform(-5, 5, size=3)
    return Stain(haematoxylin=dyes[0], eosin=dyes[1], white=white.astype(np.float32))


def render(rng: np.random.Generator, tissue: Tissue, stain: Stain) -> NDArray[np.uint8]:
    """Draw the slide: ``(row, column, 3)`` uint8, 0.5 microns per pixel."""
    cover = _upsample(tissue.tissue)
    nests = _upsample(tissue.nests & tissue.tissue)
    dead = _upsample(tissue.necrosis)
    fibres = _fibres(rng)
    grain = rng.standard_normal((_PIXELS, _PIXELS), dtype=np.float32)
    stroma = cover - nests
    eosin = stroma * (0.50 + 0.11 * fibres) + nests * (0.20 + 0.04 * fibres) + dead * (0.30 + 0.06 * grain)
    haematoxylin = stroma * 0.06 + nests * 0.10 + dead * (0.02 + 0.05 * grain)
    nuclei = np.zeros((_PIXELS, _PIXELS), dtype=np.float32)
    for kind, cells in (
        ("spindle", tissue.stromal_cells),
        ("tumour", tissue.tumour_cells),
        ("debris", tissue.debris),
        ("lymphocyte", tissue.lymphocytes),
    ):
        _stamp(nuclei, cells, _stamps(kind), rng.integers(_VARIANTS, size=len(cells)))
    haematoxylin += nuclei * cover
    eosin *= 1 - 0.45 * np.minimum(nuclei, 1)
    fold = 1 + 0.9 * _upsample(tissue.fold)
    haematoxylin = haematoxylin * fold + 0.012 * grain
    eosin = eosin * fold
    pen = _upsample(tissue.pen)
    ink = np.asarray(((1.5, 0.9, 0.25), (0.9, 0.25, 1.2), (1.6, 1.5, 1.3))[int(rng.integers(3))], dtype=np.float32)
    image = np.empty((_PIXELS, _PIXELS, 3), dtype=np.uint8)
    for channel in range(3):
        density = haematoxylin * stain.haematoxylin[channel]
        density += eosin * stain.eosin[channel]
        density += pen * ink[channel]
        np.negative(density, out=density)
        np.exp(density, out=density)
        density *= stain.white[channel]
        image[..., channel] = density.clip(0, 255)
    return image


def _upsample(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A mask at full resolution with soft edges."""
    from PIL import Image

    small = Image.fromarray(mask.astype(np.uint8) * 255)
    large = np.asarray(small.resize((_PIXELS, _PIXELS), Image.Resampling.BILINEAR))
    return np.asarray(np.multiply(large, np.float32(1 / 255), dtype=np.float32))


def _fibres(rng: np.random.Generator) -> NDArray[np.float32]:
    """Collagen: streaks along both axes, about normal."""
    from PIL import Image

    total = np.zeros((_PIXELS, _PIXELS), dtype=np.float32)
    for shape in ((128, 24), (24, 128), (200, 200)):
        noise = Image.fromarray(rng.standard_normal(shape, dtype=np.float32))
        total += np.asarray(noise.resize((_PIXELS, _PIXELS), Image.Resampling.BICUBIC))
    return np.float32(0.7) * total


def _stamp(
    canvas: NDArray[np.float32],
    cells: NDArray[np.float64],
    stamps: tuple[NDArray[np.float32], ...],
    choice: NDArray[np.int64],
) -> None:
    """Lay nuclei on the canvas; where two meet, the darker shows."""
    half = stamps[0].shape[0] // 2
    corners = (cells / MPP).astype(np.int64) - half
    for (row, column), number in zip(corners.tolist(), choice.tolist(), strict=True):
        top, left = max(row, 0), max(column, 0)
        bottom, right = min(row + 2 * half, _PIXELS), min(column + 2 * half, _PIXELS)
        view = canvas[top:bottom, left:right]
        np.maximum(view, stamps[number][top - row : bottom - row, left - column : right - column], out=view)


@cache
def _stamps(kind: str) -> tuple[NDArray[np.float32], ...]:
    """Pictures of one kind of nucleus: haematoxylin per pixel, ``(row, column)`` float32, the same in every process."""
    # half size of the picture in pixels; long and short radius in microns, body, rim and nucleolus in haematoxylin
    half, long, short, body, rim, nucleolus = {
        "tumour": (16, 5.9, 4.9, 0.42, 0.30, 0.45),
        "lymphocyte": (10, 3.9, 3.7, 1.9, 0.0, 0.0),
        "spindle": (20, 8.0, 2.3, 0.52, 0.0, 0.0),
        "debris": (6, 1.2, 1.0, 0.8, 0.0, 0.0),
    }[kind]
    rng = np.random.default_rng(20)
    axis = (np.arange(2 * half) + 0.5 - half) * MPP
    y, x = np.meshgrid(axis, axis, indexing="ij")
    pictures = []
    for _ in range(_VARIANTS):
        angle, size = rng.uniform(0, np.pi), rng.uniform(0.88, 1.1)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        radius = np.hypot(along / (long * size), across / (short * size))
        inside = np.clip((1.12 - radius) / 0.24, 0, 1)
        picture = inside * (body + rim * np.exp(-(((radius - 0.88) / 0.14) ** 2)))
        spot_y, spot_x = rng.uniform(-1.6, 1.6, size=2)
        picture += nucleolus * inside * np.exp(-(((y - spot_y) ** 2 + (x - spot_x) ** 2) / 1.1**2))
        picture *= rng.uniform(0.9, 1.1)
        pictures.append(picture.astype(np.float32))
    return tuple(pictures)
