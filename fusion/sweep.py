"""Say what a sweep's winner is worth: its plain figure beside one corrected for having been chosen on these patients.

A sweep ranks its jobs by inner scores over all outer folds, so every patient has helped to choose the winner.
Bootstrap-bias-corrected cross-validation (Tsamardinos et al. 2018) chooses among the patients of each bootstrap draw
and scores the winner on the others, from predictions that the jobs keep. `fusion.train --multirun` does this by itself
at its end; give this command after a sweep that was interrupted, or whose jobs ran elsewhere.

  sweep.json    jobs ranked, the winner, plain and corrected figure, what was left out
  sweep.html    the same for the eye

Examples:
  python -m fusion.sweep jobs=multirun/breast_tcga/2026-01-31_12-00-00
  python -m fusion.sweep jobs=<folder of the sweep> arm=late draws=10000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fusion.config.command import run

if TYPE_CHECKING:
    from omegaconf import DictConfig


def sweep(config: DictConfig) -> None:
    """Write sweep.json and sweep.html into the sweep's folder.

    Raises:
        FusionError: it is no sweep's folder, or its jobs cannot be compared.
    """
    from pathlib import Path

    from fusion.contract import FusionError
    from fusion.report.sweeps.page import write_sweep

    if config.draws < 1:
        raise FusionError(f"draws={config.draws}: give at least 1.")
    sys.stdout.write(write_sweep(Path(config.jobs), arm=config.arm, draws=config.draws, seed=config.seed) + "\n")


if __name__ == "__main__":
    run(sweep, "sweep")
