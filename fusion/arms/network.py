"""The fused network and its single-modality ablations: an ensemble of one member per inner fold.

A member is the mean of `trainer.seeds` networks. Each trains on the training part of an inner fold, with modalities
fitted on that part, and stops early on the other part. It starts from a plain model's logits and learns what to add to
them (`fusion.arms.start`); of that the fold's gate keeps as much as training patients support whom neither saw
(`fusion.plain.gate`). So every training patient gets a logit from a member that did not train on that patient. A test
patient's score is the calibrated mean of the members' logits; its calibration is learned from the training patients'
logits, see `fusion.arms.base.calibrate_ensemble`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.arms.base import (
    BASE,
    ArmScores,
    Calibration,
    Change,
    Fitted,
    FoldData,
    Members,
    Table,
    calibrate_ensemble,
    table,
)
from fusion.arms.finished import Finished, Trained, key_of
from fusion.arms.secondary import (
    Both,
    mean_of,
    others_of,
    secondary_scores,
    secondary_starts,
    started,
    without_offset,
)
from fusion.arms.start import Start, base_arm, gate_of, gate_record, plain_again, plain_start, unseen_of
from fusion.contract import ModalitySpec
from fusion.contract.devices import Device, device_of
from fusion.contract.secondary import followed
from fusion.network.fitting import PRIMARY, predict_endpoints, predict_scores, save_weights
from fusion.network.model import FusionModel, build_model
from fusion.network.together import fit_on_devices
from fusion.plain.base import save_base
from fusion.run.state import save_json


class NetworkArm:
    """Encoders → fuser → head over the modalities named.

    Args:
        name: ``fusion`` or ``only_<modality>``.
        modalities: what it sees.
        model: the `model` config node.
        trainer: the `trainer` config node.
        make_data: builds the data module of a member (Hydra partial of ``data_modules.batches.datamodule``).
    """

    def __init__(
        self, name: str, *, modalities: Sequence[str], model: Any, trainer: Any, make_data: Callable[..., Any]
    ) -> None:
        self.name = name
        self.modalities = tuple(modalities)
        self._model = model
        self._trainer = trainer
        self._make_data = make_data
        self._seeds = int(trainer.get("seeds", 1))

    def units(self, inner_folds: int) -> int:
        """Steps of work it reports for a fold: one a network."""
        return inner_folds * self._seeds

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """Train one member an inner fold, calibrate on training patients, score the test patients."""
        plain = _Plain(
            start=plain_start(data, self.modalities, self._model),
            secondary=secondary_starts(data, self.modalities, self._model),
        )
        members, sampling = self._members(data, plain, folder, step)
        state: dict[str, Any] = {"modalities": self.modalities, "sampling": sampling}
        train, test = (np.stack(part) for part in zip(*(one.logits for one in members), strict=True))
        logits = Members(train=train, unseen=unseen_of(data.fold), test=test)
        start, base, gate = plain.start, None, None
        if start is not None:
            best_epochs = [one.best_epoch for member in members for one in member.networks]
            gate = gate_record(gate_of(start, logits, data, self._model), best_epochs, start.whole)
            base, state[BASE] = base_arm(start, logits.unseen, data)
            logits = start.with_added(logits, gate.value)
            state["gate"] = asdict(gate)
        calibration = calibrate_ensemble(logits, data)
        assert calibration.single is not None
        found = {
            name: secondary_scores(
                self.name, data, name, [one.secondary(name) for one in members], start=plain.secondary.get(name),
                model=self._model,
            )
            for name in data.secondary
        }  # fmt: skip
        if found:
            state["secondary"] = {name: kept for name, (_, kept) in found.items()}
        if folder is not None:
            _save_arm(folder, plain, {**state, "calibration": calibration.state()})
        return ArmScores(
            arm=self.name,
            inner=calibration.inner,
            test=table(calibration.calibrator(logits.test.mean(axis=0)), data.fold.test),
            threshold=calibration.threshold,
            curves=[row for member in members for row in member.curves],
            members=logits.map(calibration.single),
            base=base,
            gate=gate,
            again=partial(_changed, data, start, members, calibration, 1.0 if gate is None else gate.value),
            secondary={name: scores for name, (scores, _) in found.items()},
        )

    def _members(
        self, data: FoldData, plain: _Plain, folder: Path | None, step: Callable[[], None]
    ) -> tuple[list[_Member], dict[str, Any]]:
        """A member an inner fold, of `trainer.seeds` networks each; and what an epoch sees of bags."""
        device = device_of(self._trainer, at="trainer.")
        others = [one.endpoint for one in data.secondary.values()]
        sampling: dict[str, Any] = {}
        members = []
        for number, inner in enumerate(data.fold.inner):
            fitted = {name: data.members[number][name] for name in self.modalities}
            specs = {name: part.spec for name, part in fitted.items()}
            member = _Member()
            for again in range(self._seeds):
                seed = data.member_seed(number, again)
                model = build_model(
                    self._model, specs, data.endpoint, seed=seed, adds=plain.start is not None, secondary=others,
                    secondary_adds=plain.secondary,
                )  # fmt: skip
                make = partial(
                    self._make_data, val_ids=list(inner.val), labels=data.labels, seed=seed,
                    **_learned_from(data, plain, number),
                )  # fmt: skip
                loaders = make(fitted=fitted)
                sampling = sampling or loaders.sampling()
                place = again * len(data.fold.inner) + number
                trained = self._trained(model, loaders, data, place, seed, device)
                member.networks.append(trained)
                member.curves.extend({"member": place, **row} for row in trained.curves)
                member.again.append(partial(_scored_again, model, make, fitted, list(data.fold.test), device))
                if folder is not None:
                    name = f"member{number}_seed{again}" if again else f"member{number}"
                    _save_network(folder, name, model, specs)
                step()
            members.append(member)
        return members, sampling

    def _trained(
        self, model: FusionModel, loaders: Any, data: FoldData, member: int, seed: int, device: Device
    ) -> Trained:
        """Train a member, or take up what an interrupted fold had trained; `model` has its weights."""
        told = None if data.epoch is None else partial(data.epoch, self.name, member)
        finished = Finished(data.unfinished)
        settings = getattr(self._make_data, "keywords", {})
        key = key_of(
            arm=self.name, sees=self.modalities, model=self._model, trainer=self._trainer, data=dict(settings),
            fold=asdict(data.fold), member=member, seed=seed,
            **others_of(data),
        )  # fmt: skip
        trained = finished.load(key, model, list(data.secondary))
        if trained is not None:
            if told is not None:
                for row in trained.curves:
                    told(row)
            return trained
        result = fit_on_devices(model, loaders, self._trainer, seed=seed, on_epoch=told)
        train = predict_endpoints(model, loaders.predict_loader(list(data.fold.train)), device=device)
        test = predict_endpoints(model, loaders.predict_loader(list(data.fold.test)), device=device)
        trained = Trained(
            best_epoch=result.best_epoch,
            curves=result.curves,
            train=train[PRIMARY],
            test=test[PRIMARY],
            secondary={name: (train[name], test[name]) for name in data.secondary},
        )
        finished.save(key, model, trained)
        return trained


@dataclass(frozen=True, kw_only=True)
class _Plain:
    """Plain models that networks start from: of the primary endpoint, None for nothing, and of secondary ones."""

    start: Start | None
    secondary: Mapping[str, Start]


@dataclass(frozen=True)
class _Member:
    """The networks of an inner fold, their curves, and how each scores test patients that are changed."""

    networks: list[Trained] = field(default_factory=list)
    curves: list[dict[str, float]] = field(default_factory=list)
    again: list[Callable[[Change], NDArray[np.float64]]] = field(default_factory=list)

    @property
    def logits(self) -> Both:
        """Of the primary endpoint, the mean of the networks."""
        return mean_of([(one.train, one.test) for one in self.networks])

    def secondary(self, name: str) -> Both:
        """Of a secondary endpoint."""
        return mean_of([one.secondary[name] for one in self.networks])


def _learned_from(data: FoldData, plain: _Plain, member: int) -> dict[str, Any]:
    """Whom a member's networks train on, and what of: times, what plain models said, secondary endpoints."""
    alone = data.alone[member] if data.secondary else ()
    given: dict[str, Any] = {"train_ids": [*data.fold.inner[member].train, *alone]}
    if data.times is not None:
        given["times"] = followed(data.times, data.entry)
    if plain.start is not None:
        given["offsets"] = without_offset(plain.start.offsets[member], alone)
    if data.secondary:
        given["secondary"] = started(data.secondary, plain.secondary, member)
    return given


