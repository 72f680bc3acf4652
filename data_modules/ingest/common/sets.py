"""What slides and volumes of a cohort share: entries made side by side, and the record that all were gone through."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from data_modules.files import replace_file
from data_modules.hashes import content_hash, write_text_atomic
from data_modules.ingest.common.cache import CacheEntry
from data_modules.ingest.common.contact_sheet import write_contact_sheets

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R")
E = TypeVar("E")


@dataclass(frozen=True, kw_only=True)
class IngestedSet(Generic[E]):
    """The ingested slides or volumes of a cohort.

    Attributes:
        entries: file or patient → entry, of those that succeeded.
        errors: file or patient → why it failed.
        folder: quality table and contact sheets.
    """

    entries: dict[str, E]
    errors: dict[str, str]
    folder: Path

    @classmethod
    def of(
        cls, entry: Callable[..., E], places: Mapping[str, CacheEntry], errors: dict[str, str], folder: Path
    ) -> IngestedSet[E]:
        """What is complete of `places`, each an `entry` of its folder."""
        entries = {label: entry(folder=place.folder) for label, place in places.items() if place.complete}
        return cls(entries=entries, errors=errors, folder=folder)

    @classmethod
    def known(cls, entry: Callable[..., E], places: Mapping[str, CacheEntry], folder: Path) -> IngestedSet[E] | None:
        """The set that was gone through; see `gone_through`."""
        errors = gone_through(folder, places)
        return None if errors is None else cls.of(entry, places, errors, folder)

    def describe(self, quality: pd.DataFrame, panels: Sequence[tuple[str, Path]], *, simulated: bool) -> None:
        """Write the quality table and the contact sheets, and last that the set was gone through.

        Args:
            quality: the table.
            panels: caption and PNG of each entry.
            simulated: stamped on the sheets.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / "quality.csv", lambda partial: quality.to_csv(partial, index=False))
        write_contact_sheets(self.folder, panels, stamp="SIMULATED" if simulated else "")
        note_gone_through(self.folder, self.errors)


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
