"""What tasks of a kind share: what a node is told of each, and where it tells how it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fusion.contract import some
from fusion.contract.pieces import Piece
from fusion.protocol.execution.node import TOLD


class Place(Protocol):
    """Tasks of a kind, by name."""

    @property
    def folder(self) -> Path:
        """Where tasks tell how they go, on a disk that all nodes share; removed at the end."""
        ...

    def named(self, name: str) -> str:
        """What a task is called in a sentence, at its beginning."""
        ...

    def text(self, name: str, token: str, told: str) -> str:
        """What a node is given; see `fusion.protocol.execution.node.serve`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Folds:
    """The folds of a run; a task is named after its fold.

    Attributes:
        run: the run folder, absolute.
        config: resolved, plain containers.
    """

    run: Path
    config: Any

    @property
    def folder(self) -> Path:
        """See `Place`."""
        return self.run / TOLD

    def named(self, name: str) -> str:
        """See `Place`."""
        return f"Fold {name}"

    def text(self, name: str, token: str, told: str) -> str:
        """See `Place`."""
        return _text(self.config, token, told, run=str(self.run), fold=name)


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """Pieces of a modality's ingest; a task is a few of them.

    Attributes:
        cache: the cache folder, absolute.
        folder: below it.
        config: resolved, plain containers, with `cohort`, `modality` and `cache`.
        modality: its key.
        tasks: name → pieces.
    """

    cache: Path
    folder: Path
    config: Any
    modality: str
    tasks: Mapping[str, Sequence[Piece]]

    def named(self, name: str) -> str:
        """See `Place`."""
        return named_pieces(self.modality, self.tasks[name])

    def text(self, name: str, token: str, told: str) -> str:
        """See `Place`."""
        # Labels stay here: they are names of files and patients.
        pieces = [[piece.number, piece.key] for piece in self.tasks[name]]
        tasks = self.folder.relative_to(self.cache).as_posix()
        return _text(
            self.config, token, told, cache=str(self.cache), tasks=tasks, modality=self.modality, pieces=pieces
        )


def named_pieces(modality: str, pieces: Sequence[Piece]) -> str:
    """``modality.slides: P1.svs, P2.svs and 3 more``."""
    return f"modality.{modality}: {some([piece.label for piece in pieces], 2)}"


def _text(config: Any, token: str, told: str, **more: Any) -> str:
    root = (config.get("cohort") or {}).get("root")
    seen = {"cache": config.get("cache"), "cohort.root": root}
    job = {
        "config": config,
        "folder": str(Path.cwd()),
        # Only what this machine sees: a cohort of features has no cache.
        "seen": {key: str(value) for key, value in seen.items() if value is not None and Path(value).is_dir()},
    }
    return json.dumps({**job, **more, "token": token, "told": told})
