"""All slides of a cohort: worker processes make the entries, the parent lists failures and draws the contact sheets.

The set's own folder holds ``quality.csv`` (one row a slide, the error where it failed), ``contact_sheet_*.png`` and
``set.json``, written last, which says that the set was gone through.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_modules.ingest.common.pieces import make_missing
from data_modules.ingest.common.sets import IngestedSet, set_folder, side_by_side
from data_modules.ingest.slides.ingest import IngestSettings, SlideEntry, entry_for, ingest_slide
from data_modules.ingest.slides.slide_facts import SlideError, SlideRequest
from fusion.contract import FusionError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from data_modules.ingest.slides.embed.embeddings import EmbeddingSettings
    from fusion.contract import Progress
    from fusion.contract.pieces import Elsewhere

_KIND = "slide_sets"
_FEW = 4  # slides that are done sooner than a worker process starts

SlideSet = IngestedSet[SlideEntry]


def ingest_slides(
    requests: Sequence[SlideRequest],
    settings: IngestSettings,
    *,
    cache: Path,
    progress: Progress,
    embedding: EmbeddingSettings | None = None,
    workers: int = 2,
    max_failed: float = 0.05,
    name: str = "slides",
    simulated: bool = False,
    elsewhere: Elsewhere | None = None,
) -> SlideSet:
    """Make every missing entry; nothing to do where the cache holds them all.

    Args:
        requests: slides with distinct file names.
        settings: what an entry holds.
        cache: the cache folder.
        progress: told after each slide.
        embedding: the frozen encoder whose embeddings are kept, that of `settings.embed`; None keeps pixels.
        workers: processes, of which 1 reads in this one; with an encoder, threads that read for it.
        max_failed: share of slides that may fail before the run stops.
        name: the modality, for messages.
        simulated: the slides are invented: stamped on the contact sheets and in the quality table.
        elsewhere: what makes the entries on other machines; None makes them here.

    Raises:
        FusionError: more slides failed than `max_failed` allows, or the disk is full.
    """
    places = {request.label: entry_for(request, settings, cache=cache) for request in requests}
    folder = set_folder(_KIND, places, cache=cache, simulated=simulated)
    known = SlideSet.known(SlideEntry, places, folder)
    if known is not None and not known.errors:
        return known
    missing = [request for request in requests if not places[request.label].complete]
    step = f"{name}: {'tiles' if embedding is None else embedding.encoder}"

    def of_slide(done: int, total: int) -> None:
        progress(f"{name}: tiles of this slide", done, total)

    errors = make_missing(
        missing, requests, elsewhere=elsewhere, name=name, max_failed=max_failed,
        here=lambda: attempt_slides(missing, settings, embedding, cache=cache, workers=workers, told=of_slide),
        address=lambda one: places[one.label].key, label=lambda one: one.label,
        told=lambda done: progress(step, done, len(requests)),
        failed="{} slides failed", remedy="Mend or leave out these slides",
    )  # fmt: skip
    result = SlideSet.of(SlideEntry, places, errors, folder)
    _describe(result, requests, simulated=simulated)
    return result


def attempt_slides(
    requests: Sequence[SlideRequest],
    settings: IngestSettings,
    embedding: EmbeddingSettings | None,
    *,
    cache: Path,
    workers: int,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Generator[tuple[SlideRequest, str | None]]:
    """Make these entries on this machine; each slide as it is finished, with its error if it failed.

    Args:
        requests: slides without an entry.
        settings: what an entry holds.
        embedding: see `ingest_slides`.
        cache: the cache folder.
        workers: see `ingest_slides`.
        told: with an encoder, of the tiles of a slide.

    Raises:
        FusionError: the encoder cannot be loaded, or the disk is full.
    """
    if embedding is None:
        return _run(requests, settings, cache=cache, workers=workers)
    from data_modules.ingest.slides.embed.run import embed_missing

    return embed_missing(requests, settings, embedding, cache=cache, readers=workers, told=told)


def load_set(
    requests: Sequence[SlideRequest], settings: IngestSettings, *, cache: Path, simulated: bool = False
) -> SlideSet | None:
    """The set as `ingest_slides` left it, or None where it has not run to its end or entries are gone."""
    places = {request.label: entry_for(request, settings, cache=cache) for request in requests}
    return SlideSet.known(SlideEntry, places, set_folder(_KIND, places, cache=cache, simulated=simulated))


def _run(
    requests: Sequence[SlideRequest], settings: IngestSettings, *, cache: Path, workers: int
) -> Generator[tuple[SlideRequest, str | None]]:
    """Each slide as it is finished, with its error if it failed."""
    if workers <= 1 or len(requests) < _FEW:
        for request in requests:
            yield request, _attempt(request, settings, cache)
        return
    left = list(requests)
    # Each run in an order of its own: two that share a cache would otherwise wait for one another at every slide.
    random.Random(os.getpid()).shuffle(left)
    try:
        for request, error in _in_pool(left, settings, cache=cache, workers=workers):
            left.remove(request)
            yield request, error
    except BrokenProcessPool:
        # A process died (a crash in a reader, or memory). Whose slide it was shows when each is alone.
        for request in list(left):
            try:
                yield from _in_pool([request], settings, cache=cache, workers=1)
            except BrokenProcessPool:
                yield request, f"{request.label}: the process that read it died (a crash, or out of memory)"


def _in_pool(
    requests: Sequence[SlideRequest], settings: IngestSettings, *, cache: Path, workers: int
) -> Generator[tuple[SlideRequest, str | None]]:
    # spawn: a forked child would inherit the parent's threads and locks in an unknown state.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent) as pool:
        yield from side_by_side(pool, requests, partial(_attempt, settings=settings, cache=cache))


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it is killed: a pool's process would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _attempt(request: SlideRequest, settings: IngestSettings, cache: Path) -> str | None:
    """The error of a slide that failed; what is not the slide's fault (a full disk) is raised."""
    try:
        ingest_slide(request, settings, cache=cache)
    except SlideError as error:
        return str(error)
    except FusionError:
        raise
    except Exception as error:  # a damaged file can break a reader anywhere; the other slides go on
        return f"{request.label}: {type(error).__name__}: {error}"
    return None


def _describe(result: SlideSet, requests: Sequence[SlideRequest], *, simulated: bool) -> None:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    panels = []
    for request in requests:
        file = request.label
        entry = result.entries.get(file)
        if entry is None:
            rows.append({"file": file, "error": result.errors.get(file, "")})
            continue
        record = entry.record()
        rows.append({**record, "file": file, "error": ""})  # the entry may be of a file that had another name
        panels.append((f"{file} {record['tiles_kept']} of {record['tiles_possible']}", entry.folder / "panel.png"))
    if simulated:
        rows = [{**row, "simulated": True} for row in rows]
    table = pd.DataFrame(rows).convert_dtypes()  # counts stay whole numbers beside slides that have none
    result.describe(table, panels, simulated=simulated)
