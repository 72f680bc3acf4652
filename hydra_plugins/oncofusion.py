"""What Hydra finds of this package: it looks for plugins in modules of `hydra_plugins` and nowhere else."""

from __future__ import annotations

from fusion.config.sweeper import Optuna


class OptunaSweeper(Optuna):
    """``hydra/sweeper=optuna``."""
