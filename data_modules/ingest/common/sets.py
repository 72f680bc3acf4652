"""What slides and volumes of a cohort share: entries made side by side, and the record that all were gone through."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import TypeVar

from data_modules.hashes import content_hash, write_text_atomic
from data_modules.ingest.common.cache import CacheEntry

R = TypeVar("R")


def side_by_side(
    pool: Executor, requests: Sequence[R], attempt: Callable[[R], str | None]
) -> Generator[tuple[R, str | None]]:
    """Each request as it is finished, with its error if it failed; those not begun are given up with the generator.

    Args:
        pool: of processes or threads; it is shut down.
        requests: what is asked for.
        attempt: makes an entry; returns its error. What it raises ends all.
    """
    futures = {pool.submit(attempt, request): request for request in requests}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def set_folder(kind: str, places: Mapping[str, CacheEntry], *, cache: Path, simulated: bool) -> Path:
    """Where the quality table of these entries lies.

    Args:
        kind: first folder below the cache's.
        places: file or patient → entry, in their order.
        cache: the cache folder.
        simulated: whether the set is stamped so.
    """
    rules = {"simulated": simulated, "entries": [[label, place.key] for label, place in places.items()]}
    return CacheEntry(root=cache, kind=kind, key=content_hash([], rules)).folder


def gone_through(folder: Path, places: Mapping[str, CacheEntry]) -> dict[str, str] | None:
    """File or patient → why it failed; None where the set was not gone through to its end, or entries are gone."""
    try:
        errors: dict[str, str] = json.loads((folder / "set.json").read_text(encoding="utf-8"))["errors"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if any(not place.complete for label, place in places.items() if label not in errors):
        return None
    return errors


def note_gone_through(folder: Path, errors: Mapping[str, str]) -> None:
    """Say so, once everything else is in the folder."""
    write_text_atomic(folder / "set.json", json.dumps({"errors": errors}, indent=1))
