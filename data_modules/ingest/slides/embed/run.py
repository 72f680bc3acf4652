"""Embed slides as they are read: a reader works ahead, the encoder never waits for it, and no pixels are kept.

The reader opens the next slides, masks them, reads and normalises their tiles; at most a few batches are in memory. A
slide that another run has claimed is left to it and looked at again at the end. A slide that a kill interrupted goes on
where its embeddings end.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from data_modules.hashes import write_text_atomic
from data_modules.ingest.common.ahead import ahead
from data_modules.ingest.common.cache import Claim
from data_modules.ingest.slides.ingest import (
    IngestSettings,
    Survey,
    entry_for,
    reading,
    sample_rows,
    slide_seed,
    survey_slide,
    write_survey,
)
from data_modules.ingest.slides.slide_facts import SlideError, SlideRequest
from data_modules.ingest.slides.tiles import read_tiles
from fusion.contract import FusionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings

_ROWS = "rows.json"
_WAIT = 0.5  # seconds between looks at a slide that another run is busy with
_AHEAD = 4  # batches read before they are needed
_SAFE = 1024  # tiles after which embeddings are flushed to the disk and count after a kill


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """What the reader hands over: the rows of a slide from `start` on, or why it failed; `last` ends the slide.

    `claim` is None for a slide that another run made in the meantime, or, `waiting`, is still busy with.
    """

    request: SlideRequest
    claim: Claim | None
    tiles: NDArray[np.uint8] | None = None
    start: int = 0
    rows: int = 0
    last: bool = False
    error: str | None = None
    waiting: bool = False


def embed_missing(
    requests: Sequence[SlideRequest],
    settings: IngestSettings,
    embedding: EmbeddingSettings,
    *,
    cache: Path,
    readers: int = 2,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Generator[tuple[SlideRequest, str | None]]:
    """Make the entries of these slides; yields each slide as it is finished, with its error if it failed.

    Args:
        requests: slides without an entry.
        settings: with `embed` of `embedding`.
        embedding: the encoder.
        cache: the cache folder.
        readers: threads that read the tiles of a batch.
        told: called after every batch with tiles done and tiles of the slide.

    Raises:
        FusionError: the encoder cannot be loaded, or the disk is full.
    """
    source = _read_all(requests, settings, cache=cache, batch=embedding.batch, readers=readers)
    with ahead(source, depth=_AHEAD) as pieces, _Writer(embedding.width) as writer:
        embedder = embedding.load()  # while the first slide is masked and read
        for piece in pieces:
            if piece.waiting:
                continue
            if piece.claim is None or piece.error is not None:
                writer.close()
                yield piece.request, piece.error
                continue
            with piece.claim.entry.disk_errors():
                if piece.tiles is not None:
                    writer.append(embedder.embed(piece.tiles), piece, folder=piece.claim.folder)
                    told(piece.start + len(piece.tiles), piece.rows)
                if piece.last:
                    writer.close()
                    (piece.claim.folder / _ROWS).unlink(missing_ok=True)
                    piece.claim.finish()
                    piece.claim.release()
                    yield piece.request, None


def _read_all(
    requests: Sequence[SlideRequest], settings: IngestSettings, *, cache: Path, batch: int, readers: int
) -> Iterator[_Piece]:
    """All slides, those that another run is busy with last."""
    busy: list[SlideRequest] = []
    with ThreadPoolExecutor(readers + 1) as pool:
        for request, wait in chain(((request, False) for request in requests), ((request, True) for request in busy)):
            entry = entry_for(request, settings, cache=cache)
            claim = entry.claim(wait=False)
            if claim is None and not entry.complete and not wait:
                busy.append(request)
                continue
            while claim is None and not entry.complete:
                yield _Piece(request=request, claim=None, waiting=True)
                time.sleep(_WAIT)
                claim = entry.claim(wait=False)
            if claim is None:
                yield _Piece(request=request, claim=None)
            else:
                yield from _read_slide(request, settings, claim, cache=cache, batch=batch, pool=pool)


def _read_slide(
    request: SlideRequest, settings: IngestSettings, claim: Claim, *, cache: Path, batch: int, pool: ThreadPoolExecutor
) -> Iterator[_Piece]:
    handed_over = False
    try:
        with reading(request) as (slide, facts):
            survey = survey_slide(slide, facts, settings, seed=slide_seed(request, cache=cache))
            start = _rows_done(claim.folder)
            if not start:
                claim.clear()
            with claim.entry.disk_errors():
                write_survey(claim.folder, survey)
                change, described = _describe_sample(claim.folder, slide, survey, settings, pool=pool)
            total = len(survey.grid.coords)
            for first in range(start, total, batch):
                rows = np.arange(first, min(first + batch, total))
                tiles = change(_read(slide, survey, rows, size=settings.tile.size, pool=pool))
                yield _Piece(request=request, claim=claim, tiles=tiles, start=first, rows=total)
            with claim.entry.disk_errors():
                described.result()
            handed_over = True
            yield _Piece(request=request, claim=claim, last=True)
    except SlideError as error:
        claim.drop()
        yield _Piece(request=request, claim=claim, error=str(error))
    except FusionError:  # a full disk is no fault of the slide
        raise
    except Exception as error:  # a damaged file can break a reader anywhere; the other slides go on
        claim.drop()
        yield _Piece(request=request, claim=claim, error=f"{request.label}: {type(error).__name__}: {error}")
    finally:
        if not handed_over:
            claim.release()


def _read(
    slide: Any, survey: Survey, rows: NDArray[np.int64], *, size: int, pool: ThreadPoolExecutor
) -> NDArray[np.uint8]:
    """Tiles ``(tile, 3, H, W)``, by several threads: OpenSlide decodes outside Python's lock."""
    out = np.empty((len(rows), size, size, 3), dtype=np.uint8)

    def part(chosen: NDArray[np.int64]) -> None:
        grid = survey.grid.take(rows[chosen])
        for place, tile in zip(chosen, read_tiles(slide, grid, size=size), strict=True):
            out[place] = tile

    list(pool.map(part, np.array_split(np.arange(len(rows)), min(len(rows), 8))))
    # A view: in memory the channels stay last, as the encoder wants them.
    return out.transpose(0, 3, 1, 2)


