"""A regimen's products with every other column: whom it helps.

A regimen helps some and not others by a little of many columns, of which no product stands out; so these are not
searched for (`fusion.plain.products.searched`) but all fitted beside logits that stay: by ridge, where all of them
matter a little, and by an elastic net, where few do, each with the penalty that patients held out choose. As much is
kept as they say: models with either and one without are averaged by the likelihood that each gives them, as sets of
modalities are (`fusion.plain.blocks`). Half an effect prefers the same regimen as the whole; an effect that were left
out wherever it is not certain would prefer one regimen for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fusion.plain.blocks import shares
from fusion.plain.logistic import ClassLikelihood, log_loss
from fusion.plain.products.pairs import Pairs
from fusion.plain.products.seen import Beside, Seen
from fusion.plain.sparse import Problem

Floats = NDArray[np.float64]

PRECISIONS = (10.0, 30.0, 100.0, 300.0, 1000.0)
"""Of the prior on a coefficient by ridge. Chosen, as the average is, on ``benchmarks/policy_simulated.py`` at seeds 200
to 211 and ``benchmarks/generated_cohorts.py`` at 100 to 111."""

MOST = 200
"""Products: of the regimen's columns and the others those of the largest score alone, where there are more."""

WIDE = 20
"""Columns of the regimen, likewise."""


@dataclass(frozen=True, kw_only=True)
class Treated:
    """Products of regimens with other columns, as much of them as is kept.

    Attributes:
        columns: ``(column,)`` whether it is the regimen's.
        pairs: fitted on all patients.
        parts: and on those of each split.
        held_out: ``(patient,)`` what they add, each by those that were fitted without the patient.
    """

    columns: NDArray[np.bool_]
    pairs: Pairs
    parts: Sequence[Pairs]
    held_out: Floats


def fit_treated(beside: Beside, *, held_out: Floats, treatments: Sequence[str]) -> Treated | None:
    """Fit the products, and choose their penalty and how much of them is kept.

    Args:
        beside: the regression and its training patients.
        held_out: ``(patient,)`` logits by linear models that did not see the patient.
        treatments: modalities that read the regimen.

    Returns:
        None where the model reads no regimen, or nothing else.
    """
    of_regimen = np.array([name.split(":", 1)[0] in set(treatments) for name in beside.linear.columns.sources])
    if not of_regimen.any() or of_regimen.all():
        return None
    whole, parts = _Products.of(beside.whole, of_regimen), [_Products.of(seen, of_regimen) for seen in beside.parts]

    def loss(logits: Floats) -> Floats:
        return np.asarray(beside.whole.weights * log_loss(logits, beside.whole.labels), dtype=np.float64)

    def best(ways: Mapping[float, Sequence[Pairs]]) -> float:
        return min(ways, key=lambda way: float(loss(held_out + beside.added(ways[way])).sum()))

    ridges = {one: [part.ridge(one) for part in parts] for one in PRECISIONS}
    path = whole.problem.path()
    nets = dict(zip(path, zip(*(part.nets(path) for part in parts), strict=True), strict=True))
    precision, penalty = best(ridges), best(nets)
    chosen = [held_out + beside.added(pairs) for pairs in (ridges[precision], nets[penalty])]
    _, by_ridge, by_net = shares([loss(logits) for logits in (held_out, *chosen)])

    def both(ridge: Pairs, net: Pairs) -> Pairs:
        mean = (by_ridge * ridge.coefficients + by_net * net.coefficients) / (by_ridge + by_net)
        return replace(ridge, coefficients=mean).kept(float(by_ridge + by_net))

    kept = [both(ridge, net) for ridge, net in zip(ridges[precision], nets[penalty], strict=True)]
    return Treated(
        columns=of_regimen,
        pairs=both(whole.ridge(precision), whole.nets([one for one in path if one >= penalty])[-1]),
        parts=kept,
        held_out=beside.added(kept),
    )


@dataclass(frozen=True, kw_only=True)
class _Products:
    """All products of the regimen's columns with the others, of some patients."""

    seen: Seen
    pairs: Pairs
    problem: Problem

    @classmethod
    def of(cls, seen: Seen, of_regimen: NDArray[np.bool_]) -> _Products:
        regimen = seen.largest(np.flatnonzero(of_regimen), WIDE)
        other = seen.largest(np.flatnonzero(~of_regimen), MOST // len(regimen))
        places = np.repeat(regimen, len(other)), np.tile(other, len(regimen))
        pairs = Pairs.of(seen.values, places, precision=1.0, searched=False)
        likelihood = ClassLikelihood(labels=seen.labels, weights=seen.weights, offset=seen.start)
        problem = Problem(design=pairs.design(seen.values), likelihood=likelihood, origin=False)
        return cls(seen=seen, pairs=pairs, problem=problem)

    def ridge(self, precision: float) -> Pairs:
        """Fitted with one penalty."""
        prior = replace(self.pairs, precision=precision * self.pairs.precision)
        return prior.fit(self.seen.values, self.seen.labels, self.seen.weights, self.seen.start)

    def nets(self, penalties: Sequence[float]) -> list[Pairs]:
        """Fitted with each penalty, the strongest first."""
        return [replace(self.pairs, coefficients=found) for found in self.problem.along(penalties)]
