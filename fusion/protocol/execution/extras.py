"""What `execution` asks for, checked before any long work."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from fusion.contract import FusionError

PLACES = ("local", "ray", "slurm")


def require_extra(module: str, extra: str) -> None:
    """Refuse what is not installed, with the line that installs it.

    Raises:
        FusionError: there is no such module.
    """
    if find_spec(module) is None:
        raise FusionError(f"{module} is not installed. Run: pip install 'oncofusion[{extra}]'")


def check_execution(config: Any) -> None:
    """Refuse what cannot run.

    Raises:
        FusionError: an unknown place, a missing extra, a number out of range.
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
