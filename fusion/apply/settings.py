"""The configuration under which a run is applied: what it learned from the run, where files lie from the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fusion.contract import CohortSpec, FusionError
from fusion.run.bounded import read_json

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from fusion.run.folder import RunFolder

PLACES = (
    "files", "file", "id", "id_pattern", "patient_pattern", "sample_sheet", "mpp", "absent_is", "annotation", "filters",
    "table", "spark", "workers", "max_failed", "sequences", "mask",
)  # fmt: skip
"""Keys of a modality that say where and how patients' files lie; all others come from the run."""

LEARNED = ("label_map",)
"""Keys of a cohort that the run's labels rest on: where the new one leaves them null, they come from the run."""

_VARIANT_READERS = frozenset(
    {"data_modules.modalities.variants.vcf.Variants", "data_modules.modalities.variants.maf.MafVariants"}
)
"""Two formats of the same features: a model of VCFs may read a MAF."""

_ONLY_IF_ASKED = frozenset({"filters"})
"""Of these, what is the run's unless the command line says otherwise: other filters make other features."""


def asked_for() -> list[str]:
    """Keys that the command line sets."""
    from hydra.core.hydra_config import HydraConfig

    overrides = HydraConfig.get().overrides.task
    return [str(one).lstrip("+~").split("=", 1)[0] for one in overrides]


def merge(
    trained: dict[str, Any], config: DictConfig, *, endpoint: str, asked: Sequence[str], secondary: Sequence[str] = ()
) -> tuple[DictConfig, dict[str, str]]:
    """The run's configuration, reading the cohort that `config` names.

    Args:
        trained: the run's configuration.
        config: of the command.
        endpoint: of the run; the cohort's too, where it declares it and the command names no other.
        asked: keys that its command line sets.
        secondary: endpoints that the run was trained for beside it; likewise, whichever of them the cohort declares.

    Returns:
        The configuration, and the run's modalities that the cohort does not declare, each with that reason.

    Raises:
        FusionError: the cohort declares no modality of the run; a key is set that only training can set.
    """
    from omegaconf import OmegaConf

    new: Any = OmegaConf.to_container(config, resolve=True)
    _refuse_learned(asked)
    cohort, modalities = new["cohort"], new["modality"]
    shared = [name for name in trained["modality"] if name in modalities]
    if not shared:
        raise FusionError(
            f"modality: the run was trained on {', '.join(trained['modality'])}; "
            f"cohort {cohort.get('name')!r} declares {', '.join(modalities) or 'none'}."
        )
    modality = _placed(trained["modality"], modalities, shared, asked)
    choose = {
        number: {**one, "modality": _placed(one["modality"], modalities, shared, asked)} if "modality" in one else one
        for number, one in (trained.get("choose") or {}).items()
    }
    if cohort.get("endpoint") is None and endpoint in (cohort.get("endpoints") or {}):
        declared = [one for one in secondary if one in cohort["endpoints"]]
        cohort["endpoint"] = [endpoint, *declared] if declared else endpoint
    for key in LEARNED:
        if key in cohort and cohort[key] is None:
            cohort[key] = trained["cohort"].get(key)
    undeclared = {
        name: f"cohort {cohort.get('name')!r} does not declare it"
        for name in trained["modality"]
        if name not in modalities
    }
    merged = {**trained, "cohort": cohort, "modality": modality, "cache": new["cache"], "spark": new["spark"]}
    merged |= {"choose": choose} if choose else {}
    return OmegaConf.create(on_device(merged, new)), undeclared


def _placed(
    trained: Mapping[str, Any], modalities: Mapping[str, Any], shared: Sequence[str], asked: Sequence[str]
) -> dict[str, Any]:
    """The run's modalities, or a candidate's, reading files where the new cohort says they lie."""
    found = {}
    for name in shared:
        there, here = trained[name], modalities[name]
        other_reader = _other_reader(name, there["_target_"], here["_target_"])
        places = {
            key: value
            for key, value in here.items()
            if key in PLACES
            and (key not in _ONLY_IF_ASKED or other_reader or any(_within(one, name, key) for one in asked))
        }
        found[name] = {**there, **places, "_target_": here["_target_"]}
    return found


