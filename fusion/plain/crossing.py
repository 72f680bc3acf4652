"""What products of its columns add to a regression: a regimen's with every other, and the few that stand out.

A regimen helps some and not others by a little of many columns, of which no product stands out; so these are not
searched for (`fusion.plain.pairs`) but all fitted beside logits that stay: by ridge, where all of them matter a little,
and by an elastic net, where few do, each with the penalty that patients held out choose. As much is kept as they say:
models with either and one without are averaged by the likelihood that each gives them, as sets of modalities are
(`fusion.plain.blocks`). Half an effect prefers the same regimen as the whole; an effect that were left out wherever it
is not certain would prefer one regimen for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from fusion.plain.blocks import shares
from fusion.plain.gate import SEARCHED, fit_gate
from fusion.plain.linear import Linear
from fusion.plain.logistic import ClassLikelihood, log_loss
from fusion.plain.pairs import Crossed, Pairs, Places, Treated, fit_pairs
from fusion.plain.penalties import Split
from fusion.plain.sparse import Problem

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

PRECISIONS = (10.0, 30.0, 100.0, 300.0, 1000.0)
"""Of the prior on a coefficient by ridge. Chosen, as the average is, on ``benchmarks/policy_simulated.py`` at seeds 200
to 211 and ``benchmarks/generated_cohorts.py`` at 100 to 111."""

MOST = 200
"""Products: of the regimen's columns and the others those of the largest score alone, where there are more."""

WIDE = 20
"""Columns of the regimen, likewise."""


def fit_crossed(
    linear: Linear,
    rows: pd.DataFrame,
    labels: NDArray[np.int64],
    weights: Floats,
    splits: Sequence[Split],
    *,
    held_out: Floats,
    treatments: Sequence[str],
) -> tuple[Linear | Crossed, Floats]:
    """Add products to a regression as far as held-out patients support them.

    Args:
        linear: fitted on the same patients.
        rows: ``(patient, column)``; training patients.
        labels: ``(patient,)`` positions in the classes; of more than two nothing is sought.
        weights: ``(patient,)`` in the loss.
        splits: of cross-fitting.
        held_out: ``(patient,)`` logits by linear models that did not see the patient.
        treatments: modalities that read the regimen.

    Returns:
        The model, and the logits of each patient by one that did not see their label.
    """
    if len(linear.intercept) > 1:
        return linear, held_out
    treated = fit_treated(linear, rows, labels, weights, splits, held_out=held_out, treatments=treatments)
    products = None if treated is None else treated.pairs
    held_out = held_out if treated is None else held_out + treated.held_out
    pairs, added = fit_pairs(linear, rows, labels, weights, splits, treated=treated)
    share = fit_gate(held_out, added, labels, weights).cautious(SEARCHED)
    if share > 0:
        products, held_out = pairs.kept(share).beside(products), held_out + share * added
    return (linear if products is None else Crossed(linear=linear, pairs=products)), held_out


