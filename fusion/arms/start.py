"""Where a network arm starts: plain models of the same columns, one a member and one of the whole training part."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.arms.base import BASE, ArmScores, Change, FoldData, GateRecord, Members, Table, calibrate_ensemble, table
from fusion.arms.classical import features
from fusion.contract import Fold, Truth
from fusion.network.model import label_weights
from fusion.plain.base import Base, Plain, fit_base
from fusion.plain.families import family_of
from fusion.plain.gate import SEARCHED, Gate, fit_gate
from fusion.plain.once import Once

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Start:
    """Plain models of one arm in one fold.

    Attributes:
        offsets: of each member: the logits that it adds to, of its training patients by models that did not see
            their label, of its validation patients by its plain model; index patient_id.
        train: ``(member, patient)`` or ``(member, patient, class)`` logits of each member's plain model, in the order
            of `fold.train`.
        whole: the plain model fitted on all of `fold.train`, to which test and new patients' scores add.
        test: its logits of `fold.test`.
        modalities: whose columns the plain models are given.
    """

    offsets: Sequence[Table]
    train: Floats
    whole: Plain
    test: Floats
    modalities: tuple[str, ...]

    def with_added(self, added: Members, gate: float) -> Members:
        """The plain logits plus `gate` times what the networks add."""
        test = self.test[None] + gate * added.test
        return Members(train=self.train + gate * added.train, unseen=added.unseen, test=test)


def plain_start(data: FoldData, modalities: Sequence[str], model: Any) -> Start | None:
    """Fit the plain models that the `model` config node asks for; None where it asks for none.

    Tables and variants give their columns; slides and volumes what their table holds, pooled over tiles and patches.

    Args:
        data: the fold; no test patient's row is looked at before all is fitted.
        modalities: that the arm sees.
        model: the node, of which `base` and the head's class weights are read.
    """
    kind = str(model.get("base", "none"))
    if kind == "none":
        return None
    return plain_models(data, list(modalities), kind, weigh=partial(weights_of, model, data))


def plain_models(
    data: FoldData,
    modalities: Sequence[str],
    kind: str,
    *,
    weigh: Callable[[Truth], Floats] | None = None,
    alone: Sequence[Sequence[str]] | None = None,
) -> Start:
    """Plain models of one kind: one a member, one of the whole training part.

    Args:
        data: the fold.
        modalities: whose columns are seen.
        kind: see `fusion.plain.base.fit_base`.
        weigh: outcomes → what each patient counts; None weighs all alike.
        alone: of each member, patients of no fold on whom its plain model and that of the whole part are fitted too.
    """
    more = [list(one) for one in alone or [()] * len(data.fold.inner)]

    def fit(fitted: Any, patients: Sequence[str], seed: int) -> Base:
        truth = data.whole_truth(patients)
        return fit_base(
            kind,
            _rows(fitted, modalities, patients),
            truth,
            classes=len(data.endpoint.classes),
            weights=None if weigh is None else weigh(truth),
            groups=groups_of(data, patients),
            seed=seed,
            # The same columns of the same patients: an arm that has them all starts from what another arm is.
            family=Once(
                family_of(data.endpoint),
                data.memory,
                (tuple(patients), *((name, id(fitted[name])) for name in modalities)),
            ),
            treatments=[name for name in data.treatments if name in modalities],
        )

    train, offsets, by_member = list(data.fold.train), [], []
    for member, (fitted, inner) in enumerate(zip(data.members, data.fold.inner, strict=True)):
        learners = [*inner.train, *more[member]]
        base = fit(fitted, learners, data.member_seed(member))
        logits = table(base.model.logits(_rows(fitted, modalities, train)), train)
        by_member.append(logits.to_numpy())
        offsets.append(pd.concat([table(base.held_out, learners), logits.loc[list(inner.val)]]))
    # Who may not train one member, for a patient whom it validates, trains another.
    whole = fit(data.whole, [*train, *sorted(set().union(*more))], data.seed).model
    test = whole.logits(_rows(data.whole, modalities, data.fold.test))
    return Start(offsets=offsets, train=np.stack(by_member), whole=whole, test=test, modalities=tuple(modalities))


def plain_again(start: Start, data: FoldData, change: Change) -> Floats:
    """The plain model's logits of `fold.test` with modalities changed."""
    changed = {name: change(name, data.whole[name]) for name in start.modalities}
    return start.whole.logits(_rows(changed, start.modalities, data.fold.test))


