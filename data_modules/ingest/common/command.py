"""What the ingest commands share: compose the configuration, pick the modalities of a kind, ingest, and say so."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fusion.contract import FusionError
from fusion.contract.pieces import InPieces

MENDABLE = 2
_COMPOSE = "fusion.config.compose.composed"
_ELSEWHERE = "fusion.protocol.execution.ingest.elsewhere_of"
"""What composes a configuration, and what ingests on other machines; by their names, as Hydra joins the wings."""
M = TypeVar("M", bound=Any)


def run_command(
    arguments: Sequence[str] | None,
    *,
    program: str,
    description: str,
    kind: Callable[[], type[M]],
    lacking: str,
    summary: Callable[[M], str],
) -> int:
    """Parse, ingest every modality of a kind, and print what was made.

    Args:
        arguments: of the command line; None takes the process's.
        program: how it is called.
        description: the first paragraph of its help.
        kind: imports and returns the class of the modalities; called after parsing, so that help comes at once.
        lacking: what a cohort without such a modality lacks, for the message.
        summary: of one modality, after it was ingested.

    Returns:
        0, or 2 for what the user can mend.
    """
    given = parser_of(program, description).parse_args(arguments)
    try:
        found = modalities_of(given.overrides, given.config_dir, kind=kind(), lacking=lacking, elsewhere=True)
        for modality in found:
            _prepare(modality)
            if modality.account is not None:
                sys.stdout.write(f"{modality.account}\n")
            sys.stdout.write(summary(modality))
            for part in modality.quality():
                sys.stdout.write("".join(f"Note: {sentence}\n" for sentence in part.said))
    except FusionError as error:
        sys.stderr.write(f"{error}\n")
        return MENDABLE
    return 0


def parser_of(program: str, description: str) -> argparse.ArgumentParser:
    """What every ingest command takes.

    Args:
        program: how it is called.
        description: the first paragraph of its help.
    """
    parser = argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-dir", type=Path, help="a folder of your own YAML files")
    parser.add_argument("overrides", nargs="*", help="as of fusion.train: +experiment=… cohort=… cache=… key=value")
    return parser


def modalities_of(
    overrides: Sequence[str], config_dir: Path | None, *, kind: type[M], lacking: str, elsewhere: bool = False
) -> list[M]:
    """Modalities of this kind in the configuration, with their cohort written where it is simulated.

    Args:
        overrides: of the command line.
        config_dir: the user's own YAML.
        kind: class of the modalities.
        lacking: what a cohort without one lacks, for the message.
        elsewhere: let `execution` say where those are ingested that can be in pieces.

    Raises:
        FusionError: the configuration cannot be composed, or has no such modality.
    """
    from hydra.errors import HydraException
    from hydra.utils import get_method, instantiate
    from omegaconf.errors import OmegaConfBaseException

    compose = get_method(_COMPOSE)
    try:
        config: Any = compose("train", list(overrides), None if config_dir is None else config_dir.resolve())
        source = instantiate(config.cohort)
        source.prepare(_silent)
        every = [instantiate(node, name=str(name), source=source) for name, node in config.modality.items()]
    except (HydraException, OmegaConfBaseException) as error:
        mendable = _mendable(error)
        raise mendable or FusionError(f"The configuration cannot be composed: {error}") from error
    found = [modality for modality in every if isinstance(modality, kind)]
    if not found:
        raise FusionError(f"cohort {source.name!r} has no {lacking}: modality holds {', '.join(config.modality)}.")
    make = get_method(_ELSEWHERE)(config, _say) if elsewhere else None
    for modality in found:
        if make is not None and isinstance(modality, InPieces):
            modality.elsewhere = make
    return found


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _mendable(error: BaseException) -> FusionError | None:
    """Hydra wraps what a constructor refuses."""
    cause = error.__cause__
    return cause if isinstance(cause, FusionError) else None


def _prepare(modality: Any) -> None:
    from rich.console import Console
    from rich.progress import Progress as Bar

    problems = modality.check()
    if problems:
        raise FusionError("\n".join(problems))
    with Bar(console=Console(stderr=True)) as bar:
        tasks: dict[str, Any] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        modality.prepare(progress)


def _silent(step: str, done: int, total: int) -> None:
    """The cohort's own progress is not shown: writing a simulated one is the only long case."""
