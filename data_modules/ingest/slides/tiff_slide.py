"""TIFF files that OpenSlide does not read whole: OME-TIFF with its levels in sub-images, and striped or 16-bit RGB.

Of several images in a file (label, macro, slide) the one of the most pixels is the slide. `TiffSlide` answers as
`openslide.OpenSlide` does, for what ingest asks of it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.ingest.slides.levels import LARGEST_TILE, several, sound_levels
from data_modules.ingest.slides.ome import UNKNOWN_UNIT, OmeImage, image_of, read_ome

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_CACHED = 64  # decoded tiles kept: a row of tiles is read across a row of the file's own
_DIM = 1 << 14  # of 16 bits: no slide's glass is as dark as a quarter of the range
_MOST_STRIPED = 1 << 28  # pixels: a level without tiles is decoded whole, so that it must fit into memory


class TiffSlide:
    """A TIFF of RGB pixels, with the levels that its largest series has.

    Args:
        path: the file.

    Raises:
        ValueError: it is no such TIFF; the message is a clause that says why.
    """

    def __init__(self, path: Path) -> None:
        import tifffile

        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # of damaged tags; what matters is raised
        try:
            self._file = tifffile.TiffFile(path)
        except (tifffile.TiffFileError, OSError, IndexError, ValueError) as error:
            raise ValueError(f"no TIFF that can be read ({error})") from error
        try:
            refuse_cut(self._file)
            try:
                series = list(self._file.series)
            except (tifffile.TiffFileError, OSError, IndexError, ValueError) as error:
                raise ValueError(f"no TIFF that can be read ({error})") from error
            place, chosen = largest(series)
            count = _rivals(series, chosen)
            if count > 1:
                raise ValueError(several(count))
            _refuse_others(chosen.levels[0].keyframe, axes=chosen.axes)
            elsewhere = {page.parent.filename for level in chosen.levels for page in [level.keyframe]} - {path.name}
            if elsewhere:
                raise ValueError(f"an OME-TIFF whose pixels lie in another file, {min(elsewhere)}: save each by itself")
            pages: list[Any] = [level.keyframe for level in chosen.levels]
            sizes = [(int(page.imagewidth), int(page.imagelength)) for page in pages]
            kept = sound_levels(sizes, [sizes[0][0] / width for width, _ in sizes])
            self._levels = [pages[level] for level in kept]
            self.level_dimensions = tuple(sizes[level] for level in kept)
            self.level_count = len(kept)
            self.level_downsamples = tuple(sizes[0][0] / width for width, _ in self.level_dimensions)
            self._said = self._ome(place)
            self._lock = threading.Lock()
            self._decoded: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()
            self._shift = 8
            self._shift = self._surplus_bits()
        except BaseException:
            self._file.close()
            raise
        self.properties = {"openslide.vendor": "ome-tiff" if self._file.is_ome else "tiff", **self._resolution()}

    def _ome(self, place: int) -> OmeImage | None:
        text = self._file.ome_metadata
        return image_of(read_ome(text), size=self.dimensions, place=place) if text else None

    def _surplus_bits(self) -> int:
        """By how many bits samples are shifted to become 8: by what the file says that it uses, else by 8 of 16.

        Raises:
            ValueError: it says nothing, and its samples are far too dark for 16 bits.
        """
        if str(self._levels[0].dtype) != "uint16":
            return 0
        bits = None if self._said is None else self._said.bits
        if bits is None:
            most = self._levels[0].tags.get("MaxSampleValue")
            bits = None if most is None else int(np.max(most.value)).bit_length()
        if bits is not None and 8 <= bits <= 16:
            return bits - 8
        brightest = max(int(np.asarray(part).max()) for part in self._some_samples())
        if brightest < _DIM:
            raise ValueError(
                f"a TIFF of 16 bits whose samples reach {brightest:,} of 65,535, darker than any slide: it uses fewer "
                "bits and does not say how many. Write SignificantBits into its OME-XML, or convert it to 8 bits"
            )
        return 8

    def _some_samples(self) -> list[NDArray[Any]]:
        """Samples of the coarsest level; of a single level that is tiled, of some tiles of it."""
        page = self._levels[-1]
        if not page.is_tiled or page.imagewidth * page.imagelength <= 1 << 24:
            return [page.asarray()]
        number = len(page.dataoffsets)
        return [self._segment(page, int(index)) for index in np.unique(np.linspace(0, number - 1, 64).astype(int))]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def dimensions(self) -> tuple[int, int]:
        """Width and height of level 0 in pixels."""
        return self.level_dimensions[0]

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """The coarsest level that is no coarser than asked for, as OpenSlide's."""
        fine = [level for level, factor in enumerate(self.level_downsamples) if factor <= downsample]
        return fine[-1] if fine else 0

    def read_region(self, location: tuple[int, int], level: int, size: tuple[int, int]) -> Image:
        """RGBA; transparent beyond the slide. `location` in level-0 pixels, `size` in pixels of `level`."""
        from PIL import Image as PilImage

        left, top = (int(place / self.level_downsamples[level]) for place in location)
        out = np.zeros((size[1], size[0], 4), dtype=np.uint8)
        page = self._levels[level]
        high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.imagelength, page.imagewidth)
        limit = self.level_dimensions[level]
        right, bottom = min(left + size[0], limit[0]), min(top + size[1], limit[1])
        for row in range(max(top, 0) // high, -(-bottom // high)):
            for column in range(max(left, 0) // wide, -(-right // wide)):
                tile = self._tile(level, row, column)
                x0, y0 = max(left, column * wide), max(top, row * high)
                x1, y1 = min(right, (column + 1) * wide), min(bottom, (row + 1) * high)
                part = tile[y0 - row * high : y1 - row * high, x0 - column * wide : x1 - column * wide]
                out[y0 - top : y0 - top + part.shape[0], x0 - left : x0 - left + part.shape[1], : part.shape[2]] = part
                if part.shape[2] == 3:
                    out[y0 - top : y1 - top, x0 - left : x1 - left, 3] = 255
        return PilImage.fromarray(out)

    def _tile(self, level: int, row: int, column: int) -> NDArray[np.uint8]:
        """``(row, column, 3 or 4)``; the whole level where it is not tiled."""
        page = self._levels[level]
        index = row * -(-page.imagewidth // page.tilewidth) + column if page.is_tiled else 0
        with self._lock:
            if (level, index) in self._decoded:
                self._decoded.move_to_end((level, index))
                return self._decoded[level, index]
            pixels = self._segment(page, index) if page.is_tiled else page.asarray()
            # A fourth sample counts as opacity only where the file says that it is.
            transparent = page.samplesperpixel == 4 and is_opacity(page)
            self._decoded[level, index] = self._bytes(pixels if transparent else pixels[..., :3])
            while len(self._decoded) > (_CACHED if page.is_tiled else 2):
                self._decoded.popitem(last=False)
            return self._decoded[level, index]

    def _segment(self, page: Any, index: int) -> NDArray[Any]:
        """One tile as it is stored; white where the file holds none."""
        self._file.filehandle.seek(page.dataoffsets[index])
        content = self._file.filehandle.read(page.databytecounts[index])
        decoded, _, _ = page.decode(content, index, jpegtables=page.jpegtables, _fullsize=True)
        if decoded is None:
            return np.full((page.tilelength, page.tilewidth, 3), np.iinfo(page.dtype).max, dtype=page.dtype)
        return np.asarray(decoded[0])

    def _bytes(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """The upper 8 of the bits that are used."""
        if pixels.dtype != np.uint16:
            return pixels.astype(np.uint8, copy=False)
        return np.asarray(np.minimum(pixels >> self._shift, 255), dtype=np.uint8)

    def _resolution(self) -> dict[str, str]:
        """Microns per pixel from OME's metadata, else from the resolution tags where these have a unit of length."""
        if self._file.ome_metadata:
            if self._said is not None and self._said.unknown:
                return {UNKNOWN_UNIT: ", ".join(self._said.unknown)}
            mpp = None if self._said is None else self._said.mpp
            return (
                {}
                if mpp is None
                else {f"openslide.mpp-{axis}": str(value) for axis, value in zip("xy", mpp, strict=True)}
            )
        found = {}
        page = self._levels[0]
        for axis, tag in (("x", "XResolution"), ("y", "YResolution")):
            if page.tags.get(tag) and page.tags.get("ResolutionUnit"):
                centimetre = {2: 2.54, 3: 1.0}.get(int(page.tags["ResolutionUnit"].value))
                pixels, per = page.tags[tag].value
                if centimetre and pixels:
                    found[f"openslide.mpp-{axis}"] = str(1e4 * centimetre * per / pixels)
        return found


def largest(series: Sequence[Any]) -> tuple[int, Any]:
    """Place and series of the slide: of the most pixels among images in colour, else of the most pixels."""
    colour = [one for one in enumerate(series) if one[1].levels[0].keyframe.samplesperpixel >= 3]
    return max(colour or list(enumerate(series)), key=lambda one: _pixels(one[1].levels[0].keyframe))


def _rivals(series: Sequence[Any], chosen: Any) -> int:
    """Pictures in colour of more than half of the pixels of the largest, planes of a stack among them."""
    most = _pixels(chosen.levels[0].keyframe)
    colour = [one for one in series if one.levels[0].keyframe.samplesperpixel >= 3]
    return sum(_planes(one) for one in colour if 2 * _pixels(one.levels[0].keyframe) > most)


def _planes(one: Any) -> int:
    """Pictures of one size in a series; colours that lie in planes of their own are one picture."""
    return prod(length for axis, length in zip(one.axes, one.shape, strict=True) if axis not in "YXSC")


def is_opacity(page: Any) -> bool:
    """Whether a page's samples beyond three colours are opacity, by what it says."""
    return any(kind in (1, 2) for kind in page.extrasamples)


def _pixels(page: Any) -> int:
    return int(page.imagewidth) * int(page.imagelength)


def refuse_cut(file: Any) -> None:
    """Refuse a file that ends before the pixels that its index tells of: a download or copy that broke off.

    Args:
        file: a `tifffile.TiffFile`.

    Raises:
        ValueError: naming both lengths.
    """
    size = int(file.filehandle.size)
    pages = list(file.pages)
    pages += [part for page in pages for part in (getattr(page, "pages", None) or ())]
    needed = 0
    for page in pages:
        offsets, counts = getattr(page, "dataoffsets", ()), getattr(page, "databytecounts", ())
        if len(offsets) and len(offsets) == len(counts):
            needed = max(needed, int(np.max(np.asarray(offsets, dtype=np.int64) + np.asarray(counts, dtype=np.int64))))
    if needed > size:
        raise ValueError(f"cut short: it has {size:,} bytes, and its index tells of pixels up to {needed:,}")


def _refuse_others(page: Any, *, axes: str) -> None:
    if page.photometric == 3:
        raise ValueError("a TIFF of PALETTE pixels (colours by a table), not RGB; convert it")
    if page.samplesperpixel < 3:
        raise ValueError(f"a grey or single-channel TIFF (axes {axes}); stained tissue is told by its colour")
    if page.samplesperpixel > 4 or page.planarconfig != 1 or not axes.endswith("YXS"):
        raise ValueError(f"a TIFF with axes {axes} and {page.samplesperpixel} samples a pixel, not RGB pixel by pixel")
    # JPEG turns its YCbCr into RGB on decoding; other compressions hand it over as it is.
    if page.photometric != 2 and not (page.photometric == 6 and page.compression in (6, 7)):
        raise ValueError(f"a TIFF of {_name(page.photometric)} pixels ({_name(page.compression)}), not RGB; convert it")
    if str(page.dtype) not in ("uint8", "uint16"):
        raise ValueError(f"a TIFF of {page.dtype}; RGB of 8 or 16 bits is read")
    if page.is_tiled and page.tilewidth * page.tilelength > LARGEST_TILE:
        raise ValueError(
            f"a TIFF with tiles of {page.tilewidth} × {page.tilelength} pixels; convert it to tiles of 512"
        )
    if not page.is_tiled and page.imagewidth * page.imagelength > _MOST_STRIPED:
        raise ValueError(f"a TIFF of {page.imagewidth} × {page.imagelength} pixels without tiles; convert it to tiles")


def _name(value: Any) -> str:
    return str(getattr(value, "name", value))
