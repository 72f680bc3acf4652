"""The plain model that a fused score starts from: fitted on training patients, cross-fitted where they train on it.

A network that adds to a plain model must be shown scores of the kind that new patients will get. A model's scores of
its own training patients are surer than that; so each training patient's starting score is of a model fitted without
their label (cross-fitting, Chernozhukov et al. 2018; stacking, Wolpert 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError, State, Truth
from fusion.plain.boosted import Boosted
from fusion.plain.columns import Columns
from fusion.plain.families import CLASSES, Family
from fusion.plain.gate import SEARCHED, fit_gate
from fusion.plain.linear import Linear
from fusion.plain.mixture import Mixture
from fusion.plain.prevalence import Prevalence
from fusion.plain.products.crossed import Crossed
from fusion.plain.training import Training
from fusion.run.bounded import plain_name
from fusion.run.state import load_state, save_state

Floats = NDArray[np.float64]

KINDS = ("none", "linear", "boosted", "choose")
"""What `model.base` may be; ``choose``: a linear model, and as much of products of its columns and of a boosted one as
held-out patients support."""


class Plain(Protocol):
    """A fitted plain model: logits of any patient, of which each column's part can be told."""

    kind: str

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns it reads."""
        ...

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)`` log-odds, or ``(patient, class)``, of ``(patient, column)`` rows, NaN where missing."""
        ...

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)`` parts of the log-odds; with `reference` they add up to `logits`. Two classes only."""
        ...

    @property
    def reference(self) -> float:
        """What the terms are counted from."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """JSON and arrays."""
        ...


@dataclass(frozen=True, kw_only=True)
class Base:
    """A plain model and what it says of its own training patients.

    Attributes:
        model: fitted on all of them.
        held_out: ``(patient,)`` or ``(patient, class)`` logits, each by a model that did not see the patient's label.
    """

    model: Plain
    held_out: Floats


def check_base(kind: str, *, key: str = "model.base") -> None:
    """Refuse what is none; `key` asked for it.

    Raises:
        FusionError: there is no such base.
    """
    if kind not in KINDS:
        raise FusionError(f"{key} is {kind!r}; choose {', '.join(KINDS)}.")


def fit_base(
    kind: str,
    rows: pd.DataFrame,
    labels: NDArray[np.int64] | Truth,
    *,
    classes: int,
    weights: Floats | None = None,
    groups: NDArray[Any] | None = None,
    seed: int = 0,
    family: Family = CLASSES,
    treatments: Sequence[str] = (),
) -> Base:
    """Fit a plain model on training patients.

    Args:
        kind: one of `KINDS` but ``none``, or ``elastic``, which arms of times are made of.
        rows: ``(patient, column)`` named ``modality:feature``, NaN where missing; any number of columns.
        labels: ``(patient,)`` positions in the classes, or the truth of another kind of endpoint.
        classes: how many there are.
        weights: ``(patient,)`` in the loss; None weighs all alike.
        groups: ``(patient,)`` of whom folds keep all or none; so does cross-fitting.
        seed: of the splits.
        family: of the endpoint's kind.
        treatments: modalities that read a patient's regimen, whose products with others ``choose`` fits.
    """
    truth = labels if isinstance(labels, Truth) else Truth(label=labels)
    weights = np.ones(len(truth)) if weights is None else weights
    splits = family.splits(truth, classes=classes, groups=groups, seed=seed)
    if not splits or not Columns.fit(rows).sources:
        model = family.constant(truth, weights, classes=classes)
        return Base(model=model, held_out=model.logits(rows))
    training = Training(rows=rows, truth=truth, weights=weights, splits=splits)
    if kind == "boosted":
        trees, of_trees = family.boosted(training, seed=seed)
        return Base(model=trees, held_out=of_trees)
    if kind == "elastic":
        net, of_net = family.elastic(training)
        return Base(model=net, held_out=of_net)
    linear, held_out = family.linear(training)
    if kind == "linear":
        return Base(model=linear, held_out=held_out)
    apart = family.held_out(truth, splits)
    first, held_out = family.crossed(linear, training, held_out=held_out, treatments=treatments)
    trees, of_trees = family.boosted(training, seed=seed)
    gate = fit_gate(held_out, of_trees - held_out, apart, weights, derivatives=family.derivatives)
    if (share := gate.cautious(SEARCHED)) == 0:
        return Base(model=first, held_out=held_out)
    mixture = Mixture(linear=first, boosted=trees, share=share)
    return Base(model=mixture, held_out=held_out + share * (of_trees - held_out))


def save_base(folder: Path, base: Plain, *, name: str = "base") -> None:
    """Write ``base.json`` and ``base.npz``, or under another name."""
    config, arrays = base.state()
    save_state(folder, name, State(config=config, arrays=arrays))


_RESTORED: Mapping[str, Callable[..., Plain]] = {
    model.kind: model.restore for model in (Linear, Boosted, Crossed, Mixture, Prevalence)
}


def load_base(folder: Path, *, name: str = "base") -> Plain | None:
    """Read what `save_base` wrote; None where the arm started from nothing.

    Raises:
        FusionError: it cannot be read.
    """
    if not (folder / f"{plain_name(name, where='base')}.json").is_file():
        return None
    state = load_state(folder, name)
    try:
        return _RESTORED[state.config["kind"]](state.config, state.arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise FusionError(
            f"{folder / name}.json: holds no plain model that can be read ({error}). The run folder was altered; "
            "restore it."
        ) from error