def _changed(
    data: FoldData, start: Start | None, members: Sequence[_Member], calibration: Calibration, kept: float,
    change: Change,
) -> Table:  # fmt: skip
    """The arm's scores of test patients whose modalities are as `change` makes them."""
    # Where the gate is shut, networks say nothing that counts.
    scorers = [scored for member in members for scored in member.again]
    added = np.stack([scored(change) for scored in scorers]).mean(axis=0) if kept else 0.0
    plain = 0.0 if start is None else plain_again(start, data, change)
    return table(calibration.calibrator(plain + kept * added), data.fold.test)


def _save_network(folder: Path, name: str, model: FusionModel, specs: Mapping[str, ModalitySpec]) -> None:
    save_weights(model, folder / f"{name}.safetensors", secondary=False)
    if model.secondary is not None:
        save_weights(model, folder / f"secondary_{name}.safetensors", secondary=True)
    save_json(folder / f"{name}.json", {name: asdict(spec) for name, spec in specs.items()})


def _save_arm(folder: Path, plain: _Plain, state: Mapping[str, Any]) -> None:
    if plain.start is not None:
        save_base(folder, plain.start.whole)
    for name, start in plain.secondary.items():
        save_base(folder, start.whole, name=state["secondary"][name]["base"])
    save_json(folder / "arm.json", dict(state))


def _scored_again(
    model: FusionModel,
    make: Callable[..., Any],
    fitted: Fitted,
    patients: Sequence[str],
    device: Device,
    change: Change,
) -> NDArray[np.float64]:
    """What a member adds for patients whose modalities are as `change` makes them."""
    changed = {name: change(name, part) for name, part in fitted.items()}
    return predict_scores(model, make(fitted=changed).predict_loader(patients), device=device)
