"""From slide files to tiles: mask the tissue, lay a grid, read the tiles, describe them. One cache entry a slide.

    results = ingest_slides(requests, settings, cache=cache, progress=progress)

An entry is addressed by the slide's bytes and the settings, and appears when it is whole; so a killed run resumes, and
runs that share a folder share the work. Slides are read by worker processes; one that fails is listed with its error
and the others go on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from data_modules.ingest.cache import CacheEntry, content_hash, file_hash
from data_modules.ingest.tiles import Grid, TileSettings, choose_tiles, read_tiles, tile_grid, to_rgb
from data_modules.ingest.tissue import TissueMask, TissueSettings, find_tissue
from fusion.contract import FusionError

if TYPE_CHECKING:
    import openslide
    from numpy.typing import NDArray

_FORMAT = 1  # raise when what an entry holds changes
_MPP_RANGE = (0.05, 20.0)  # outside, a resolution tag is a default (72 dpi is 353) or a slip
_MASK_SIDE = 4096  # longest side of the masked thumbnail in pixels; larger slides are masked more coarsely
_BATCH = 256  # tiles held in memory at a time
_SAMPLE = 64  # tiles from which a slide's stains and nuclear threshold are read


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


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """Everything but the slide that decides what an entry holds."""

    tile: TileSettings = field(default_factory=TileSettings)
    tissue: TissueSettings = field(default_factory=TissueSettings)
    stain: Literal["none", "macenko"] = "none"


@dataclass(frozen=True, kw_only=True)
class SlideEntry:
    """One ingested slide, on disk.

    Attributes:
        folder: holds ``tiles.npy`` uint8 ``(tile, 3, H, W)``, ``coords.npy`` int64 ``(tile, 2)``, ``features.npy``
            float32 ``(tile, feature)``, ``slide.json`` and ``panel.png``.
    """

    folder: Path

    def tiles(self) -> NDArray[np.uint8]:
        """The tiles, memory-mapped."""
        return np.load(self.folder / "tiles.npy", mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]

    def coords(self) -> NDArray[np.int64]:
        return np.load(self.folder / "coords.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def features(self) -> NDArray[np.float32]:
        return np.load(self.folder / "features.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def record(self) -> dict[str, Any]:
        """The slide's row of the quality table."""
        content: dict[str, Any] = json.loads((self.folder / "slide.json").read_text(encoding="utf-8"))
        return content


def open_slide(request: SlideRequest) -> tuple[openslide.OpenSlide, SlideFacts]:
    """Open a slide and learn its resolution.

    Raises:
        SlideError: OpenSlide cannot open it, or its microns per pixel are unknown or cannot be.
    """
    import openslide

    path = request.path
    try:
        slide = openslide.OpenSlide(str(path))
    except (openslide.OpenSlideError, OSError) as error:
        raise SlideError(f"{path.name} does not open as a slide ({error or type(error).__name__})") from error
    try:
        facts = SlideFacts(
            file=path.name,
            mpp=_resolution(slide, request),
            width=slide.dimensions[0],
            height=slide.dimensions[1],
            vendor=str(slide.properties.get(openslide.PROPERTY_NAME_VENDOR, "unknown")),
        )
    except BaseException:
        slide.close()
        raise
    return slide, facts


def _resolution(slide: openslide.OpenSlide, request: SlideRequest) -> float:
    import openslide

    name = request.path.name
    if request.mpp is not None:
        told = [request.mpp]
    else:
        keys = (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)
        told = [float(slide.properties[key]) for key in keys if key in slide.properties]
        if not told and request.default_mpp is None:
            raise SlideError(f"{name} does not say its microns per pixel")
        told = told or [float(request.default_mpp or 0)]
    if not all(_MPP_RANGE[0] <= value <= _MPP_RANGE[1] for value in told):
        raise SlideError(f"{name} has {told[0]:.4g} microns per pixel, which no slide scanner has")
    if max(told) > 1.05 * min(told):
        raise SlideError(f"{name} has pixels of {told[0]:.4g} by {told[1]:.4g} microns, which are not square")
    return sum(told) / len(told)


def read_thumbnail(slide: openslide.OpenSlide, *, downsample: float) -> NDArray[np.uint8]:
    """The whole slide reduced by `downsample`, RGB ``(row, column, 3)``; read in blocks, so memory stays small."""
    from PIL import Image

    width, height = (max(1, round(length / downsample)) for length in slide.dimensions)
    scale = np.array(slide.dimensions) / (width, height)
    level = slide.get_best_level_for_downsample(min(scale) + 0.01)
    zoom = scale / slide.level_downsamples[level]
    block = max(16, int(2048 / max(zoom)))
    out = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, block):
        for left in range(0, width, block):
            shape = np.array([min(block, width - left), min(block, height - top)])
            corner = np.rint(np.array([left, top]) * scale).astype(int)
            size = np.maximum(1, np.rint(shape * zoom)).astype(int)
            part = to_rgb(slide.read_region((int(corner[0]), int(corner[1])), level, (int(size[0]), int(size[1]))))
            target = (int(shape[0]), int(shape[1]))
            out[top : top + shape[1], left : left + shape[0]] = np.asarray(part.resize(target, Image.Resampling.BOX))
    return out


