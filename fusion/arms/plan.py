"""Which arms a configuration asks for, in the order they are trained and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError

if TYPE_CHECKING:
    from fusion.arms.base import Arm
    from fusion.contract import EndpointSpec

HANDCRAFTED = "handcrafted"

CHOICES = (
    "fusion",
    "singles",
    "classical_lr",
    "classical_elastic",
    "classical_forest",
    "classical_boosting",
    "classical_cox",
    "classical_cox_elastic",
    "classical_ordinal",
    HANDCRAFTED,
    "late",
    "stacked",
)
"""What `arms` may list. ``singles`` is one arm a modality, named ``only_<modality>``; ``handcrafted`` is a forest on
the colour, texture and nuclei of images alone: the field's history, and a check on networks."""

OF_KIND = {"classical_cox": "survival", "classical_cox_elastic": "survival", "classical_ordinal": "ordinal"}
"""Arms of one kind of endpoint; they are trained unasked where `arms` lists what predicts classes alone."""


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
    for name, what in {"late": "the mean", "stacked": "a regression on the scores"}.items():
        if name in names and "singles" not in names:
            raise FusionError(f"arms: {name!r} is {what} of the single-modality arms; list 'singles' too.")


FLOORS = ("clinical", "treatment")
"""What `evaluation.floors` names by default, whether or not a cohort has it."""


def check_floors(names: Iterable[str], modalities: Sequence[str]) -> None:
    """Refuse floors that are no modality.

    Raises:
        FusionError: naming `evaluation.floors`.
    """
    strangers = [name for name in names if name not in {*modalities, *FLOORS}]
    if strangers:
        raise FusionError(
            f"evaluation.floors: no modality is called {', '.join(strangers)}. Choose from {', '.join(modalities)}."
        )


def check_together(config: Any, trainer: Mapping[str, Any]) -> None:
    """Refuse a network spread over devices where there are none, or where others would take them.

    Raises:
        FusionError: naming `trainer.devices`.
    """
    devices = trainer.get("devices", 1)
    if devices == 1 and not isinstance(devices, bool):
        return
    from fusion.contract.devices import spread_over

    if str(config.get("execution", "local")) != "local":
        raise FusionError(
            f"trainer.devices={devices}: under execution={config.execution} a fold trains on one device. Set "
            "trainer.devices=1; folds run side by side."
        )
    spread_over(trainer, at="trainer.")
    if config.get("workers") != 1:
        raise FusionError(
            f"trainer.devices={devices}: folds side by side would each take all devices (workers={config.workers}). "
            "Set workers=1, or trainer.devices=1, which trains as many folds as there are devices at once."
        )


def check_shares(trainer: Mapping[str, Any], endpoints: Sequence[EndpointSpec]) -> None:
    """Refuse to share out batches whose loss is no mean over patients.

    Raises:
        FusionError: naming `trainer.devices`.
    """
    devices = trainer.get("devices", 1)
    if devices == 1:
        return
    from fusion.evaluation.outcome import outcome_of

    times = [one.name for one in endpoints if outcome_of(one).compares]
    if times:
        raise FusionError(
            f"trainer.devices={devices}: {times[0]!r} is a survival endpoint, whose loss compares all patients of a "
            "batch with one another; it cannot be shared out. Set trainer.devices=1."
        )
    if len(endpoints) > 1:
        raise FusionError(
            f"trainer.devices={devices}: {len(endpoints)} endpoints are trained together, each of other patients, and "
            "are not shared out yet. Set trainer.devices=1, or endpoint to one of them."
        )


def image_modalities(modalities: Mapping[str, Any]) -> list[str]:
    """Those whose table holds hand-crafted features of images."""
    return [name for name, modality in modalities.items() if getattr(modality, "handcrafted", False)]


def check_images(names: Iterable[str], modalities: Mapping[str, Any]) -> None:
    """Refuse the hand-crafted arm where no image is.

    Raises:
        FusionError: no modality measures images.
    """
    if HANDCRAFTED in names and not image_modalities(modalities):
        raise FusionError(
            f"arms: {HANDCRAFTED!r} needs slides or image tiles whose pixels are there; this cohort's modalities are "
            f"{', '.join(modalities)}. Leave it out of arms."
        )


def trained_arms(listed: Sequence[str], endpoint: EndpointSpec) -> list[str]:
    """What `arms` comes to for an endpoint: where a classifier cannot predict it, the arm that stands in for it.

    Raises:
        FusionError: an arm that is of another kind of endpoint.
    """
    from fusion.evaluation.outcome import outcome_of

    found = outcome_of(endpoint).arms(list(listed))
    strangers = [name for name in found if OF_KIND.get(name, endpoint.kind) != endpoint.kind]
    if strangers:
        raise FusionError(
            f"arms: {', '.join(strangers)} predicts {OF_KIND[strangers[0]]} endpoints, and {endpoint.name!r} is "
            f"{endpoint.kind}. Leave it out of arms."
        )
    return found


def make_arms(
    config: Any, modalities: Mapping[str, Any], make_data: Callable[..., Any], endpoint: EndpointSpec
) -> list[Arm]:
    """The arms that are trained. Late fusion and the chosen classical arm are made of their scores afterwards."""
    from hydra.utils import instantiate

    from fusion.arms.chosen import ChosenArm
    from fusion.arms.classical import ClassicalArm
    from fusion.arms.network import NetworkArm
    from fusion.config.candidates import touching

    def network(name: str, seen: Sequence[str]) -> Arm:
        candidates: dict[str, Arm] = {
            number: NetworkArm(
                name, modalities=seen, model=one.model, trainer=one.trainer, make_data=instantiate(one.datamodule)
            )
            for number, one in touching(config, seen).items()
        }
        if candidates:
            return ChosenArm(name, candidates, modalities=seen)
        return NetworkArm(name, modalities=seen, model=config.model, trainer=config.trainer, make_data=make_data)

    listed = trained_arms(config.arms, endpoint)
    arms: list[Arm] = [network("fusion", list(modalities))]
    if "singles" in listed:
        arms += [network(f"only_{name}", [name]) for name in modalities]
    arms += plain_arms(config, listed, list(modalities))
    if HANDCRAFTED in listed:
        images = image_modalities(modalities)
        forest = partial(ClassicalArm, HANDCRAFTED, grid="classical_forest", modalities=images)
        arms.append(as_read(config, HANDCRAFTED, images, forest))
    return arms


def plain_arms(config: Any, listed: Sequence[str], modalities: Sequence[str]) -> list[Arm]:
    """The classical arms that are listed, on all modalities."""
    from fusion.arms.boosting import PLAIN, PlainArm
    from fusion.arms.classical import GRIDS, ClassicalArm

    kinds: dict[str, Callable[[], Arm]] = {name: partial(ClassicalArm, name) for name in GRIDS}
    kinds |= {name: partial(PlainArm, name) for name in PLAIN}
    return [as_read(config, name, modalities, make) for name, make in kinds.items() if name in listed]


def as_read(config: Any, name: str, modalities: Sequence[str], make: Callable[[], Arm]) -> Arm:
    """An arm that chooses, as networks do, between the ways in which candidates of `choose` read what it sees."""
    from fusion.arms.chosen import ChosenArm
    from fusion.config.candidates import readings

    numbers = readings(config, modalities)
    return ChosenArm(name, {number: make() for number in numbers}, modalities=modalities) if numbers else make()
