"""Write a patient's slide, a pyramidal, tiled TIFF that OpenSlide opens with its microns per pixel, and its regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_modules.sources.simulated.stain import MPP, render, site_stain
from data_modules.sources.simulated.tissue import draw_tissue
from data_modules.sources.simulated.vcf import STAMP

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_LEVELS = 3


@dataclass(frozen=True, kw_only=True)
class SlideJob:
    """All that one slide depends on; plain data, so that a spawned process can take it."""

    slide: Path
    regions: Path
    seed: int
    site: int
    number: int
    lymphocyte_rich: bool


def write_slide(job: SlideJob) -> None:
    """Draw and write a slide; the same job writes the same bytes in any process."""
    rng = np.random.default_rng([job.seed, 4, job.number])
    tissue = draw_tissue(rng, lymphocyte_rich=job.lymphocyte_rich)
    stain = site_stain(np.random.default_rng([job.seed, 5, job.site]), rng)
    write_pyramid(job.slide, render(rng, tissue, stain))
    np.save(job.regions, tissue.regions(), allow_pickle=False)


def write_pyramid(path: Path, image: NDArray[np.uint8]) -> None:
    """Write ``(row, column, 3)`` as a TIFF of three levels, each half the one before, in JPEG tiles of 256."""
    import tifffile
    from PIL import Image

    level = Image.fromarray(image)
    with tifffile.TiffWriter(path) as file:
        for number in range(_LEVELS):
            mpp = MPP * 2**number
            file.write(
                np.asarray(level),
                photometric="rgb",
                tile=(256, 256),
                compression="jpeg",
                compressionargs={"level": 88},
                resolution=(1e4 / mpp, 1e4 / mpp),
                resolutionunit="CENTIMETER",
                subfiletype=1 if number else 0,
                metadata=None,
                software=False,
                description=STAMP if number == 0 else None,
            )
            level = level.reduce(2)
