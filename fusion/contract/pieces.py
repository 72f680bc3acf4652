"""Ingest in pieces that any machine can make, one a slide or one a patient's volumes: what both wings say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What one machine makes at a time: an entry of the cache.

    Attributes:
        number: its place among all that the modality ingests.
        key: address of its entry, of its files' bytes and the settings: a machine that sees other files finds another.
        label: file or patient, for messages here; does not travel.
    """

    number: int
    key: str
    label: str = ""


class Elsewhere(Protocol):
    """Has pieces made by other machines, or processes, that share the cache."""

    def __call__(self, modality: str, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, str | None]]:
        """Each piece as it is done, with its error where its files cannot be used.

        Raises:
            FusionError: a machine sees other files or lacks what it takes; no task runs any longer.
        """
        ...


@runtime_checkable
class InPieces(Protocol):
    """A modality whose ingest can be made elsewhere.

    Attributes:
        elsewhere: what `prepare` gives its pieces to; None makes them here.
    """

    elsewhere: Elsewhere | None

    def make(self, pieces: Sequence[Piece]) -> list[str | None]:
        """Make these entries here and now; of each its error, where its files cannot be used.

        Raises:
            FusionError: the files here are not those that were asked for; what is no piece's own fault, a full disk.
        """
        ...
