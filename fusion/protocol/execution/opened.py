"""The cluster that `execution` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion.protocol.execution.cluster import Cluster


def open_cluster(config: Any, *, logs: Path) -> Cluster:
    """Become one of its users.

    Args:
        config: with `execution` other than ``local``, its settings and `workers`.
        logs: folder of what jobs of SLURM write, on a disk that all nodes share.

    Raises:
        FusionError: it does not answer, or has not what a task needs.
    """
    settings = config[str(config.execution)]
    if config.execution == "ray":
        from fusion.protocol.execution.on_ray import RayCluster

        return RayCluster(settings, workers=config.workers)
    from fusion.protocol.execution.on_slurm import SlurmCluster

    return SlurmCluster(settings, logs)
