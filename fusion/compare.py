"""Compare finished runs on the same patients: paired gains over the first, who is called otherwise, what differs.

The gains are on the patients whom every run scored out of fold, with intervals over the same draws of them. Run folders
may be a stranger's: nothing that they name is made.

  compare.html    the gains, each run's figures, the patients whose call flips, the settings that differ
  compare.json    all of it

Examples:
  python -m fusion.compare run=runs/mine/2026-01-31_12-00-00 run=runs/mine/2026-02-01_09-30-00
  python -m fusion.compare 'runs=[<run folder>,<run folder>,<run folder>]' arm=late output=<folder>
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fusion.config.command import run
from fusion.config.overrides import gathered

if TYPE_CHECKING:
    from omegaconf import DictConfig


def compare(config: DictConfig) -> None:
    """Write compare.json and compare.html.

    Raises:
        FusionError: a folder is no finished run, or the runs cannot be compared.
    """
    from collections.abc import Sequence
    from pathlib import Path

    from fusion.contract import FusionError
    from fusion.report.compare.page import FILE, write_comparison

    if config.draws < 1:
        raise FusionError(f"draws={config.draws}: give at least 1.")
    output = Path(config.output)
    if (output / FILE).exists() and not config.overwrite:
        raise FusionError(
            f"{output}: holds a comparison already. Choose another folder with output=<folder> or replace it with "
            "overwrite=true."
        )
    if not isinstance(config.runs, str | Sequence):
        raise FusionError(f"runs={config.runs}: give run folders, run=<folder> run=<folder>.")
    paths = [config.runs] if isinstance(config.runs, str) else [str(path) for path in config.runs]
    told = write_comparison(paths, output, arm=config.arm, draws=config.draws, seed=config.seed)
    sys.stdout.write(told + "\n")


if __name__ == "__main__":
    sys.argv[1:] = gathered(sys.argv[1:], key="run", into="runs")
    run(compare, "compare")
