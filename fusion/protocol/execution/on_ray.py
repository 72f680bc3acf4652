"""Ray (Moritz et al., OSDI 2018): a cluster that runs already (`ray.address`), or one started here for a command."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from fusion.contract import FusionError
from fusion.contract.devices import cores
from fusion.protocol.execution.cluster import Cluster, LostError
from fusion.protocol.execution.extras import knock, require_extra

WAIT = 45
"""Seconds in which a cluster must have taken us in."""


class RayCluster(Cluster):
    """Tasks of Ray.

    Args:
        settings: the node `ray` of the configuration.
        workers: processes of a cluster that is started here.

    Raises:
        FusionError: Ray is not installed; no cluster answers; none of its nodes has what a task needs.
    """

    def __init__(self, settings: Any, *, workers: int | None) -> None:
        require_extra("ray", "ray")
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers of every cluster
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        from fusion.protocol.execution.node import serve

        logging.getLogger("ray").setLevel(logging.ERROR)
        self._ray: Any = ray
        address = settings.address
        if address is not None:
            knock(str(address))
        _join(ray, None if address is None else str(address), workers)
        need = {"CPU": float(settings.cpus), "GPU": float(settings.gpus)}
        try:
            self._require(need)
        except FusionError:
            ray.shutdown()
            raise
        # Retries are `run_on`'s, which says so; an exception of the task itself comes back as an answer.
        self._serve = ray.remote(num_cpus=need["CPU"], num_gpus=need["GPU"], max_retries=0)(serve)

    def _require(self, need: dict[str, float]) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(all(node.get(name, 0.0) >= amount for name, amount in need.items()) for node in nodes):
            have = "; ".join(f"{node.get('CPU', 0):g} CPU, {node.get('GPU', 0):g} GPU" for node in nodes)
            raise FusionError(
                f"ray: no node of the cluster has {need['CPU']:g} CPU and {need['GPU']:g} GPU for a task ({have}). "
                "Lower ray.cpus or ray.gpus."
            )

    def submit(self, text: str) -> Any:
        return self._serve.remote(text)

    def finished(self, waiting: Collection[Any], seconds: float) -> list[Any]:
        with _lost_cluster():
            done, _ = self._ray.wait(list(waiting), num_returns=1, timeout=seconds)
        return list(done)

    def answer(self, handle: Any) -> str:
        errors = self._ray.exceptions
        try:
            return str(self._ray.get(handle))
        except errors.OutOfMemoryError as error:
            raise LostError("Ray ended it, for its node ran out of memory", memory=True) from error
        except errors.RayTaskError as error:
            raise FusionError(
                f"ray: a node cannot run a task: {_short(error)}. Install the same package there."
            ) from error
        except (errors.RayError, errors.WorkerCrashedError) as error:
            raise LostError(f"its node or process was lost ({type(error).__name__})") from error

    def close(self) -> None:
        self._ray.shutdown()


def _join(ray: Any, address: str | None, workers: int | None) -> None:
    """Become the driver of a job; Ray itself would wait for minutes where something else answers."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    if address is None:
        number = workers or cores()
        # Tasks give a line of text: the smallest store is ample. Not in a thread, for Ray's processes end with the
        # thread that starts them.
        ray.init(address="local", num_cpus=number, include_dashboard=False, object_store_memory=100_000_000, **options)
        return
    failed: list[BaseException] = []

    def join() -> None:
        try:
            ray.init(address=address, **options)
        except BaseException as error:  # SystemExit too, with which Ray ends a driver that it refuses
            failed.append(error)

    joining = threading.Thread(target=join, daemon=True)
    joining.start()
    joining.join(WAIT)
    if joining.is_alive():
        raise FusionError(
            f"ray.address={address} answers, but no Ray cluster took this run in within {WAIT} s. Is it the address "
            "that `ray start --head` printed, of the same version of Ray?"
        )
    if failed:
        raise FusionError(
            f"ray.address={address}: Ray refuses ({_short(failed[0])}). This machine must be a node of the "
            "cluster: `ray start --address=<host:port>` on it."
        ) from failed[0]


@contextmanager
def _lost_cluster() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise FusionError(
            f"ray: the cluster itself was lost ({_short(error)}). What was finished is kept: start the cluster "
            "again, and the command (of train with resume=true)."
        ) from error


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[-300:] or type(error).__name__
