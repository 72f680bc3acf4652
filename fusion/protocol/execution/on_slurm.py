"""SLURM, through submitit: a job a task. Preempted jobs are queued again by SLURM and go on in the same task."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fusion.contract import FusionError
from fusion.protocol.execution.cluster import Cluster, LostError
from fusion.protocol.execution.extras import require_extra, require_sbatch
from fusion.protocol.execution.node import serve


class Served:
    """`serve` as submitit calls it, and what it does of a job that is preempted or out of time: queue it again."""

    def __call__(self, text: str) -> str:
        return serve(text)

    def checkpoint(self, text: str) -> Any:
        """The same task anew: what it had finished lies in the run folder, or the cache."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, text)


class SlurmCluster(Cluster):
    """Tasks as SLURM jobs.

    Args:
        settings: the node `slurm` of the configuration.
        folder: of submitit's files and the jobs' output, on a disk that all nodes share.

    Raises:
        FusionError: submitit is not installed; this machine cannot submit; a setting that submitit does not know.
    """

    def __init__(self, settings: Any, folder: Path) -> None:
        require_extra("submitit", "slurm")
        import submitit

        require_sbatch(str(settings.cluster))
        self._submitit = submitit
        self._jobs: list[Any] = []
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._executor = submitit.AutoExecutor(folder=folder, cluster=str(settings.cluster))
        asked = {
            "name": "oncofusion",
            "timeout_min": int(settings.minutes),
            "cpus_per_task": int(settings.cpus),
            "gpus_per_node": int(settings.gpus) or None,
            "mem_gb": settings.memory_gb,
            "slurm_partition": settings.partition,
            "slurm_account": settings.account,
            **{f"slurm_{key}": value for key, value in (settings.parameters or {}).items()},
        }
        try:
            self._executor.update_parameters(**{key: value for key, value in asked.items() if value is not None})
        except (NameError, TypeError, ValueError) as error:
            said = str(error).splitlines()[0].rstrip(".")
            raise FusionError(f"slurm: {said}. See slurm.parameters.") from error

    def submit(self, text: str) -> Any:
        try:
            job = self._executor.submit(Served(), text)
        except self._submitit.core.utils.FailedJobError as error:
            raise FusionError(f"slurm: sbatch refuses the job: {error}") from error
        self._jobs.append(job)
        return job

    def finished(self, waiting: Collection[Any], seconds: float) -> list[Any]:
        until = time.monotonic() + seconds
        while True:
            done = [job for job in waiting if job.done()]
            left = until - time.monotonic()
            if done or left <= 0:
                return done
            time.sleep(min(0.1, left))

    def answer(self, handle: Any) -> str:
        errors = self._submitit.core.utils
        try:
            return str(handle.result())
        except errors.UncompletedJobError as error:
            raise LostError(f"its job {handle.job_id} ended without a word (state {handle.state})") from error
        except errors.FailedJobError as error:
            raise FusionError(f"slurm: a node cannot run a task (job {handle.job_id}): {error}") from error

    def close(self) -> None:
        for job in self._jobs:
            if not job.done():
                job.cancel(check=False)
