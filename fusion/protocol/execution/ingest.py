"""Ingest as tasks of a cluster: one a slide, or one a patient's volumes; a few together where there are very many."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion.contract import FusionError
from fusion.contract.pieces import Elsewhere, Piece
from fusion.protocol.execution.cluster import run_on
from fusion.protocol.execution.extras import check_execution
from fusion.protocol.execution.opened import open_cluster
from fusion.protocol.execution.places import Ingested, named_pieces
from fusion.protocol.pool import Failure, TaskFailedError
from fusion.run.files import replace_file

TASKS = 256
"""At most so many tasks at a time: more pieces than these share tasks, for schedulers limit how many jobs wait."""

Chunk = tuple[Piece, ...]


def elsewhere_of(config: Any, say: Callable[[str], None] = lambda text: None) -> Elsewhere | None:
    """What makes the pieces of an ingest where `execution` is ``ray`` or ``slurm``; None where it is ``local``.

    Args:
        config: of a training run, with `cohort`, `modality`, `cache` and `execution`.
        say: told of nodes that were lost.

    Raises:
        FusionError: settings that cannot be; see `check_execution`.
    """
    check_execution(config)
    return None if str(config.get("execution", "local")) == "local" else OnCluster(config=config, say=say)


@dataclass(frozen=True, kw_only=True)
class OnCluster(Elsewhere):
    """Pieces on the cluster of a configuration, opened when there is something to make.

    Attributes:
        config: see `elsewhere_of`.
        say: told of nodes that were lost.
    """

    config: Any
    say: Callable[[str], None]

    def __call__(self, modality: str, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, str | None]]:
        """Each piece as its task ends, with its error.

        A task that lost its node too often is taken apart, so that a file that ends its process is known and the others
        go on.
        """
        again: list[Chunk] = []
        for chunk, found in self._round(modality, _chunks(pieces)):
            if not isinstance(found, Failure):
                yield from zip(chunk, found, strict=True)
            elif len(chunk) == 1:
                yield chunk[0], _lost(chunk[0], found)
            else:
                again += [(piece,) for piece in chunk]
        if again:
            for chunk, found in self._round(modality, again):
                yield chunk[0], _lost(chunk[0], found) if isinstance(found, Failure) else found[0]

    def _round(self, modality: str, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, Any]]:
        from omegaconf import OmegaConf

        cache = Path(self.config.cache).absolute()
        cache.mkdir(parents=True, exist_ok=True)
        # No key but these decides what an entry holds.
        config = {key: OmegaConf.to_container(self.config[key], resolve=True) for key in ("cohort", "modality")}
        tasks = {f"{modality}.{number}": chunk for number, chunk in enumerate(chunks)}
        place = Ingested(
            cache=cache,
            # Its own: several commands may share a cache.
            folder=cache / "tasks" / secrets.token_hex(8),
            config={**config, "cache": str(self.config.cache)},
            modality=modality,
            tasks=tasks,
        )
        cluster = open_cluster(self.config, logs=cache / "logs" / "slurm")
        retries = self.config[str(self.config.execution)].retries
        done = run_on(
            cluster, tasks, place, retries=retries, told=lambda chunk, content: None, say=self.say,
            lost=lambda chunk, failure: failure,
        )  # fmt: skip
        try:
            with closing(done):
                yield from done
        except TaskFailedError as error:
            raise _failed(modality, error, cache) from error


def _chunks(pieces: Sequence[Piece]) -> list[Chunk]:
    size = max(1, -(-len(pieces) // TASKS))
    return [tuple(pieces[start : start + size]) for start in range(0, len(pieces), size)]


def _lost(piece: Piece, failure: Failure) -> str:
    why = " (memory ran out?)" if failure.memory else ""
    return f"{piece.label}: {failure.said}{why}"


def _failed(modality: str, error: TaskFailedError[Chunk], cache: Path) -> FusionError:
    failure, who = error.failure, named_pieces(modality, error.task)
    if failure.mendable:
        return FusionError(f"{who}: {failure.said.rstrip('.')}. What was made is kept in the cache.")
    log = cache / "logs" / f"{modality}.log"
    replace_file(log, lambda partial: partial.write_text(failure.details, encoding="utf-8"))
    return FusionError(
        f"{who}: {failure.said.rstrip('.')}. Traceback: {log}. What was made is kept in the cache; the same command "
        "goes on from there."
    )
