"""``python -m data_modules.ingest.variants``: ingest a cohort's variants alone, e.g. ahead of time or on a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fusion.contract
from fusion.contract import FusionError

if TYPE_CHECKING:
    from data_modules.modalities.stored_variants import StoredVariants

MENDABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, ingest, and say what was kept; exit code 2 on what the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m data_modules.ingest.variants", description=__doc__)
    parser.add_argument("--config-dir", type=Path, help="a folder of your own YAML files")
    parser.add_argument("overrides", nargs="*", help="as of fusion.train: +experiment=… cohort=… spark=local|cluster")
    given = parser.parse_args(arguments)
    try:
        for modality in _modalities(given.overrides, given.config_dir):
            _prepare(modality)
            sys.stdout.write(_summary(modality))
    except FusionError as error:
        sys.stderr.write(f"{error}\n")
        return MENDABLE
    return 0


def _modalities(overrides: Sequence[str], config_dir: Path | None) -> list[StoredVariants]:
    """Variant modalities of the configuration, with their cohort written where it is simulated."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    from data_modules.modalities.stored_variants import StoredVariants

    package = Path(fusion.contract.__file__).resolve().parent
    conf = package / "conf" if (package / "conf").is_dir() else package.parent / "conf"
    own = [] if config_dir is None else [f"hydra.searchpath=[file://{config_dir.resolve()}]"]
    try:
        with initialize_config_dir(str(conf), version_base="1.3"):
            config: Any = compose("train", [*own, *overrides])
    except HydraException as error:
        raise FusionError(f"The configuration cannot be composed: {error}") from error
    source = instantiate(config.cohort)
    source.prepare(_silent)
    every = [instantiate(node, name=str(name), source=source) for name, node in config.modality.items()]
    found = [modality for modality in every if isinstance(modality, StoredVariants)]
    if not found:
        raise FusionError(f"cohort {source.name!r} has no variants: modality holds {', '.join(config.modality)}.")
    return found


def _prepare(modality: StoredVariants) -> None:
    from rich.console import Console
    from rich.progress import Progress as Bar

    problems = modality.check()
    if problems:
        raise FusionError("\n".join(problems))
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task(modality.key)
        modality.prepare(lambda step, done, total: bar.update(task, description=step, completed=done, total=total))


def _summary(modality: StoredVariants) -> str:
    """What was kept and dropped, an origin a paragraph."""
    lines = []
    for origin, store in modality.ingest.stores().items():
        lines.append(f"{modality.key}, {origin}: {len(store.variants)} variants × {len(store.samples)} samples")
        lines += [
            f"  {part}: " + ", ".join(f"{reason.replace('_', ' ')} {number}" for reason, number in counts.items())
            for part, counts in store.qc.items()
            if isinstance(counts, dict)
        ]
        lines.append(f"  in {store.folder}")
    return "\n".join([*lines, ""])


def _silent(step: str, done: int, total: int) -> None:
    """The cohort's own progress is not shown: writing a simulated one is the only long case."""
