"""Slide files: which reader opens one, what it says of itself, and which files on disk it consists of.

==================================  ==========================================================================
OpenSlide                           .svs, .ndpi, .scn, .mrxs, .bif, .vms, tiled .tif, DICOM WSI (.dcm), …
`data_modules.ingest.slides.tiff_slide`    OME-TIFF with its levels; other RGB TIFF that OpenSlide refuses
Pillow                              plain regions: .png, .jpg; within Pillow's limit on pixels
==================================  ==========================================================================

What cannot be a stained slide (grey images, absurd resolutions) is refused with the file's name.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.slides.tiles import to_rgb
from fusion.contract import FusionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAIN = (".png", ".jpg", ".jpeg")
_MPP_RANGE = (0.05, 20.0)  # outside, a resolution tag is a default (72 dpi is 353) or a slip
_MPP = ("openslide.mpp-x", "openslide.mpp-y")
_GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_TILE_CACHE = 128 << 20  # bytes of decoded tiles; OpenSlide's own 32 MB hold less than a row of a large slide


class SlideError(FusionError):
    """One slide cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class SlideFacts:
    """What a slide says of itself. `mpp` is microns per pixel of level 0, `width` and `height` are its pixels."""

    file: str
    mpp: float
    width: int
    height: int
    vendor: str


@dataclass(frozen=True, kw_only=True)
class SlideRequest:
    """A slide to ingest. `mpp` overrides what the slide says; `default_mpp` counts where it says nothing."""

    path: Path
    mpp: float | None = None
    default_mpp: float | None = None

    @property
    def files(self) -> list[Path]:
        """All files that hold its pixels, `path` first: DICOM and MIRAX slides are folders of files."""
        path = self.path
        if path.suffix.lower() == ".mrxs":
            return [path, *sorted(item for item in path.with_suffix("").glob("*") if item.is_file())]
        if path.suffix.lower() in (".vms", ".vmu"):
            return [path, *sorted(item for item in path.parent.glob(f"{path.stem}*") if item != path)]
        if path.suffix.lower() == ".dcm":
            return [path, *sorted(item for item in path.parent.glob("*.dcm") if item != path)]
        return [path]


def one_of_each(paths: Sequence[Path]) -> list[Path]:
    """Slides of a listing: of the DICOM files of one folder, which are levels of one slide, the first."""
    folders: set[Path] = set()
    kept = []
    for path in paths:
        if path.suffix.lower() == ".dcm":
            if path.parent in folders:
                continue
            folders.add(path.parent)
        kept.append(path)
    return kept


def open_slide(request: SlideRequest) -> tuple[Any, SlideFacts]:
    """Open a slide, with OpenSlide's interface whatever reads it, and learn its resolution.

    Raises:
        SlideError: nothing opens it, it is no colour image, or its microns per pixel are unknown or cannot be.
    """
    path = request.path
    slide = _open(path)
    try:
        facts = SlideFacts(
            file=path.name,
            mpp=_resolution(slide.properties, request),
            width=slide.dimensions[0],
            height=slide.dimensions[1],
            vendor=str(slide.properties.get("openslide.vendor", path.suffix[1:].lower() or "unknown")),
        )
    except BaseException:
        slide.close()
        raise
    return slide, facts


def _open(path: Path) -> Any:
    import openslide

    name = path.name.lower()
    if path.is_file() and not path.stat().st_size:
        raise SlideError(f"{path.name} does not open as a slide (the file is empty, 0 bytes)")
    if name.endswith(PLAIN):
        return openslide.ImageSlide(_plain(path))
    if name.endswith((".ome.tif", ".ome.tiff")):
        return _tiff(path)
    try:
        slide = openslide.OpenSlide(str(path))
    except (openslide.OpenSlideError, OSError) as error:
        if name.endswith((".tif", ".tiff")):
            return _tiff(path)
        raise SlideError(f"{path.name} does not open as a slide ({error or type(error).__name__})") from error
    slide.set_cache(openslide.OpenSlideCache(_TILE_CACHE))
    return slide


