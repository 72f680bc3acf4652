"""A trained run, opened again: its members as they were, restored without pickle, reading any cohort's files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from fusion.apply.lacking import Lacking
from fusion.apply.states import as_read, restored
from fusion.arms.base import MEAN_LOGIT
from fusion.arms.classical import features
from fusion.config.candidates import candidate
from fusion.contract import Bend, EndpointSpec, FeatureSpec, FittedModality, FusionError, Modality, ModalitySpec
from fusion.contract.devices import CPU, Device
from fusion.evaluation.outcome import Calibrator, outcome_of
from fusion.network.fitting import PRIMARY, load_weights, predict_endpoints
from fusion.network.model import FusionModel, build_model
from fusion.plain.base import Plain, load_base
from fusion.run.bounded import plain_name, read_json

if TYPE_CHECKING:
    import pandas as pd

_HEADER = 1 << 20
"""Bytes by which a model may exceed its file: buffers that are not kept."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of one fold with the modalities it was trained on; those of one index are one member.

    Attributes:
        fold: the fold's name.
        index: of the inner fold it left out.
        model: in evaluation mode.
        fitted: modality → as fitted on the member's training patients.
        calibrator: logits → calibrated probabilities, learned in its fold.
        averages_logits: whether the fold's score is the calibrated mean of its members' logits; else, in runs of
            earlier versions, the mean of their calibrated scores.
        single: the calibrator of one member, which late fusion takes; None where none is needed.
        gate: what its network's logit is multiplied by.
        base: the plain model to whose logit that is added, and
        base_fitted: modality → as fitted on all training patients of the fold, whose columns it reads; None and empty
            where the arm starts from nothing.
        secondary: endpoint trained beside the primary one → the member as of that one: its head, calibration, gate and
            plain model.
    """

    fold: str
    index: int
    model: FusionModel
    fitted: Mapping[str, FittedModality]
    calibrator: Calibrator
    averages_logits: bool = True
    single: Calibrator | None = None
    gate: float = 1.0
    base: Plain | None = None
    base_fitted: Mapping[str, FittedModality] = field(default_factory=dict)
    secondary: Mapping[str, Member] = field(default_factory=dict)

    def plain(self, patient_ids: Sequence[str]) -> NDArray[np.float64] | float:
        """Logits of the plain model, ``(patient,)`` or ``(patient, class)``; 0 where there is none."""
        return 0.0 if self.base is None else self.base.logits(features(self.base_fitted, patient_ids))


def spec_from_json(content: Mapping[str, Any]) -> ModalitySpec:
    """The inverse of `dataclasses.asdict` for a `ModalitySpec` that went through JSON."""
    return ModalitySpec(
        name=content["name"],
        kind=content["kind"],
        token_shape=tuple(content["token_shape"]),
        features=tuple(
            FeatureSpec(**{**feature, "bend": feature.get("bend") and Bend(**feature["bend"])})
            for feature in content["features"]
        ),
        # Runs from before volumes have neither.
        sequences=tuple(content.get("sequences", ())),
        grid=tuple(content.get("grid", ())),
    )


def load_members(
    folder: Path,
    fold: str,
    *,
    arm: str,
    config: Any,
    endpoint: EndpointSpec,
    modalities: Mapping[str, Modality],
    secondary: Sequence[EndpointSpec] = (),
    readings: Mapping[str, Mapping[str, Modality]] | None = None,
) -> Iterator[Member]:
    """The members of one arm in one fold, one at a time.

    Args:
        folder: ``models/<fold>`` of the run.
        fold: its name.
        arm: ``fusion`` or ``only_<modality>``.
        config: the run's configuration.
        endpoint: the run's endpoint.
        modalities: bound to the cohort that is to be read; what they learned comes from the run. Nobody has one that
            is not here.
        secondary: endpoints trained beside it, all or none of them.
        readings: number of a candidate of `choose` → the same as that candidate reads them, where otherwise.

    Raises:
        FusionError: the run kept no such arm, a file of it cannot be read, or the cohort has nothing that it reads.
    """
    try:
        kept = read_json(folder / plain_name(arm, where="arm") / "arm.json")
    except OSError as error:
        arms = sorted(path.parent.name for path in folder.glob("*/member0.safetensors"))
        raise FusionError(f"{folder}: keeps no network arm {arm!r}; there are {', '.join(arms) or 'none'}.") from error
    modalities = as_read(modalities, readings, kept)
    whole = partial(restored, folder, arm, "whole")
    own = _kept_beside(kept, endpoint, load_base(folder / arm), modalities, whole)
    others: dict[str, dict[str, Any]] = {}
    for one in secondary:
        mine = _of_secondary(kept, one, folder / arm)
        # In runs of earlier versions they start from nothing.
        start = load_base(folder / arm, name=mine["base"]) if "base" in mine else None
        others[one.name] = _kept_beside(mine, one, start, modalities, whole)
    for path in sorted((folder / arm).glob("member*.safetensors")):
        index = int(path.stem.removeprefix("member").partition("_")[0])
        specs = {name: spec_from_json(content) for name, content in read_json(path.with_suffix(".json")).items()}
        if not set(specs) & set(modalities):
            raise FusionError(f"arm: {arm!r} reads {', '.join(specs)}, of which the cohort has no file.")
        plain = _without_pretraining(as_chosen(config, kept).model)
        _refuse_large(partial(build_model, plain, specs, endpoint, seed=0), path)
        model = build_model(plain, specs, endpoint, seed=0, secondary=secondary)
        load_weights(model, path, *([path.with_name(f"secondary_{path.name}")] if secondary else []))
        model.eval()
        there = restored(folder, arm, f"member{index}", [name for name in specs if name in modalities], modalities)
        fitted = {name: there[name] if name in there else Lacking(spec=spec) for name, spec in specs.items()}
        yield Member(
            fold=fold, index=index, model=model, fitted=fitted, **own,
            secondary={
                name: Member(fold=fold, index=index, model=model.seen_as(name), fitted=fitted, **found)
                for name, found in others.items()
            },
        )  # fmt: skip


def _kept_beside(
    kept: Mapping[str, Any],
    endpoint: EndpointSpec,
    base: Plain | None,
    modalities: Mapping[str, Modality],
    whole: Callable[[Sequence[str], Mapping[str, Modality]], dict[str, FittedModality]],
) -> dict[str, Any]:
    """What a fold keeps of an endpoint beside its networks: arguments of `Member`.

    Args:
        kept: of arm.json, what is of the endpoint.
        endpoint: of the run.
        base: its plain model.
        modalities: of the cohort that is read.
        whole: names and modalities → these as fitted on all training patients.
    """
    stored, outcome = kept["calibration"], outcome_of(endpoint)
    reads = () if base is None else base.modalities
    return {
        "calibrator": outcome.restore_calibrator(stored),
        "averages_logits": stored.get("of") == MEAN_LOGIT,
        "single": outcome.restore_calibrator(stored.get("member", stored)),
        "gate": float(kept.get("gate", {}).get("value", 1.0)),
        "base": base,
        "base_fitted": whole([name for name in reads if name in modalities], modalities),
    }


def _of_secondary(kept: Mapping[str, Any], endpoint: EndpointSpec, folder: Path) -> Mapping[str, Any]:
    """What arm.json holds of a secondary endpoint.

    Raises:
        FusionError: nothing.
    """
    found: Mapping[str, Any] | None = (kept.get("secondary") or {}).get(endpoint.name)
    if found is None:
        raise FusionError(
            f"{folder / 'arm.json'}: keeps nothing of endpoint {endpoint.name!r}. Restore it from the run."
        )
    return found


def as_chosen(config: Any, kept: Mapping[str, Any]) -> Any:
    """The configuration of the candidate that the arm's fold chose; the run's own where nothing was chosen.

    Args:
        config: of the run.
        kept: arm.json of the arm in that fold.

    Raises:
        FusionError: the run has no such candidate.
    """
    number = kept.get("candidate")
    return config if number is None else candidate(config, str(number))


def _refuse_large(build: Callable[[], FusionModel], weights: Path) -> None:
    """A configuration may name any width: what it describes must be what the weights' file holds.

    Raises:
        FusionError: the model would need more memory than its weights take on the disk.
    """
    import torch

    try:
        with torch.device("meta"):  # shapes without memory
            described = sum(part.numel() * part.element_size() for part in build().state_dict().values())
    except (NotImplementedError, RuntimeError):
        return  # a part that computes while it is built; loading compares its weights' shapes
    held = weights.stat().st_size
    if described > held + _HEADER:
        raise FusionError(
            f"{weights}: has {held / 1e6:.1f} MB of weights, and config.yaml describes a model of "
            f"{described / 1e6:.1f} MB. The run folder was altered; restore it."
        )


def _without_pretraining(model: Any) -> Any:
    """The model's node without the weights that training began with: the run keeps those it ended with."""
    made = OmegaConf.create(OmegaConf.to_container(model, resolve=True) if OmegaConf.is_config(model) else dict(model))
    for encoder in made.encoders.values():
        if "weights" in encoder:
            encoder.weights = None
    return made