def fit_treated(
    linear: Linear,
    rows: pd.DataFrame,
    labels: NDArray[np.int64],
    weights: Floats,
    splits: Sequence[Split],
    *,
    held_out: Floats,
    treatments: Sequence[str],
) -> Treated | None:
    """Fit the products, and choose their penalty and how much of them is kept.

    Args:
        linear: fitted on the same patients; its columns and penalty are taken.
        rows: ``(patient, column)``; training patients.
        labels: ``(patient,)`` 0 or 1.
        weights: ``(patient,)`` in the loss.
        splits: of cross-fitting.
        held_out: ``(patient,)`` logits by linear models that did not see the patient.
        treatments: modalities that read the regimen.

    Returns:
        None where the model reads no regimen, or nothing else.
    """
    values = linear.columns(rows)
    of_regimen = np.array([name.split(":", 1)[0] in set(treatments) for name in linear.columns.sources])
    if not of_regimen.any() or of_regimen.all():
        return None
    everybody = np.arange(len(labels))
    known = _Known(linear=linear, values=values, labels=labels, weights=weights, of_regimen=of_regimen)
    parts_of = [(seen, *known.on(seen)) for seen, _ in splits]
    whole, start = known.on(everybody)
    without = weights * log_loss(held_out, labels)

    def added(parts: Sequence[Pairs]) -> Floats:
        found = np.zeros(len(labels))
        for part, (_, held) in zip(parts, splits, strict=True):
            found[held] = part.parts(values[held]).sum(axis=1)
        return found

    def loss(parts: Sequence[Pairs]) -> Floats:
        return weights * log_loss(held_out + added(parts), labels)

    def best(ways: Mapping[float, Sequence[Pairs]]) -> float:
        return min(ways, key=lambda way: float(loss(ways[way]).sum()))

    ridges = {one: [known.ridge(*part, one) for part in parts_of] for one in PRECISIONS}
    penalties = known.problem(everybody, whole, start).path()
    paths = [known.nets(*part, penalties) for part in parts_of]
    nets = {one: [path[one] for path in paths] for one in penalties}
    precision, penalty = best(ridges), best(nets)
    _, by_ridge, by_net = shares([without, loss(ridges[precision]), loss(nets[penalty])])

    def both(ridge: Pairs, net: Pairs) -> Pairs:
        mean = (by_ridge * ridge.coefficients + by_net * net.coefficients) / (by_ridge + by_net)
        return replace(ridge, coefficients=mean).kept(float(by_ridge + by_net))

    pairs = both(
        known.ridge(everybody, whole, start, precision), known.nets(everybody, whole, start, penalties)[penalty]
    )
    parts = [both(ridge, net) for ridge, net in zip(ridges[precision], nets[penalty], strict=True)]
    return Treated(columns=of_regimen, pairs=pairs, parts=parts, held_out=added(parts))


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What products are fitted to; `seen` are places of patients."""

    linear: Linear
    values: Floats
    labels: NDArray[np.int64]
    weights: Floats
    of_regimen: NDArray[np.bool_]

    def on(self, seen: Rows) -> tuple[Pairs, Floats]:
        """The products, and the logits of main effects, of these patients alone."""
        values, labels, weights = self.values[seen], self.labels[seen], self.weights[seen]
        start = self.linear.again(values, labels, weights)
        places = _places(values, weights * (labels - expit(start)), self.of_regimen)
        return Pairs.of(values, places, precision=1.0, searched=False), start

    def ridge(self, seen: Rows, pairs: Pairs, start: Floats, precision: float) -> Pairs:
        """Fitted with one penalty."""
        prior = replace(pairs, precision=precision * pairs.precision)
        return prior.fit(self.values[seen], self.labels[seen], self.weights[seen], start)

    def problem(self, seen: Rows, pairs: Pairs, start: Floats) -> Problem:
        """That an elastic net solves."""
        likelihood = ClassLikelihood(labels=self.labels[seen], weights=self.weights[seen], offset=start)
        return Problem(design=pairs.design(self.values[seen]), likelihood=likelihood, origin=False)

    def nets(self, seen: Rows, pairs: Pairs, start: Floats, penalties: Sequence[float]) -> dict[float, Pairs]:
        """Fitted with each penalty."""
        fits = self.problem(seen, pairs, start).along(penalties)
        return {one: replace(pairs, coefficients=found) for one, found in zip(penalties, fits, strict=True)}


def _places(values: Floats, residual: Floats, of_regimen: NDArray[np.bool_]) -> Places:
    """Places of the regimen's columns and of the others, each with each."""
    score = np.abs(residual @ values) / np.sqrt(np.maximum((residual**2) @ (values**2), 1e-9))

    def largest(among: Rows, number: int) -> Rows:
        return np.sort(among[np.argsort(-score[among], kind="stable")[:number]])

    regimen = largest(np.flatnonzero(of_regimen), WIDE)
    other = largest(np.flatnonzero(~of_regimen), MOST // len(regimen))
    return np.repeat(regimen, len(other)), np.tile(other, len(regimen))
