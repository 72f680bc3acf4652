"""Modalities as a run fitted them, restored for an arm: as the candidate of `choose` reads them that its fold chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.arms.base import secondary_place
from fusion.arms.chosen import MODALITIES
from fusion.contract import FittedModality, FusionError, Modality
from fusion.run.bounded import plain_name, read_json
from fusion.run.state import load_state

if TYPE_CHECKING:
    from fusion.protocol.setup import Setup


def as_read(
    modalities: Mapping[str, Modality],
    readings: Mapping[str, Mapping[str, Modality]] | None,
    kept: Mapping[str, Any],
) -> Mapping[str, Modality]:
    """The modalities as the candidate reads them that the arm's fold chose.

    Args:
        modalities: as the run itself reads them.
        readings: number of a candidate → its own, where it reads otherwise.
        kept: arm.json of the arm in that fold.
    """
    return (readings or {}).get(str(kept.get("candidate")), modalities)


def needed(config: dict[str, Any], models: Iterable[Path]) -> dict[str, Any]:
    """A run's configuration without the modalities of candidates that no arm of any fold chose: nobody reads these.

    Args:
        config: of the run, plain containers.
        models: ``models/<fold>`` of each fold.
    """
    if not config.get("choose"):
        return config
    used = {str(read_json(one / "arm.json").get("candidate")) for folder in models for one in arm_folders(folder)}
    choose = {
        number: one if str(number) in used else {key: node for key, node in one.items() if key != "modality"}
        for number, one in config["choose"].items()
    }
    return {**config, "choose": choose}


def arm_folders(folder: Path) -> Iterator[Path]:
    """Folders of a fold's arms, of the primary endpoint and of those beside it.

    Args:
        folder: ``models/<fold>`` of the run.
    """
    for pattern in ("*/arm.json", f"{secondary_place('*')}/*/arm.json"):
        yield from (file.parent for file in sorted(folder.glob(pattern)))


def kept_states(models: Iterable[Path], setup: Setup) -> Iterator[tuple[Path, Mapping[str, Modality]]]:
    """Folders of the members' fitted modalities, of folds and of arms that read otherwise, and what each holds."""
    for folder in models:
        for path in sorted((folder / MODALITIES).glob("member*")):
            yield path, setup.modalities
        for path in (path for arm in arm_folders(folder) for path in sorted(arm.glob(f"{MODALITIES}/member*"))):
            modalities = as_read(setup.modalities, setup.readings, read_json(path.parent.parent / "arm.json"))
            yield path, {name: one for name, one in modalities.items() if (path / f"{name}.json").is_file()}


def refuse_lacking(models: Iterable[Path], setup: Setup) -> None:
    """Before the long work: tables that lack columns which a model reads.

    Raises:
        FusionError: they do.
    """
    for folder, modalities in kept_states(models, setup):
        for name, modality in modalities.items():
            lacks = getattr(modality, "lacks", None)  # only of what reads no result of ingest
            if lacks is not None and (folder / f"{plain_name(name, where='modality')}.json").is_file():
                why = lacks(load_state(folder, name))
                if why is not None:
                    raise FusionError(why)


def restored(
    folder: Path, arm: str, part: str, names: Iterable[str], modalities: Mapping[str, Modality]
) -> dict[str, FittedModality]:
    """Modalities as they were fitted for an arm: what its candidate reads otherwise lies in the arm's own folder.

    Args:
        folder: ``models/<fold>`` of the run.
        arm: its name.
        part: ``whole`` or ``member<number>``.
        names: of modalities.
        modalities: `as_read` for the arm.

    Raises:
        FusionError: what was kept cannot be read.
    """
    return {name: modalities[name].restore(load_state(_place(folder, arm, part, name), name)) for name in names}


def _place(folder: Path, arm: str, part: str, name: str) -> Path:
    own = folder / arm / MODALITIES / part
    return own if (own / f"{plain_name(name, where='modality')}.json").is_file() else folder / MODALITIES / part
