"""Look at this machine: what works, and how to mend what does not.

Python and packages, the Java that Hail uses and a query of Hail, OpenSlide on a slide, GPU and precision, processors,
memory, disk, W&B, model hub, optional parts. Ends with 0 where all that is needed works, else with 2.

Examples:
  python -m fusion.doctor
  python -m fusion.doctor hail=false folder=path/to/files
  python -m fusion.doctor --json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.config.command import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omegaconf import DictConfig

    from fusion.contract import Part


def doctor(config: DictConfig) -> None:
    """Print a line a part.

    Raises:
        FusionError: something that is needed does not work.
    """
    import json
    from dataclasses import asdict

    from fusion.contract import FusionError

    broken = []
    found = []
    for part in _parts(config):
        found.append(asdict(part))
        broken += [part.name] if part.health == "mend" else []
        if not config.json:
            sys.stdout.write(_line(part))
            sys.stdout.flush()
    if config.json:
        sys.stdout.write(json.dumps({"ok": not broken, "parts": found}, indent=1, ensure_ascii=False) + "\n")
    if broken:
        raise FusionError(f"To be mended: {', '.join(broken)}.")
    if not config.json:
        sys.stdout.write("All that is needed works.\n")


def _parts(config: DictConfig) -> Iterator[Part]:
    """The quick ones first."""
    from hydra.utils import instantiate

    from fusion.run import machine

    folder = None if config.folder is None else Path(config.folder)
    yield machine.python()
    yield machine.packages()
    yield machine.processors()
    yield machine.memory(machine.available_memory(), folder)
    yield from machine.disks({"output": Path(config.results), "cache": Path(config.cache)})
    yield machine.gpu()
    yield from instantiate(config.readers)(hail=config.hail)
    yield machine.wandb_login()
    yield machine.hub()
    yield from machine.extras()


def _line(part: Part) -> str:
    mark = {"ok": "ok  ", "mend": "MEND", "optional": "–   "}[part.health]
    mend = f"\n       → {part.mend}" if part.mend else ""
    return f"{mark}  {part.name}: {part.told}{mend}\n"


if __name__ == "__main__":
    sys.argv[1:] = ["json=true" if text == "--json" else text for text in sys.argv[1:]]
    run(doctor, "doctor")