def _tiff(path: Path) -> Any:
    from data_modules.ingest.slides.tiff_slide import TiffSlide

    try:
        return TiffSlide(path)
    except ValueError as error:
        raise SlideError(f"{path.name} does not open as a slide (it is {error})") from error


def _plain(path: Path) -> Any:
    """A plain image as RGB; what is transparent is glass.

    Pillow's limit guards against files of a few kilobytes that unpack to gigabytes. Slides are read by regions and
    need no such guard.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Any = Image.open(path)
        with image:
            if image.mode in _GREY:
                raise SlideError(
                    f"{path.name} is a grey image (mode {image.mode}); stained tissue is told by its colour"
                )
            return to_rgb(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise SlideError(
            f"{path.name} has more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}, a guard against image "
            "bombs: convert it to a tiled, pyramidal TIFF, which is read by regions"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise SlideError(f"{path.name} does not open as an image ({error})") from error


def _resolution(properties: Any, request: SlideRequest) -> float:
    name = request.path.name
    if request.mpp is not None:
        told = [request.mpp]
    else:
        told = [float(properties[key]) for key in _MPP if key in properties]
        if not told and request.default_mpp is None:
            raise SlideError(f"{name} does not say its microns per pixel")
        told = told or [float(request.default_mpp or 0)]
    if not all(_MPP_RANGE[0] <= value <= _MPP_RANGE[1] for value in told):
        raise SlideError(f"{name} has {told[0]:.4g} microns per pixel, which no slide scanner has")
    if max(told) > 1.05 * min(told):
        raise SlideError(f"{name} has pixels of {told[0]:.4g} by {told[1]:.4g} microns, which are not square")
    return sum(told) / len(told)


def read_thumbnail(slide: Any, *, downsample: float) -> NDArray[np.uint8]:
    """The whole slide reduced by `downsample`, RGB ``(row, column, 3)``; read in blocks, so memory stays small."""
    from PIL import Image

    width, height = (max(1, round(length / downsample)) for length in slide.dimensions)
    scale = np.array(slide.dimensions) / (width, height)
    level = slide.get_best_level_for_downsample(min(scale) + 0.01)
    most = np.array(slide.level_dimensions[level])
    zoom = most / (width, height)
    block = max(16, int(2048 / max(zoom)))
    out = np.empty((height, width, 3), dtype=np.uint8)

    def read(corner: tuple[int, int]) -> None:
        left, top = corner
        shape = (min(block, width - left), min(block, height - top))
        # Whole pixels of the level, and fractions of them only in the reduction: between pixels OpenSlide interpolates,
        # at twice the price of decoding.
        low = np.floor(np.array(corner) * zoom).astype(int)
        high = np.minimum(np.ceil((np.array(corner) + shape) * zoom).astype(int), most)
        x, y = np.rint(low * np.array(slide.dimensions) / most).astype(int)
        part = to_rgb(slide.read_region((int(x), int(y)), level, (int(high[0] - low[0]), int(high[1] - low[1]))))
        (x0, y0), (x1, y1) = np.array(corner) * zoom - low, (np.array(corner) + shape) * zoom - low
        box = (float(x0), float(y0), float(min(x1, part.width)), float(min(y1, part.height)))
        reduced = part.resize(shape, Image.Resampling.BOX, box=box)
        out[top : top + shape[1], left : left + shape[0]] = np.asarray(reduced)

    corners = [(left, top) for top in range(0, height, block) for left in range(0, width, block)]
    with ThreadPoolExecutor(2) as pool:  # decoding holds no lock of Python's
        list(pool.map(read, corners))
    return out


def refuse_grey(thumbnail: NDArray[np.uint8], *, file: str) -> None:
    """Stained tissue has colour: a scan without any is another stain's, a fluorescence channel, or a copy in grey.

    Raises:
        SlideError: what is dark has no colour either.
    """
    some = thumbnail[:: max(1, thumbnail.shape[0] // 512), :: max(1, thumbnail.shape[1] // 512)]
    dark = some[some.max(axis=-1) < 200]
    if len(dark) > 0.001 * some[..., 0].size and np.ptp(dark, axis=-1).max() <= 3:
        raise SlideError(f"{file} is grey all over; stained tissue is told by its colour")
