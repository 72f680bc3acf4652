"""What a network arm says of secondary endpoints: what their heads start from and add, calibrated as the primary one.

Each endpoint owns its plain model (by its kind, `fusion.plain.families`), its gate and its calibration; encoders and
fuser are shared, and the primary endpoint says when training ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.arms.base import ArmScores, FoldData, Members, Table, calibrate_ensemble, secondary_place, table
from fusion.arms.start import Start, base_arm, gate_of, gate_record, plain_models, unseen_of, weights_of
from fusion.contract import FusionError, Secondary
from fusion.plain.base import check_base

Floats = NDArray[np.float64]
Both = tuple[Floats, Floats]
"""Logits of `fold.train` and of `fold.test`."""


PLAIN = "plain"
"""In what arm.json holds of a secondary endpoint: how its plain model is calibrated as an arm of its own."""

USUAL = "linear"
"""What secondary heads start from where nobody says and the primary one starts from nothing."""


def bases_of(model: Any, names: Sequence[str]) -> dict[str, str]:
    """Secondary endpoint → the kind of plain model that its head starts from, of the `model` config node.

    Args:
        model: its ``endpoints.base`` is a kind for all, or one an endpoint; null is ``base``, and a linear model where
            that is none: early stopping looks at the primary endpoint, which cannot say what suits the others.
        names: of the secondary endpoints.

    Raises:
        FusionError: it is none of these, or names another endpoint.
    """
    own = str(model.get("base", "none"))
    usual = USUAL if own == "none" else own
    asked = (model.get("endpoints") or {}).get("base")
    by_name = dict(asked) if isinstance(asked, Mapping) else dict.fromkeys(names, asked)
    strangers = [str(name) for name in by_name if name not in names]
    if strangers and names:
        raise FusionError(
            f"model.endpoints.base names {', '.join(strangers)}; the secondary endpoints are {', '.join(names)}."
        )
    found = {name: usual if by_name.get(name) is None else str(by_name[name]) for name in names}
    for kind in found.values():
        check_base(kind, key="model.endpoints.base")
    return found


def secondary_starts(data: FoldData, modalities: Sequence[str], model: Any) -> dict[str, Start]:
    """Secondary endpoint → its plain models, fitted on patients who have its label; without those that start from none.

    Who has no label of the primary endpoint is among them, as in the network's training.

    Args:
        data: the fold, of all endpoints.
        modalities: that the arm sees.
        model: the `model` config node.
    """
    made = {}
    for name, kind in bases_of(model, list(data.secondary)).items():
        if kind != "none":
            seen = data.beside(name)
            made[name] = plain_models(
                seen,
                list(modalities),
                kind,
                weigh=partial(weights_of, _own_head(model), seen),
                alone=seen.alone or None,
            )
    return made


def started(secondary: Mapping[str, Secondary], starts: Mapping[str, Start], member: int) -> dict[str, Secondary]:
    """What a member's network is given of secondary endpoints: outcomes, with the logits that its heads add to."""
    return {
        name: replace(one, offsets=starts[name].offsets[member]) if name in starts else one
        for name, one in secondary.items()
    }


def secondary_scores(
    arm: str, data: FoldData, name: str, both: Sequence[Both], *, start: Start | None = None, model: Any = None
) -> tuple[ArmScores, dict[str, Any]]:
    """Calibrated scores of one secondary endpoint, and what the run folder keeps of their calibration.

    The gate is its own: whether its head found something, only its own labels tell.

    Args:
        arm: its name.
        data: the fold, of all endpoints.
        name: of the endpoint.
        both: of each member, ``(patient,)`` or ``(patient, class)`` logits of `data.fold.train` and `data.fold.test`.
        start: the plain models that the network's head adds to; None: it starts from nothing.
        model: the `model` config node; only with a start.
    """
    seen = data.beside(name)
    rows = [data.fold.train.index(patient) for patient in seen.fold.train]
    train, test = (np.stack(part) for part in zip(*both, strict=True))
    logits = Members(train=train[:, rows], unseen=unseen_of(seen.fold), test=test)
    state: dict[str, Any] = {}
    base = gate = None
    if start is not None:
        # Which epoch was best is said of the primary endpoint: here networks add nothing only where the gate is shut.
        gate = gate_record(gate_of(start, logits, seen, _own_head(model)), [0] * len(train), start.whole)
        base, plain = base_arm(start, logits.unseen, seen)
        logits = start.with_added(logits, gate.value)
        place = secondary_place(list(data.secondary).index(name))
        state = {"gate": asdict(gate), "base": f"base_{place}", PLAIN: plain}
    calibration = calibrate_ensemble(logits, seen)
    assert calibration.single is not None
    scores = ArmScores(
        arm=arm,
        inner=calibration.inner,
        test=table(calibration.calibrator(logits.test.mean(axis=0)), seen.fold.test),
        threshold=calibration.threshold,
        members=logits.map(calibration.single),
        base=base,
        gate=gate,
    )
    return scores, {"calibration": calibration.state(), **state}


def _own_head(model: Any) -> dict[str, Any]:
    """The node with the head of an endpoint's kind, which secondary endpoints have."""
    return {"width": model["width"], "head": {"_target_": "fusion.heads.by_endpoint.by_endpoint"}}


def mean_of(networks: Sequence[Both]) -> Both:
    """Of a member's networks."""
    train, test = (np.stack(part).mean(axis=0) for part in zip(*networks, strict=True))
    return train, test


def others_of(data: FoldData) -> dict[str, Any]:
    """What a network depends on beside the primary endpoint; nothing where that is the only one."""
    if not data.secondary:
        return {}
    endpoints = [asdict(one.endpoint) for one in data.secondary.values()]
    return {"secondary": endpoints, "alone": list(data.alone), "starts": True}


def without_offset(offsets: Table, patients: tuple[str, ...]) -> Table:
    """The plain model's logits with 0 for patients who have no label of its endpoint, whose loss there is none."""
    index = pd.Index([*offsets.index, *patients], name=offsets.index.name)
    return offsets.reindex(index, fill_value=0.0)
