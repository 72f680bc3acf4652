"""TIFF files that OpenSlide does not read whole: OME-TIFF with its levels in sub-images, and striped or 16-bit RGB.

`TiffSlide` answers as `openslide.OpenSlide` does, for what ingest asks of it.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_CACHED = 64  # decoded tiles kept: a row of tiles is read across a row of the file's own
_UNITS = {"": 1.0, "µm": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}
_MOST_STRIPED = 1 << 28  # pixels: a level without tiles is decoded whole, so that it must fit into memory


class TiffSlide:
    """A TIFF of RGB pixels, with the levels its first series has.

    Args:
        path: the file.

    Raises:
        ValueError: it is no such TIFF; the message is a clause that says why.
    """

    def __init__(self, path: Path) -> None:
        import tifffile

        try:
            self._file = tifffile.TiffFile(path)
            series = self._file.series[0]
        except (tifffile.TiffFileError, OSError, IndexError, ValueError) as error:
            raise ValueError(f"no TIFF that can be read ({error})") from error
        try:
            self._levels: list[Any] = [level.keyframe for level in series.levels]
            _refuse_others(self._levels[0], axes=series.axes)
        except BaseException:
            self._file.close()
            raise
        self.level_dimensions = tuple((int(page.imagewidth), int(page.imagelength)) for page in self._levels)
        self.level_count = len(self._levels)
        width = self.dimensions[0]
        self.level_downsamples = tuple(width / level for level, _ in self.level_dimensions)
        self.properties = {"openslide.vendor": "ome-tiff" if self._file.is_ome else "tiff", **self._resolution()}
        self._lock = threading.Lock()
        self._decoded: OrderedDict[tuple[int, int], NDArray[np.uint8]] = OrderedDict()

    def close(self) -> None:
        self._file.close()

    @property
    def dimensions(self) -> tuple[int, int]:
        return self.level_dimensions[0]

    def get_best_level_for_downsample(self, downsample: float) -> int:
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
            if page.is_tiled:
                self._file.filehandle.seek(page.dataoffsets[index])
                content = self._file.filehandle.read(page.databytecounts[index])
                decoded, _, _ = page.decode(content, index, jpegtables=page.jpegtables, _fullsize=True)
                pixels = np.full((page.tilelength, page.tilewidth, 3), 255) if decoded is None else decoded[0]
            else:
                pixels = page.asarray()
            self._decoded[level, index] = _bytes(np.asarray(pixels))
            while len(self._decoded) > (_CACHED if page.is_tiled else 2):
                self._decoded.popitem(last=False)
            return self._decoded[level, index]

    def _resolution(self) -> dict[str, str]:
        """Microns per pixel from OME's metadata, else from the resolution tags where these have a unit of length."""
        found = {}
        described = self._file.ome_metadata or ""
        page = self._levels[0]
        for axis, tag in (("X", "XResolution"), ("Y", "YResolution")):
            size = re.search(rf'PhysicalSize{axis}="([^"]+)"', described)
            unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', described)
            scale = _UNITS.get(unit[1] if unit else "")
            if size and scale:
                found[f"openslide.mpp-{axis.lower()}"] = str(float(size[1]) * scale)
            elif not described and page.tags.get(tag) and page.tags.get("ResolutionUnit"):
                centimetre = {2: 2.54, 3: 1.0}.get(int(page.tags["ResolutionUnit"].value))
                pixels, per = page.tags[tag].value
                if centimetre and pixels:
                    found[f"openslide.mpp-{axis.lower()}"] = str(1e4 * centimetre * per / pixels)
        return found


def _refuse_others(page: Any, *, axes: str) -> None:
    if page.samplesperpixel < 3:
        raise ValueError(f"a grey or single-channel TIFF (axes {axes}); stained tissue is told by its colour")
    if page.samplesperpixel > 4 or page.planarconfig != 1 or not axes.endswith("YXS"):
        raise ValueError(f"a TIFF with axes {axes} and {page.samplesperpixel} samples a pixel, not RGB pixel by pixel")
    if str(page.dtype) not in ("uint8", "uint16"):
        raise ValueError(f"a TIFF of {page.dtype}; RGB of 8 or 16 bits is read")
    if not page.is_tiled and page.imagewidth * page.imagelength > _MOST_STRIPED:
        raise ValueError(f"a TIFF of {page.imagewidth} × {page.imagelength} pixels without tiles; convert it to tiles")


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """16 bits by their upper half."""
    return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)