def entry_for(request: SlideRequest, settings: IngestSettings, *, cache: Path) -> CacheEntry:
    """Where this slide's entry lies, or will lie."""
    rules = {"format": _FORMAT, "mpp": [request.mpp, request.default_mpp], **asdict(settings)}
    return CacheEntry(root=cache, kind="slides", key=content_hash([request.path], rules, memo=cache))


def ingest_slide(request: SlideRequest, settings: IngestSettings, *, cache: Path) -> SlideEntry:
    """Make one slide's entry, or find it.

    Raises:
        SlideError: the slide does not open, breaks off, or shows no tissue.
        FusionError: the disk is full.
    """
    import openslide

    seed = int(file_hash(request.path, memo=cache)[:12], 16)

    def write(folder: Path) -> None:
        slide, facts = open_slide(request)
        try:
            _write_entry(folder, slide, facts, settings, seed=seed)
        except openslide.OpenSlideError as error:
            raise SlideError(f"{request.path.name} breaks off while it is read ({error})") from error
        finally:
            slide.close()

    return SlideEntry(folder=entry_for(request, settings, cache=cache).build(write))


def _write_entry(
    folder: Path, slide: openslide.OpenSlide, facts: SlideFacts, settings: IngestSettings, *, seed: int
) -> None:
    downsample = max(settings.tissue.mpp / facts.mpp, max(slide.dimensions) / _MASK_SIDE, 1.0)
    thumbnail = read_thumbnail(slide, downsample=downsample)
    mask = find_tissue(thumbnail, mpp=facts.mpp * downsample, settings=settings.tissue)
    every = tile_grid(mask, dimensions=slide.dimensions, mpp=facts.mpp, settings=settings.tile)
    if not len(every.coords):
        raise SlideError(
            f"{facts.file} shows {mask.tissue_mm2:.3f} mm² of tissue and no tile of "
            f"{settings.tile.size} pixels at {settings.tile.mpp:g} microns per pixel with "
            f"{settings.tile.min_tissue:.0%} of it (tile.min_tissue, tissue)"
        )
    grid = choose_tiles(every, most=settings.tile.max_tiles, seed=seed)
    _write_tiles(folder, slide, grid, settings)
    np.save(folder / "coords.npy", grid.coords)

    from data_modules.ingest.contact_sheet import draw_panel

    draw_panel(thumbnail, mask, grid, scale=1 / downsample).save(folder / "panel.png", compress_level=1)
    record = {**asdict(facts), **_quality(mask), "tiles_possible": len(every.coords), "tiles_kept": len(grid.coords)}
    record["tile_side"] = grid.side
    (folder / "slide.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def _quality(mask: TissueMask) -> dict[str, float | None]:
    return {
        "tissue_mm2": mask.tissue_mm2,
        "tissue_share": float(mask.kept.mean()),
        "saturation_threshold": mask.threshold,
        "sharpness": mask.sharpness if np.isfinite(mask.sharpness) else None,
        **{f"{name}_share": mask.share(name) for name in ("pen", "fold", "blur", "bubble")},
    }


def _write_tiles(folder: Path, slide: openslide.OpenSlide, grid: Grid, settings: IngestSettings) -> None:
    """Write pixels and features batch by batch; memory does not grow with the number of tiles."""
    from data_modules.ingest.handcrafted import TILE_FEATURES, haematoxylin_threshold, tile_features
    from data_modules.ingest.stain import fit_stains, normalise

    size, number = settings.tile.size, len(grid.coords)
    spread = np.unique(np.linspace(0, number - 1, min(number, _SAMPLE)).astype(np.int64))
    sample = _stack(slide, grid.take(spread), size=size)
    stains = fit_stains(sample) if settings.stain == "macenko" else None
    threshold = haematoxylin_threshold(sample if stains is None else normalise(sample, stains))
    features = np.empty((number, len(TILE_FEATURES)), dtype=np.float32)
    # Written, not mapped: on a full disk a write fails with a message, a mapped page kills the process.
    with (folder / "tiles.npy").open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (number, 3, size, size)}
        np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, number, _BATCH):
            rows = np.arange(start, min(start + _BATCH, number))
            batch = sample if len(spread) == number else _stack(slide, grid.take(rows), size=size)
            if stains is not None:
                batch = normalise(batch, stains)
            stream.write(batch.tobytes())
            features[rows] = tile_features(batch, mpp=settings.tile.mpp, threshold=threshold)
    np.save(folder / "features.npy", features)


def _stack(slide: openslide.OpenSlide, grid: Grid, *, size: int) -> NDArray[np.uint8]:
    tiles = np.stack(list(read_tiles(slide, grid, size=size)))
    return np.ascontiguousarray(tiles.transpose(0, 3, 1, 2))
