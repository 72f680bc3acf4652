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
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.common.no_content import no_content
from data_modules.ingest.slides.dicom_slide import one_of_each
from data_modules.ingest.slides.levels import LARGEST_TILE, SoundLevels, fits, several, sound_levels
from data_modules.ingest.slides.slide_facts import SlideError, SlideFacts, SlideRequest, resolution
from data_modules.ingest.slides.tiles import to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLAIN = (".png", ".jpg", ".jpeg")
_SCANNERS = (".svs", ".ndpi", ".scn", ".mrxs", ".bif", ".vms", ".vmu", ".svslide", ".czi", ".dcm")
SLIDE_ENDINGS = frozenset((*PLAIN, ".tif", ".tiff", ".qptiff", *_SCANNERS))
_TIFFS = (".tif", ".tiff", ".svs", ".scn", ".bif", ".qptiff")
_FOLDERS = (".mrxs", ".vms", ".vmu")
_TEXTS = (".xml", ".txt", ".json", ".geojson", ".csv", ".tsv", ".ini", ".log", ".md", ".md5")
_NEVER = frozenset((*_TEXTS, ".dat", ".db", ".pdf", ".h5", ".zip"))
_UNREAD = {
    ".isyntax": "Philips iSyntax", ".i2syntax": "Philips iSyntax", ".vsi": "Olympus VSI", ".kfb": "KFBio",
    ".sdpc": "TEKSQRAY SDPC", ".tmap": "Motic TMAP", ".mds": "Motic MDS", ".lif": "Leica LIF", ".zvi": "Zeiss ZVI",
    ".ndpis": "an index of NDPI files",
}  # fmt: skip
"""Formats of scanners that are not read, by their endings."""
_GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_TILE_CACHE = 128 << 20  # bytes of decoded tiles; OpenSlide's own 32 MB hold less than a row of a large slide


def sort_out_slides(paths: Sequence[Path]) -> tuple[list[Path], dict[str, list[Path]]]:
    """The slides of a listing, one file of each; why → what is left out of it."""
    slides = [path for path in paths if is_slide(path)]
    left_out = {"that are no slides by name or content": [path for path in paths if path not in set(slides)]}
    parts = {part for path in slides if path.suffix.lower() in _FOLDERS for part in SlideRequest(path=path).files[1:]}
    left_out["parts of another slide"] = [path for path in slides if path in parts]
    slides, levels = one_of_each([path for path in slides if path not in parts])
    return slides, {why: them for why, them in (left_out | dict(levels)).items() if them}


def is_slide(path: Path) -> bool:
    """By its ending, else by its first bytes; scans in a format that is not read are slides too, and refused."""
    if path.suffix.lower() in (*SLIDE_ENDINGS, *_UNREAD):
        return True
    if path.suffix.lower() in _NEVER:
        return False
    with path.open("rb") as stream:
        head = stream.read(132)
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"ZISRAWFILE")) or head[128:] == b"DICM"


def open_slide(request: SlideRequest) -> tuple[Any, SlideFacts]:
    """Open a slide, with OpenSlide's interface whatever reads it, and learn its resolution.

    Raises:
        SlideError: nothing opens it, it is no colour image, or its microns per pixel are unknown or cannot be.
    """
    path = request.path
    slide = _open(path, name=request.label)
    try:
        facts = SlideFacts(
            file=request.label,
            mpp=resolution(slide.properties, request),
            width=slide.dimensions[0],
            height=slide.dimensions[1],
            vendor=str(slide.properties.get("openslide.vendor", path.suffix[1:].lower() or "unknown")),
        )
    except BaseException:
        slide.close()
        raise
    return slide, facts


def _open(path: Path, *, name: str) -> Any:
    import openslide

    ending = path.name.lower()
    unread = _UNREAD.get(path.suffix.lower())
    why = f"{unread}, which is not read: convert it to a pyramidal TIFF" if unread else no_content(path)
    if why is not None:
        raise SlideError(f"{name} does not open as a slide ({why})")
    if ending.endswith(PLAIN):
        return openslide.ImageSlide(_plain(path, name=name))
    if ending.endswith((".ome.tif", ".ome.tiff")):
        return _tiff(path, name=name)
    try:
        slide = openslide.OpenSlide(str(path))
    except (openslide.OpenSlideError, OSError) as error:
        if ending.endswith((".tif", ".tiff")):
            return _tiff(path, name=name)
        lost = ending.endswith(".mrxs") and not path.with_suffix("").is_dir()
        gone = f"the folder of its pixels, {path.stem}, does not lie beside it"
        told = gone if lost else str(error) or type(error).__name__
        raise SlideError(f"{name} does not open as a slide ({told})") from error
    if ending.endswith(_TIFFS) and not _is_whole(path, slide, name=name):
        slide.close()
        return _tiff(path, name=name)
    _refuse_large_tiles(slide, name=name)
    slide.set_cache(openslide.OpenSlideCache(_TILE_CACHE))
    kept = sound_levels(slide.level_dimensions, slide.level_downsamples)
    cropped = any(not fits(slide.level_dimensions[level], slide.dimensions) for level in kept)
    return slide if len(kept) == slide.level_count and not cropped else SoundLevels(slide, kept)