def on_device(trained: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The run's configuration for the device and the precision of this command, which are this machine's.

    Args:
        trained: a run's configuration.
        new: `device` and `precision` of the command; a precision of null leaves the run's.
    """
    device = new.get("device") or "auto"

    def embedding(modality: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: {**node, "embed": {**node["embed"], "device": device}} if node.get("embed") else node
            for name, node in modality.items()
        }

    precision = new.get("precision") or trained.get("precision") or 32
    made = {**trained, "device": device, "precision": precision, "modality": embedding(trained["modality"])}
    if trained.get("choose"):
        made["choose"] = {
            number: {**one, "modality": embedding(one["modality"])} if "modality" in one else one
            for number, one in trained["choose"].items()
        }
    return made


def _other_reader(name: str, trained: str, new: str) -> bool:
    """Whether the same modality is read from another format.

    Raises:
        FusionError: it is another kind of modality.
    """
    if trained == new:
        return False
    if not {trained, new} <= _VARIANT_READERS:
        raise FusionError(
            f"modality.{name}: the run was trained on {trained.rpartition('.')[2]}, the cohort declares "
            f"{new.rpartition('.')[2]} ({new}). Declare it the same way, or leave it out with ~modality.{name}."
        )
    return True


def _within(override: str, modality: str, key: str) -> bool:
    at = f"modality.{modality}.{key}"
    return override == at or override.startswith(f"{at}.")


def _refuse_learned(asked: Sequence[str]) -> None:
    """Settings of the model and of its features cannot change after training.

    Raises:
        FusionError: naming the key and what may be set.
    """
    for key in asked:
        parts = key.split(".")
        learned = parts[0] in ("model", "datamodule", "trainer") or (
            parts[0] == "modality" and len(parts) > 2 and parts[2] not in PLACES
        )
        if learned and "@" not in key:
            raise FusionError(
                f"{key}: comes from the run, for its models were trained so. Of a modality, set where its files lie: "
                f"{', '.join(PLACES)}."
            )


def chosen(known: Sequence[str], asked: Sequence[str] | None) -> list[str]:
    """Patients to score: those asked for, or all.

    Raises:
        FusionError: the cohort lacks one that was asked for, or none was.
    """
    if asked is None:
        return list(known)
    wanted = list(dict.fromkeys(str(one) for one in asked))
    strangers = [one for one in wanted if one not in set(known)]
    if strangers or not wanted:
        what = f"{', '.join(strangers[:3])} not among" if strangers else "none asked for of"
        raise FusionError(f"patients: {what} the cohort's {len(known)} patients ({', '.join(known[:3])}, …).")
    return wanted


def refuse_arm(folder: RunFolder, arm: str, have: Sequence[str]) -> None:
    """The run must keep the arm, and the cohort have something that it reads.

    Raises:
        FusionError: naming the arms there are, or what the arm reads.
    """
    found = sorted(folder.path.glob("models/*/*/arm.json"))
    kept = {path.parent.name for path in found}
    if arm not in kept:
        raise FusionError(f"arm: the run keeps no arm {arm!r}; there are {', '.join(sorted(kept)) or 'none'}.")
    first = next(path for path in found if path.parent.name == arm)
    reads = read_json(first).get("modalities")  # classical models read all of them
    if reads is not None and not set(reads) & set(have):
        raise FusionError(f"arm: {arm!r} reads {', '.join(reads)}, of which the cohort has no file.")


def refuse_other_build(trained: CohortSpec, new: CohortSpec) -> None:
    """Genome builds must agree, for variants are matched by position.

    Raises:
        FusionError: naming both builds.
    """
    if trained.build != new.build and None not in (trained.build, new.build):
        raise FusionError(
            f"cohort.build: the run was trained on {trained.build}, cohort {new.name!r} is {new.build}. "
            "Lift its variants over first, or choose a run of that build."
        )
