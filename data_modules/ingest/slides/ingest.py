"""From slide files to tiles: mask the tissue, lay a grid, read the tiles, describe them. One cache entry a slide.

    results = ingest_slides(requests, settings, cache=cache, progress=progress)

An entry is addressed by the slide's bytes and the settings, and appears when it is whole; so a killed run resumes, and
runs that share a folder share the work. Slides are read by worker processes; one that fails is listed with its error
and the others go on. `python -m data_modules.ingest.slides cohort=…` runs it alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_modules.hashes import content_hash, file_hash, remembered_hash
from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.common.contact_sheet import PANEL
from data_modules.ingest.slides.panel import draw_panel
from data_modules.ingest.slides.settings import Stain, TileSettings, TissueSettings
from data_modules.ingest.slides.slide_facts import SlideError, SlideFacts, SlideRequest, refuse_enlarging
from data_modules.ingest.slides.slide_files import open_slide, read_thumbnail, refuse_grey
from data_modules.ingest.slides.tiles import Grid, choose_tiles, read_tiles, tile_grid
from data_modules.ingest.slides.tissue import TissueMask, find_tissue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.ingest.slides.stain import StainFit

_FORMAT = 4  # raise when what an entry holds changes
# Longest side of the masked thumbnail in pixels; larger slides are masked more coarsely. 3,072 pixels take 3 s and
# 0.4 GB; a slide of 20 mm then has 6.5 microns a pixel, of which a usual tile spans seventeen.
_MASK_SIDE = 3072
_BATCH = 256  # tiles held in memory at a time
SAMPLE = 64
"""Tiles from which a slide's stains and nuclear threshold are read."""


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """Everything but the slide that decides what an entry holds.

    Attributes:
        tile: size, resolution, overlap and number of tiles.
        tissue: how tissue is told from glass.
        stain: ``macenko``: normalised to the published reference; ``fold``: left as they are, their stains measured.
        embed: what identifies the frozen encoder whose embeddings are kept instead of pixels; None keeps pixels.
    """

    tile: TileSettings = field(default_factory=TileSettings)
    tissue: TissueSettings = field(default_factory=TissueSettings)
    stain: Stain = "none"
    embed: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class SlideEntry:
    """One ingested slide, on disk.

    Attributes:
        folder: holds ``coords.npy`` int64 ``(tile, 2)``, ``slide.json``, ``panel.png``, and either ``tiles.npy`` uint8
            ``(tile, 3, H, W)`` or ``embeddings.npy`` float32 ``(tile, feature)``; ``features.npy``, hand-crafted,
            float32 ``(tile, feature)``, of every tile or, with embeddings, of a sample of them; and ``stains.npy``
            where stains are to be normalised by fold.
    """

    folder: Path

    def tiles(self) -> NDArray[np.uint8]:
        """The tiles, memory-mapped."""
        return np.load(self.folder / "tiles.npy", mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]

    def embeddings(self) -> NDArray[np.float32]:
        """The embeddings, memory-mapped."""
        return np.load(self.folder / "embeddings.npy", mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]

    def coords(self) -> NDArray[np.int64]:
        """``(tile, 2)`` int64, corners in level-0 pixels."""
        return np.load(self.folder / "coords.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def features(self) -> NDArray[np.float32]:
        """``(tile, feature)`` float32, hand-crafted."""
        return np.load(self.folder / "features.npy", allow_pickle=False)  # type: ignore[no-any-return]

    def stains(self) -> StainFit | None:
        """The slide's own stains; None where it shows too little colour to tell."""
        from data_modules.ingest.slides.stain import StainFit

        table = np.load(self.folder / "stains.npy", allow_pickle=False)
        return None if np.isnan(table).any() else StainFit(matrix=table[:3], most=table[3])

    def record(self) -> dict[str, Any]:
        """The slide's row of the quality table."""
        content: dict[str, Any] = json.loads((self.folder / "slide.json").read_text(encoding="utf-8"))
        return content


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a slide shows from afar, and where its tiles lie.

    Attributes:
        facts: what it says of itself.
        picture: RGB ``(row, column, 3)``, to be looked at,
        scale: its pixels to one of level 0.
        mask: tissue of the thumbnail.
        possible: tiles that hold enough tissue.
        grid: those that are taken.
    """

    facts: SlideFacts
    picture: NDArray[np.uint8]
    scale: float
    mask: TissueMask
    possible: int
    grid: Grid


def entry_for(request: SlideRequest, settings: IngestSettings, *, cache: Path) -> CacheEntry:
    """Where this slide's entry lies, or will lie."""
    mpp = [request.mpp, request.default_mpp, request.by_objective]
    rules = {"format": _FORMAT, "mpp": mpp, **asdict(settings)}
    return CacheEntry(root=cache, kind="slides", key=content_hash(request.files, rules, memo=cache))


def has_entry(request: SlideRequest, settings: IngestSettings, *, cache: Path) -> bool:
    """Whether the entry is known to be there without reading the slide: its hash was noted, and it has not changed."""
    noted = all(remembered_hash(file, memo=cache) is not None for file in request.files)
    return noted and entry_for(request, settings, cache=cache).complete


def ingest_slide(request: SlideRequest, settings: IngestSettings, *, cache: Path) -> SlideEntry:
    """Make one slide's entry of pixels, or find it.

    Raises:
        SlideError: the slide does not open, breaks off, or shows no tissue.
        FusionError: the disk is full.
    """

    def write(folder: Path) -> None:
        with reading(request) as (slide, facts):
            survey = survey_slide(slide, facts, settings, seed=slide_seed(request, cache=cache))
            _write_tiles(folder, slide, survey.grid, settings)
            write_survey(folder, survey)

    return SlideEntry(folder=entry_for(request, settings, cache=cache).build(write))


def slide_seed(request: SlideRequest, *, cache: Path) -> int:
    """A slide's own seed, of its bytes: the same tiles are chosen wherever it lies."""
    return int(file_hash(request.path, memo=cache)[:12], 16)


@contextmanager
def reading(request: SlideRequest) -> Iterator[tuple[Any, SlideFacts]]:
    """Open a slide; what its reader raises while it is read becomes a `SlideError`."""
    import openslide

    slide, facts = open_slide(request)
    try:
        yield slide, facts
    except openslide.OpenSlideError as error:
        raise SlideError(f"{request.label} breaks off while it is read ({error})") from error
    finally:
        slide.close()


def survey_slide(slide: Any, facts: SlideFacts, settings: IngestSettings, *, seed: int) -> Survey:
    """Mask a slide's tissue and choose its tiles.

    Raises:
        SlideError: it has no colour, or no tile with enough tissue.
    """
    refuse_enlarging(facts, settings.tile)
    downsample = max(settings.tissue.mpp / facts.mpp, max(slide.dimensions) / _MASK_SIDE, 1.0)
    thumbnail = read_thumbnail(slide, downsample=downsample)
    refuse_grey(thumbnail, file=facts.file)
    mask = find_tissue(thumbnail, mpp=facts.mpp * downsample, settings=settings.tissue)
    every = tile_grid(mask, dimensions=slide.dimensions, mpp=facts.mpp, settings=settings.tile)
    if not len(every.coords):
        raise SlideError(
            f"{facts.file} shows {mask.tissue_mm2:.3f} mm² of tissue and no tile of "
            f"{settings.tile.size} pixels at {settings.tile.mpp:g} microns per pixel with "
            f"{settings.tile.min_tissue:.0%} of it (tile.min_tissue, tissue){_rejected(mask)}"
        )
    grid = choose_tiles(every, most=settings.tile.max_tiles, seed=seed)
    # A small region is masked from a few dozen pixels, but nobody could judge it by these.
    finer = max(1.0, max(slide.dimensions) / PANEL)
    picture = read_thumbnail(slide, downsample=finer) if finer < downsample else thumbnail
    scale = picture.shape[1] / slide.dimensions[0]
    return Survey(facts=facts, picture=picture, scale=scale, mask=mask, possible=len(every.coords), grid=grid)


def _rejected(mask: TissueMask) -> str:
    """What took most of the tissue away, where something did."""
    shares = {name: mask.share_of_found(name) for name in mask.artefacts}
    name = max(shares, key=lambda one: shares[one], default=None)
    if name is None or shares[name] < 0.5:
        return ""
    return f": {shares[name]:.0%} of all but glass was taken for {name}. If it is not, take it out of tissue.reject"


def write_survey(folder: Path, survey: Survey) -> None:
    """Write coordinates, the panel of the contact sheet and the row of the quality table."""
    np.save(folder / "coords.npy", survey.grid.coords)
    panel = draw_panel(survey.picture, survey.mask, survey.grid, scale=survey.scale)
    panel.save(folder / "panel.png", compress_level=1)
    mask = survey.mask
    record = {
        **asdict(survey.facts),
        "tissue_mm2": mask.tissue_mm2,
        "tissue_share": float(mask.kept.mean()),
        "saturation_threshold": mask.threshold,
        "sharpness": mask.sharpness if np.isfinite(mask.sharpness) else None,
        **{f"{name}_share": mask.share(name) for name in ("pen", "fold", "blur", "bubble")},
        "tiles_possible": survey.possible,
        "tiles_kept": len(survey.grid.coords),
        "tiles_kept_share": len(survey.grid.coords) / survey.possible,
        "tile_side": survey.grid.side,
    }
    (folder / "slide.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def sample_rows(number: int) -> NDArray[np.int64]:
    """Rows of the tiles, evenly spread, that stand for a slide."""
    return np.unique(np.linspace(0, number - 1, min(number, SAMPLE)).astype(np.int64))


def _write_tiles(folder: Path, slide: Any, grid: Grid, settings: IngestSettings) -> None:
    """Write pixels and features batch by batch; memory does not grow with the number of tiles."""
    from data_modules.ingest.slides.handcrafted import TILE_FEATURES, haematoxylin_threshold, tile_features
    from data_modules.ingest.slides.stain import fit_stains, normalise

    size, number = settings.tile.size, len(grid.coords)
    spread = sample_rows(number)
    sample = _stack(slide, grid.take(spread), size=size)
    stains = fit_stains(sample) if settings.stain != "none" else None
    if settings.stain == "fold":
        unknown = np.full((4, 2), np.nan)
        np.save(folder / "stains.npy", unknown if stains is None else np.vstack([stains.matrix, stains.most]))
        stains = None
    threshold = haematoxylin_threshold(sample if stains is None else normalise(sample, stains))
    features = np.empty((number, len(TILE_FEATURES)), dtype=np.float32)
    # Written, not mapped: on a full disk a write fails with a message, a mapped page kills the process.
    with (folder / "tiles.npy").open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (number, 3, size, size)}
        np.lib.format.write_array_header_1_0(stream, header)
        for rows in _batches(number):
            batch = sample if len(spread) == number else _stack(slide, grid.take(rows), size=size)
            if stains is not None:
                batch = normalise(batch, stains)
            stream.write(np.ascontiguousarray(batch).tobytes())
            features[rows] = tile_features(batch, mpp=settings.tile.mpp, threshold=threshold)
    np.save(folder / "features.npy", features)


def _batches(number: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, number, _BATCH):
        yield np.arange(start, min(start + _BATCH, number))


def _stack(slide: Any, grid: Grid, *, size: int) -> NDArray[np.uint8]:
    tiles = np.stack(list(read_tiles(slide, grid, size=size)))
    return np.ascontiguousarray(tiles.transpose(0, 3, 1, 2))
