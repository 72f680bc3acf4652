"""The fused network and its single-modality ablations: an ensemble of one member per inner fold.

A member is the mean of `trainer.seeds` networks. Each trains on the training part of an inner fold, with modalities
fitted on that part, and stops early on the other part. It starts from a plain model's logits and learns what to add to
them (`fusion.arms.start`); of that the fold's gate keeps as much as training patients support whom neither saw
(`fusion.plain.gate`). So every training patient gets a logit from a member that did not train on that patient. A test
patient's score is the calibrated mean of the members' logits; its calibration is learned from the training patients'
logits, see `fusion.arms.base.calibrate_ensemble`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.arms.base import BASE, ArmScores, Change, Fitted, FoldData, Members, Table, calibrate_ensemble, table
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
from fusion.arms.start import base_arm, gate_of, gate_record, plain_again, plain_start, unseen_of
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
        test = list(data.fold.test)
        device = device_of(self._trainer, at="trainer.")
        start = plain_start(data, self.modalities, self._model)
        train_logits, test_logits, best_epochs, curves = [], [], [], []
        scorers: list[Callable[[Change], NDArray[np.float64]]] = []
        seen: dict[str, Any] = {}
        others = [one.endpoint for one in data.secondary.values()]
        beside: dict[str, list[Both]] = {one.name: [] for one in others}
        starts = secondary_starts(data, self.modalities, self._model)
        for member, inner in enumerate(data.fold.inner):
            fitted = {name: data.members[member][name] for name in self.modalities}
            specs = {name: part.spec for name, part in fitted.items()}
            alone = data.alone[member] if others else ()
            networks: list[Trained] = []
            for again in range(self._seeds):
                seed = data.member_seed(member, again)
                model = build_model(
                    self._model, specs, data.endpoint, seed=seed, adds=start is not None, secondary=others,
                    secondary_adds=starts,
                )  # fmt: skip
                make = partial(
                    self._make_data,
                    train_ids=[*inner.train, *alone],
                    val_ids=list(inner.val),
                    labels=data.labels,
                    seed=seed,
                    **({} if data.times is None else {"times": followed(data.times, data.entry)}),
                    **({} if start is None else {"offsets": without_offset(start.offsets[member], alone)}),
                    **({"secondary": started(data.secondary, starts, member)} if others else {}),
                )
                loaders = make(fitted=fitted)
                seen = seen or loaders.sampling()
                number = again * len(data.fold.inner) + member
                trained = self._trained(model, loaders, data, number, seed, device)
                best_epochs.append(trained.best_epoch)
                curves += [{"member": number, **row} for row in trained.curves]
                networks.append(trained)
                scorers.append(partial(_scored_again, model, make, fitted, test, device))
                if folder is not None:
                    name = f"member{member}_seed{again}" if again else f"member{member}"
                    save_weights(model, folder / f"{name}.safetensors", secondary=False)
                    if others:
                        save_weights(model, folder / f"secondary_{name}.safetensors", secondary=True)
                    save_json(folder / f"{name}.json", {name: asdict(spec) for name, spec in specs.items()})
                step()
            train_logits.append(np.stack([one.train for one in networks]).mean(axis=0))
            test_logits.append(np.stack([one.test for one in networks]).mean(axis=0))
            for name, several in beside.items():
                several.append(mean_of([one.secondary[name] for one in networks]))
        logits = Members(train=np.stack(train_logits), unseen=unseen_of(data.fold), test=np.stack(test_logits))
        state: dict[str, Any] = {"modalities": self.modalities, "sampling": seen}
        base = gate = None
        if start is not None:
            gate = gate_record(gate_of(start, logits, data, self._model), best_epochs, start.whole)
            base, state[BASE] = base_arm(start, logits.unseen, data)
            logits = start.with_added(logits, gate.value)
            state["gate"] = asdict(gate)
            if folder is not None:
                save_base(folder, start.whole)
        calibration = calibrate_ensemble(logits, data)
        assert calibration.single is not None
        found = {
            name: secondary_scores(self.name, data, name, both, start=starts.get(name), model=self._model)
            for name, both in beside.items()
        }
        if found:
            state["secondary"] = {name: kept for name, (_, kept) in found.items()}
        if folder is not None:
            for name, plain in starts.items():
                save_base(folder, plain.whole, name=state["secondary"][name]["base"])
            save_json(folder / "arm.json", {**state, "calibration": calibration.state()})
        kept = 1.0 if gate is None else gate.value

        def changed(change: Change) -> Table:
            # Where the gate is shut, networks say nothing that counts.
            added = np.stack([scored(change) for scored in scorers]).mean(axis=0) if kept else 0.0
            plain = 0.0 if start is None else plain_again(start, data, change)
            return table(calibration.calibrator(plain + kept * added), test)

        return ArmScores(
            arm=self.name,
            inner=calibration.inner,
            test=table(calibration.calibrator(logits.test.mean(axis=0)), test),
            threshold=calibration.threshold,
            curves=curves,
            members=logits.map(calibration.single),
            base=base,
            gate=gate,
            again=changed,
            secondary={name: scores for name, (scores, _) in found.items()},
        )

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
