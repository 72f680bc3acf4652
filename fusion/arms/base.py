"""What every arm takes and gives: the data of one outer fold in, calibrated scores out of fold out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import EndpointSpec, FittedModality, Fold, InnerFold, Secondary, Truth
from fusion.evaluation.ensemble import agreement, narrowing, steepness
from fusion.evaluation.outcome import Calibrator, Outcome, outcome_of

Fitted = Mapping[str, FittedModality]

FUSION, BASE = "fusion", "base"
"""The arm that is judged, and that of the plain model which it starts from, kept in the folder of the former."""


def secondary_place(number: int | str) -> str:
    """Folder, in a fold's, of arms fitted for a secondary endpoint alone, by its place among them; ``*``: all."""
    return f"secondary{number}"


Change = Callable[[str, FittedModality], FittedModality]
"""A modality's name and the modality as fitted → what is read in its place."""

Table = pd.Series | pd.DataFrame
"""Scores or logits, index patient_id: a series where the endpoint is binary, else a frame with a column a class."""


def table(values: NDArray[np.float64], patient_ids: Sequence[str]) -> Table:
    """``(patient,)`` or ``(patient, class)`` with its patients."""
    index = pd.Index(list(patient_ids), name="patient_id")
    return pd.Series(values, index=index, dtype=float) if values.ndim == 1 else pd.DataFrame(values, index=index)


_APART = 1_000_003
"""Between the seeds of a member's networks: further than folds' seeds lie."""


@dataclass(frozen=True, kw_only=True)
class FoldData:
    """One outer fold with its modalities fitted.

    Attributes:
        fold: who trains, who is tested, and the inner splits of the training part.
        endpoint: what is predicted.
        labels: index patient_id, positions in the endpoint's classes. Arms read the labels of `fold.train` only; those
            of `fold.test` are withheld (absent from this series), so that no arm can learn from them.
        members: modalities fitted on the training part of each inner fold, in the order of `fold.inner`.
        whole: modalities fitted on all of `fold.train`.
        seed: of this fold; arms derive their own from it.
        groups: index patient_id, of `fold.train`: whom folds keep together; None where everybody is by themselves.
        times: index patient_id, of `fold.train`: until the event or the last visit; None where the endpoint has none.
        entry: likewise, when they came under observation; None where the endpoint declares none.
        unfinished: folder that keeps each network once it is trained; None keeps none, see `fusion.arms.finished`.
        epoch: told of an arm's name, a member and its row of the curves after each epoch.
        memory: plain models that an arm fitted, for other arms that ask for the same.
        secondary: secondary endpoint → its outcomes, of `fold.train` and of everybody in `alone`.
        alone: of each member, patients without a label of `endpoint` whom its network may train on: none who is held
            together with a patient of the test or the validation part.
        readings: number of a candidate of `choose` → `members` and `whole`, fitted when first asked for; or None.
        treatments: modalities that read the regimen.
    """

    fold: Fold
    endpoint: EndpointSpec
    labels: pd.Series[int]
    members: Sequence[Fitted]
    whole: Fitted
    seed: int
    groups: pd.Series | None = None
    times: pd.Series[float] | None = None
    entry: pd.Series[float] | None = None
    unfinished: Path | None = None
    epoch: Callable[[str, int, Mapping[str, float]], None] | None = None
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    secondary: Mapping[str, Secondary] = field(default_factory=dict)
    alone: Sequence[tuple[str, ...]] = ()
    readings: Callable[[str], tuple[Sequence[Fitted], Fitted] | None] | None = None
    treatments: tuple[str, ...] = ()

    def read_by(self, candidate: str) -> FoldData:
        """The fold as a candidate of `choose` reads it: its own modalities, and unfinished networks of its own."""
        found = None if self.readings is None else self.readings(candidate)
        if found is None:
            return self
        unfinished = None if self.unfinished is None else self.unfinished / f"candidate{candidate}"
        return replace(self, members=found[0], whole=found[1], unfinished=unfinished)

    def beside(self, name: str) -> FoldData:
        """The fold as a secondary endpoint has it: the training patients whose label of it is known, and all tested.

        Modalities stay those fitted on all training patients; `alone` are those of it who have the label. Plain models
        that were fitted of the endpoint are remembered.
        """
        one = self.secondary[name]
        known = one.known

        def kept(patients: Sequence[str]) -> tuple[str, ...]:
            return tuple(patient for patient in patients if patient in known)

        inner = tuple(InnerFold(train=kept(split.train), val=kept(split.val)) for split in self.fold.inner)
        fold = replace(self.fold, train=kept(self.fold.train), inner=inner)
        alone = tuple(kept(part) for part in self.alone)
        who = [*fold.train, *sorted(set().union(*alone))]
        mine = one.of(who)
        return replace(
            self, fold=fold, endpoint=one.endpoint, labels=mine.labels, times=mine.times, entry=mine.entry,
            groups=None if self.groups is None else self.groups.loc[who],
            unfinished=None, epoch=None, memory=self.memory.setdefault(("secondary", name), {}), secondary={},
            alone=alone,
        )  # fmt: skip

    @property
    def outcome(self) -> Outcome:
        """What depends on the endpoint's kind."""
        return outcome_of(self.endpoint)

    def truth(self, patients: Sequence[str] | pd.Index[str]) -> Truth:
        """Outcomes of some training patients; a part is the inner fold that holds them out."""
        who = list(patients)
        return Truth(
            label=np.asarray(self.labels.loc[who], dtype=np.int64),
            time=None if self.times is None else np.asarray(self.times.loc[who], dtype=np.float64),
            part=np.array([self._held_out.get(one, -1) for one in who], dtype=np.int64),
            entry=None if self.entry is None else np.asarray(self.entry.loc[who], dtype=np.float64),
        )

    def whole_truth(self, patients: Sequence[str] | pd.Index[str]) -> Truth:
        """The same of patients on whom one model is fitted."""
        return replace(self.truth(patients), part=None)

    def member_seed(self, member: int, again: int = 0) -> int:
        """A seed of its own for each network of a member; libraries take 32 bits."""
        return (self.seed * 1000 + member + again * _APART) % 2**32

    @cached_property
    def _held_out(self) -> dict[str, int]:
        return {one: number for number, inner in enumerate(self.fold.inner) for one in inner.val}