def _refuse_large_tiles(slide: Any, *, name: str) -> None:
    """A tile is decoded whole, and a few kilobytes can be a tile of gigabytes.

    Raises:
        SlideError: its tiles are larger than any scanner writes.
    """
    for level in range(slide.level_count):
        sides = [int(slide.properties.get(f"openslide.level[{level}].tile-{side}", 0)) for side in ("width", "height")]
        if sides[0] * sides[1] > LARGEST_TILE:
            slide.close()
            raise SlideError(f"{name} has tiles of {sides[0]} × {sides[1]} pixels; convert it to tiles of 256 or 512")


def _tiff(path: Path, *, name: str) -> Any:
    from data_modules.ingest.slides.tiff_slide import TiffSlide

    try:
        return TiffSlide(path)
    except ValueError as error:
        raise SlideError(f"{name} does not open as a slide (it is {error})") from error


def _is_whole(path: Path, slide: Any, *, name: str) -> bool:
    """Whether OpenSlide took the largest image of a TIFF for the slide, and its three colours for what they are.

    It takes the first image, and a fourth sample for opacity, whatever the file says of it.

    Raises:
        SlideError: the file ends before its pixels do, or holds several slides.
    """
    facts = path.stat()
    found = _examined(path, facts.st_size, facts.st_mtime_ns)
    if found.wrong is not None:
        raise SlideError(f"{name} does not open as a slide (it is {found.wrong})")
    if slide.properties.get("openslide.vendor") != "generic-tiff":
        return True
    if found.rivals > 1:
        raise SlideError(f"{name} does not open as a slide (it is {several(found.rivals)})")
    return found.plain and found.most <= int(slide.dimensions[0]) * int(slide.dimensions[1])


@dataclass(frozen=True, kw_only=True)
class _Pages:
    """A TIFF's pages: what is wrong, pixels of the largest, how many are about as large, whether it is plain RGB."""

    wrong: str | None = None
    most: int = 0
    rivals: int = 1
    plain: bool = True


@lru_cache(maxsize=65536)
def _examined(path: Path, size: int, changed: int) -> _Pages:
    """What a TIFF holds; remembered as long as it does not change."""
    import tifffile

    from data_modules.ingest.slides.tiff_slide import is_opacity, refuse_cut

    del size, changed
    try:
        file = tifffile.TiffFile(path)
    except (tifffile.TiffFileError, OSError, ValueError):
        return _Pages()  # OpenSlide opened it; its word counts
    with file:
        try:
            refuse_cut(file)
        except ValueError as error:
            return _Pages(wrong=str(error))
        every: list[Any] = list(file.pages)
        pages = [page for page in every if page.samplesperpixel >= 3] or every
        first = max(pages, key=lambda page: page.imagewidth * page.imagelength, default=None)
        if first is None:
            return _Pages()
        most = int(first.imagewidth) * int(first.imagelength)
        whole = [page for page in pages if not page.subfiletype & 1]
        return _Pages(
            most=most,
            rivals=sum(2 * page.imagewidth * page.imagelength > most for page in whole),
            plain=first.samplesperpixel <= 3 or (first.samplesperpixel == 4 and is_opacity(first)),
        )


def _plain(path: Path, *, name: str) -> Any:
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
                raise SlideError(f"{name} is a grey image (mode {image.mode}); stained tissue is told by its colour")
            return to_rgb(image.convert("RGBA")) if image.has_transparency_data else image.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise SlideError(
            f"{name} has more pixels than Pillow's limit of {Image.MAX_IMAGE_PIXELS:,}, a guard against image "
            "bombs: convert it to a tiled, pyramidal TIFF, which is read by regions"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise SlideError(f"{name} does not open as an image ({error})") from error


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