def _describe_sample(
    folder: Path, slide: Any, survey: Survey, settings: IngestSettings, *, pool: ThreadPoolExecutor
) -> tuple[Callable[[NDArray[np.uint8]], NDArray[np.uint8]], Future[None]]:
    """The slide's stain normalisation, and, made meanwhile, hand-crafted features for arms that are no networks."""
    from data_modules.ingest.slides.handcrafted import haematoxylin_threshold, tile_features
    from data_modules.ingest.slides.stain import fit_stains, normalise

    grid = survey.grid.take(sample_rows(len(survey.grid.coords)))
    sample = np.stack(list(read_tiles(slide, grid, size=settings.tile.size))).transpose(0, 3, 1, 2)
    stains = fit_stains(sample) if settings.stain == "macenko" else None

    def change(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return tiles if stains is None else normalise(tiles, stains)

    def describe() -> None:
        seen = change(sample)
        threshold = haematoxylin_threshold(seen)
        np.save(folder / "features.npy", tile_features(seen, mpp=settings.tile.mpp, threshold=threshold))

    return change, pool.submit(describe)


class _Writer:
    """``embeddings.npy`` of one slide after another, row by row.

    After a kill, ``rows.json`` says how many rows are on the disk for sure.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._file: BinaryIO | None = None
        self._begin = 0
        self._safe = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk has been said already
                self._file.close()

    def append(self, values: NDArray[np.float32], piece: _Piece, *, folder: Path) -> None:
        """Write the embeddings of a piece's tiles."""
        if self._file is None:
            self._file = (folder / "embeddings.npy").open("r+b" if _rows_done(folder) else "wb")
            header = {"descr": "<f4", "fortran_order": False, "shape": (piece.rows, self._width)}
            np.lib.format.write_array_header_1_0(self._file, header)
            self._begin, self._safe = self._file.tell(), piece.start
        self._file.seek(self._begin + 4 * self._width * piece.start)
        self._file.write(np.ascontiguousarray(values, dtype="<f4").tobytes())
        done = piece.start + len(values)
        if done - self._safe >= _SAFE:
            _to_disk(self._file)
            write_text_atomic(folder / _ROWS, json.dumps({"rows": done}))
            self._safe = done

    def close(self) -> None:
        """The slide is done, or given up."""
        if self._file is not None:
            _to_disk(self._file)
            self._file.close()
            self._file = None


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _rows_done(folder: Path) -> int:
    """Rows of an interrupted slide whose embeddings are on the disk."""
    try:
        return int(json.loads((folder / _ROWS).read_text(encoding="utf-8"))["rows"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