@dataclass(frozen=True, kw_only=True)
class Members:
    """What each member of an ensemble says of everybody: logits, or scores calibrated for a single member.

    Attributes:
        train: ``(member, patient)`` or ``(member, patient, class)``, in the order of `fold.train`.
        unseen: ``(member, patient)``: whom the member did not train on; every patient has one such member.
        test: as `train`, in the order of `fold.test`.
    """

    train: NDArray[np.float64]
    unseen: NDArray[np.bool_]
    test: NDArray[np.float64]

    def map(self, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Members:
        """The same with `change` applied to each member's part."""
        train, test = (np.stack([change(part) for part in several]) for several in (self.train, self.test))
        return Members(train=train, unseen=self.unseen, test=test)

    def out_of_fold(self, patient_ids: Sequence[str]) -> Table:
        """Of each training patient, what the member says that did not train on that patient."""
        return table(self.train[self.unseen.argmax(axis=0), np.arange(self.train.shape[1])], patient_ids)


@dataclass(frozen=True, kw_only=True)
class ArmScores:
    """What one arm says of one outer fold.

    Attributes:
        arm: its name.
        inner: calibrated scores of `fold.train`, each by a model that did not train on that patient; index patient_id.
        test: calibrated scores of `fold.test`; index patient_id.
        threshold: probability above which the arm calls a responder, chosen on `inner`; NaN with several classes.
        curves: one row an epoch and member, for arms that are trained by epochs.
        members: each member's scores, calibrated for a single member; None where the arm is no ensemble.
        choices: one row a candidate, for arms of which something was chosen in this fold; see `choice_rows`.
        base: what the plain model says that the arm starts from; None where it starts from nothing.
        gate: how much of what its networks add is kept, and how many of them add anything; None likewise.
        again: scores `fold.test` anew with modalities changed, nothing trained again; None where the arm cannot.
        secondary: secondary endpoint → the same of it, where the arm was trained for it too.
        candidate: number of the one of `choose` whose scores these are; empty where none was chosen.
    """

    arm: str
    inner: Table
    test: Table
    threshold: float
    curves: list[dict[str, Any]] = field(default_factory=list)
    members: Members | None = None
    choices: list[dict[str, Any]] = field(default_factory=list)
    base: ArmScores | None = None
    gate: GateRecord | None = None
    again: Callable[[Change], Table] | None = None
    secondary: Mapping[str, ArmScores] = field(default_factory=dict)
    candidate: str = ""


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """How far an arm of one fold left its plain model.

    Attributes:
        value: what its networks' additions are multiplied by, 0 to 1; see `fusion.plain.gate`.
        raw: the coefficient before it was shrunken, and
        error: its standard error.
        members: how many networks there are.
        plain: how many of them add nothing: all where the gate is 0.
        products: of two columns each that the plain model has, as a JSON list.
    """

    value: float
    raw: float
    error: float
    members: int
    plain: int
    products: str = "[]"


class Arm(Protocol):
    """A way to predict."""

    name: str

    def fit(self, data: FoldData, folder: Path | None, step: Callable[[], None]) -> ArmScores:
        """Train on `data.fold.train` and score `data.fold.test` once.

        Args:
            data: the fold.
            folder: where the fitted state is kept for `predict` and `explain`; None keeps nothing.
            step: called after each unit of work, `units` times in all.
        """
        ...

    def units(self, inner_folds: int) -> int:
        """How many steps `fit` reports."""
        ...


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration and threshold of one arm in one fold, learned from logits of its training patients only.

    Attributes:
        inner: the calibrated inner scores; index patient_id.
        threshold: chosen on `inner`; NaN with several classes.
        calibrator: logits → scores, of what scores new patients: a model, or the mean of an ensemble's logits.
        single: the same for one member of an ensemble; None where there is none.
        agreement: share of a member's variance that the others share; None where there is no ensemble.
    """

    inner: Table
    threshold: float
    calibrator: Calibrator
    single: Calibrator | None = None
    agreement: float | None = None

    def state(self) -> dict[str, Any]:
        """JSON has no NaN: no threshold is null."""
        state = {**self.calibrator.state(), "threshold": None if np.isnan(self.threshold) else self.threshold}
        if self.single is not None:
            state |= {"of": MEAN_LOGIT, "member": self.single.state(), "agreement": self.agreement}
        return state


MEAN_LOGIT = "mean logit"
"""What a calibrator of an ensemble takes; in runs of versions that did not say so it takes one member's logit."""


def calibrate(inner_logits: Table, data: FoldData) -> Calibration:
    """Fit calibration and the decision threshold on inner out-of-fold logits."""
    outcome, truth = data.outcome, data.truth(inner_logits.index)
    calibrator = outcome.fit_calibrator(inner_logits.to_numpy(), truth)
    values = calibrator(inner_logits.to_numpy())
    threshold, inner = outcome.threshold(truth, values), table(values, list(inner_logits.index))
    return Calibration(inner=inner, threshold=threshold, calibrator=calibrator)


def calibrate_ensemble(logits: Members, data: FoldData) -> Calibration:
    """Calibrate the mean of the members' logits from training patients alone.

    A training patient is unseen by one member, never by all. So a calibrator of single members is fitted first, on the
    logits of patients they did not see, and its slope then made that of the mean: `fusion.evaluation.ensemble` tells by
    how much from how far members agree. Scores of the inner folds stay those of single members.
    """
    patients = list(data.fold.train)
    out_of_fold = logits.out_of_fold(patients)
    first = calibrate(out_of_fold, data)
    share = agreement(logits.train, logits.unseen, data.truth(patients).label)
    single, members = out_of_fold.to_numpy(), len(logits.train)
    steeper = steepness(share, members, variance=first.calibrator.variance(single))
    ensemble = first.calibrator.steeper(steeper, single, narrower=narrowing(share, members))
    return replace(first, calibrator=ensemble, single=data.outcome.single(first.calibrator), agreement=share)
