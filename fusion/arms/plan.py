"""Which arms a configuration asks for, in the order they are trained and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError

if TYPE_CHECKING:
    from fusion.arms.base import Arm

CHOICES = ("fusion", "singles", "classical_lr", "classical_forest", "late")
"""What `arms` may list. ``singles`` is one arm a modality, named ``only_<modality>``."""


def check_arms(names: Iterable[str]) -> None:
    """Refuse arms that do not exist or that lack what they are made of.

    Raises:
        FusionError: naming the entry of `arms`.
    """
    names = list(names)
    strangers = [name for name in names if name not in CHOICES]
    if strangers:
        raise FusionError(f"arms: no arm is called {', '.join(strangers)}. Choose from {', '.join(CHOICES)}.")
    if "fusion" not in names:
        raise FusionError("arms: must list 'fusion', the arm that the others are compared with.")
    if "late" in names and "singles" not in names:
        raise FusionError("arms: 'late' is the mean of the single-modality arms; list 'singles' too.")


def make_arms(config: Any, modalities: Sequence[str], make_data: Callable[..., Any]) -> list[Arm]:
    """The arms that are trained. Late fusion and the chosen classical arm are made of their scores afterwards."""
    from fusion.arms.classical import GRIDS, ClassicalArm
    from fusion.arms.network import NetworkArm

    def network(name: str, seen: Sequence[str]) -> Arm:
        return NetworkArm(name, modalities=seen, model=config.model, trainer=config.trainer, make_data=make_data)

    arms: list[Arm] = [network("fusion", modalities)]
    if "singles" in config.arms:
        arms += [network(f"only_{name}", [name]) for name in modalities]
    arms += [ClassicalArm(name) for name in GRIDS if name in config.arms]
    return arms