def base_arm(
    start: Start, unseen: NDArray[np.bool_], data: FoldData, *, name: str = BASE
) -> tuple[ArmScores, dict[str, Any]]:
    """The plain model as an arm of its own, calibrated as what adds to it is; and what `predict` must know of it.

    Args:
        start: the plain models.
        unseen: ``(member, patient)``: whom of `fold.train` a member does not train on.
        data: the fold.
        name: of the arm.
    """
    members = Members(train=start.train, unseen=unseen, test=np.stack([start.test] * len(start.train)))
    calibration = calibrate_ensemble(members, data)
    test = table(calibration.calibrator(start.test), data.fold.test)

    def again(change: Change) -> Table:
        return table(calibration.calibrator(plain_again(start, data, change)), data.fold.test)

    scores = ArmScores(
        arm=name, inner=calibration.inner, test=test, threshold=calibration.threshold, again=again
    )  # fmt: skip
    return scores, {"modalities": start.whole.modalities, "calibration": calibration.state()}


def gate_of(start: Start, added: Members, data: FoldData, model: Any) -> Gate:
    """How much of `added` is kept, by training patients whom neither the plain model nor the network saw.

    They chose the epoch at which the network stopped, though, so that it must be clear of twice the error. On generated
    cohorts of 150 patients one error let in noise that cost up to 0.06 of AUROC (docs/experiments.md).
    """
    train = list(data.fold.train)
    plain = Members(train=start.train, unseen=added.unseen, test=added.test)
    truth = data.truth(train)
    gate = fit_gate(
        plain.out_of_fold(train).to_numpy(),
        added.out_of_fold(train).to_numpy(),
        truth,
        weights_of(model, data, truth),
        derivatives=family_of(data.endpoint).derivatives,
    )
    return replace(gate, value=gate.cautious(SEARCHED))


def gate_record(gate: Gate, best_epochs: Sequence[int], plain: Plain) -> GateRecord:
    """For the run folder; a member whose best epoch is before the first adds nothing."""
    products = json.dumps(list(getattr(plain, "products", ())))
    still = len(best_epochs) if gate.value == 0 else sum(epoch < 0 for epoch in best_epochs)
    return GateRecord(
        value=gate.value, raw=gate.raw, error=gate.error, members=len(best_epochs), plain=still, products=products
    )


def unseen_of(fold: Fold) -> NDArray[np.bool_]:
    """``(member, patient)``: whom of `fold.train` a member does not train on."""
    return np.stack([np.isin(list(fold.train), inner.val) for inner in fold.inner])


def _rows(fitted: Any, modalities: Sequence[str], patients: Sequence[str]) -> pd.DataFrame:
    return features({name: fitted[name] for name in modalities}, patients)


def groups_of(data: FoldData, patients: Sequence[str]) -> NDArray[Any] | None:
    """``(patient,)``: whom folds keep together; a patient who stands alone is a group."""
    if data.groups is None or data.groups.isna().all():
        return None
    found = data.groups.loc[list(patients)]
    return np.where(found.isna(), [f"alone {patient}" for patient in patients], found.astype(object))


def weights_of(model: Any, data: FoldData, truth: Truth) -> Floats:
    """``(patient,)``: what each counts in the loss of the head that the `model` config node describes."""
    import torch

    time = None if truth.time is None else torch.from_numpy(truth.time)
    return label_weights(model, data.endpoint, torch.from_numpy(truth.label), time).double().numpy()
