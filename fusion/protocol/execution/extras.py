"""What `execution` asks for, checked before any long work."""

from __future__ import annotations

import shutil
import socket
from importlib.util import find_spec
from typing import Any

from fusion.contract import FusionError

PLACES = ("local", "ray", "slurm")
KNOCK = 10
"""Seconds in which the port of a Ray cluster must have answered."""


def require_extra(module: str, extra: str) -> None:
    """Refuse what is not installed, with the line that installs it.

    Raises:
        FusionError: there is no such module.
    """
    if find_spec(module) is None:
        raise FusionError(f"{module} is not installed. Run: pip install 'oncofusion[{extra}]'")


def knock(address: str) -> None:
    """Refuse an address of Ray where nothing listens, within `KNOCK` seconds.

    Raises:
        FusionError: it does not answer.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return  # auto, local: Ray looks for it
    try:
        with socket.create_connection((host, int(port)), timeout=KNOCK):
            pass
    except (OSError, ValueError) as error:
        raise FusionError(
            f"ray.address={address} does not answer ({error}). Start a cluster there with `ray start --head`, give the "
            "address that it prints, or set ray.address=null to start one on this machine."
        ) from error


def require_sbatch(cluster: str) -> None:
    """Refuse a machine that cannot hand jobs to SLURM.

    Raises:
        FusionError: it has no sbatch.
    """
    if cluster == "slurm" and shutil.which("sbatch") is None:
        raise FusionError(
            "execution=slurm: this machine has no sbatch. Run the command on a login node of the cluster, or try it "
            "out here with slurm.cluster=local."
        )


def check_execution(config: Any) -> None:
    """Refuse what cannot run.

    Raises:
        FusionError: an unknown place, a missing extra, a number out of range, a GPU that no task would be given, a
            cluster that does not answer.
    """
    asked = str(config.get("execution", "local"))
    if asked not in PLACES:
        raise FusionError(f"execution={asked}: there is no such place; choose from {', '.join(PLACES)}.")
    if asked == "local":
        return
    require_extra({"ray": "ray", "slurm": "submitit"}[asked], asked)
    settings = config[asked]
    for key, least in (("cpus", 1), ("gpus", 0), ("retries", 0), ("minutes", 1)):
        value = settings.get(key, least)
        if not isinstance(value, int | float) or value < least:
            raise FusionError(f"{asked}.{key}={value}: give at least {least}.")
    _require_gpu(config, asked, settings)
    if asked == "slurm":
        require_sbatch(str(settings.get("cluster", "slurm")))
    elif settings.get("address") is not None:
        knock(str(settings.address))


def _require_gpu(config: Any, asked: str, settings: Any) -> None:
    """Refuse tasks that would look for a GPU on a node and not be given one; else it is said late, there.

    Raises:
        FusionError: naming the keys.
    """
    _require_one(config, asked, settings, at="")
    for name, node in (config.get("modality") or {}).items():
        embed = node.get("embed") if hasattr(node, "get") else None
        if embed:
            _require_one(embed, asked, settings, at=f"modality.{name}.embed.")


def _require_one(wanted: Any, asked: str, settings: Any, *, at: str) -> None:
    """Of `device` and `precision` of `wanted`, whose key is `at`.

    Raises:
        FusionError: naming the keys.
    """
    device, precision = str(wanted.get("device") or "auto"), str(wanted.get("precision") or "32")
    given = float(settings.get("gpus", 0))
    if settings.get("cluster") == "local":
        return  # processes of this machine, which see what it has
    if device.startswith("cuda:"):
        raise FusionError(
            f"{at}device={device}: under execution={asked} a task sees the GPUs that it is given, by whatever number. "
            f"Set {at}device=cuda, and {asked}.gpus."
        )
    if not given and (device == "cuda" or precision == "16"):
        wants = f"{at}device={device}" if device == "cuda" else f"{at}precision={precision}"
        raise FusionError(
            f"{wants} needs a GPU, and {asked}.gpus={settings.get('gpus', 0)} gives a task none: a cluster hides them "
            f"then. Set {asked}.gpus=1{', or a share of one, 0.25' if asked == 'ray' else ''}; or {at}device=cpu and "
            f"{at}precision=32."
        )