def member_logits(
    members: Sequence[Member], patient_ids: Sequence[str], make_data: Callable[..., Any], *, device: Device = CPU
) -> NDArray[np.float64]:
    """Logits of the primary endpoint, ``(member, patient)`` or ``(member, patient, class)``; see `endpoint_logits`."""
    return endpoint_logits(members, patient_ids, make_data, device=device)[PRIMARY]


def endpoint_logits(
    members: Sequence[Member], patient_ids: Sequence[str], make_data: Callable[..., Any], *, device: Device = CPU
) -> dict[str, NDArray[np.float64]]:
    """`PRIMARY` and every secondary endpoint that members were loaded with → logits by every member of a fold.

    Networks of one index, which differ by their seed, are one member: their mean. They speak once for all endpoints.
    """
    import pandas as pd

    unknown: pd.Series[int] = pd.Series(-1, index=list(patient_ids))
    added: dict[str, dict[int, list[NDArray[np.float64]]]] = defaultdict(lambda: defaultdict(list))
    for member in members:
        data = make_data(fitted=member.fitted, train_ids=[], val_ids=[], labels=unknown, seed=0)
        told = predict_endpoints(member.model, data.predict_loader(list(patient_ids)), device=device)
        for name, logits in told.items():
            added[name][member.index].append(logits)
    found = {}
    for name, of_members in added.items():
        # Members of a fold start from one plain model.
        first = members[0] if name == PRIMARY else members[0].secondary[name]
        plain = first.plain(patient_ids)
        found[name] = np.stack([plain + first.gate * np.stack(one).mean(axis=0) for one in of_members.values()])
    return found


def score(members: Sequence[Member], logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Calibrated scores by one fold's ensemble, ``(patient,)`` or ``(patient, class)``.

    The same sum in the same order as in training, so that out-of-fold scores come out equal to the last bit.

    Args:
        members: of the fold.
        logits: their `member_logits`.
    """
    calibrator = members[0].calibrator
    if members[0].averages_logits:
        return np.asarray(calibrator(np.mean(logits, axis=0)), dtype=np.float64)
    return np.asarray(np.mean([calibrator(part) for part in logits], axis=0), dtype=np.float64)
