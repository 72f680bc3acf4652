r"""Products of two columns that a linear model lacks: a marker that matters under one treatment alone, for example.

Of all pairs of standardised columns :math:`x_i x_j` those few are taken whose score test against the linear model is
largest, :math:`|\sum r x_i x_j| / \sqrt{\sum r^2 x_i^2 x_j^2}` with the residual *r* (Rao's test of one more
coefficient, with the variance that holds whatever the model; all pairs in two products of matrices). Their coefficients
are fitted with the linear logits held fixed. How much is kept is left to patients who had no part in the search
(`fusion.plain.gate`): the best of many pairs always looks good to those who chose it.

Products of a regimen with every other column are not searched for but asked for (`fusion.plain.crossing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from fusion.plain.linear import Linear
from fusion.plain.logistic import newton
from fusion.plain.penalties import Split

Floats = NDArray[np.float64]
Places = tuple[NDArray[np.int64], NDArray[np.int64]]

NUMBER = 3
"""Pairs that are taken; chosen, like `PRECISION`, on ``benchmarks/generated_cohorts.py`` at seeds 0 to 3."""

PRECISION = 5.0
"""Of the prior on their coefficients."""

MOST = 600
"""Columns among which pairs are sought: those of the largest score alone, where there are more."""

_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """``share · coefficients · (products − center) / scale``, of standardised columns.

    Attributes:
        first: ``(pair,)`` place of one column, and
        second: of the other.
        center: ``(pair,)`` training mean of the products, and
        scale: their standard deviation.
        coefficients: ``(pair,)``.
        precision: ``(pair,)`` of the prior on the coefficient.
        share: ``(pair,)`` of what was fitted that is kept, above 0 and at most 1.
        searched: ``(pair,)`` whether the pair was chosen for its score.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    center: Floats
    scale: Floats
    coefficients: Floats
    precision: Floats
    share: Floats
    searched: NDArray[np.bool_]

    @classmethod
    def of(cls, values: Floats, places: Places, *, precision: float, searched: bool) -> Pairs:
        """Pairs of the columns in so many places, standardised, their coefficients 0 and all of them kept.

        Args:
            values: ``(patient, column)`` standardised.
            places: of the pairs' columns.
            precision: of the prior on every coefficient.
            searched: whether the pairs were chosen for their score.
        """
        first, second = places
        products = values[:, first] * values[:, second]
        one = np.ones(len(first))
        return cls(
            first=first, second=second, center=products.mean(axis=0), scale=np.maximum(products.std(axis=0), _TINY),
            coefficients=0 * one, precision=precision * one, share=one, searched=np.full(len(first), searched),
        )  # fmt: skip

    def design(self, values: Floats) -> Floats:
        """``(patient, pair)``: the products, standardised."""
        return (values[:, self.first] * values[:, self.second] - self.center) / self.scale

    def fit(self, values: Floats, labels: NDArray[np.int64], weights: Floats, start: Floats) -> Pairs:
        """Coefficients beside logits that stay, by ridge.

        Args:
            values: ``(patient, column)`` standardised.
            labels: ``(patient,)`` 0 or 1.
            weights: ``(patient,)`` in the loss.
            start: ``(patient,)`` logits.
        """
        return replace(self, coefficients=newton(self.design(values), labels, weights, self.precision, start))

    def parts(self, values: Floats) -> Floats:
        """``(patient, column)`` standardised → ``(patient, pair)`` parts of the log-odds."""
        return self.design(values) * (self.coefficients * self.share)

    def kept(self, share: float) -> Pairs:
        """The same with so much of it kept."""
        return replace(self, share=self.share * share)

    def beside(self, other: Pairs | None) -> Pairs:
        """These and others, the others first."""
        if other is None:
            return self
        both = {name: np.concatenate([getattr(other, name), getattr(self, name)]) for name in _ARRAYS}
        return Pairs(**both)


@dataclass(frozen=True, kw_only=True)
class Treated:
    """Products of regimens with other columns (`fusion.plain.crossing`), as much of them as is kept.

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


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """``linear + pairs``, in logits of two classes.

    Attributes:
        linear: whose columns the pairs are of.
        pairs: fitted on the same patients.
    """

    linear: Linear
    pairs: Pairs

    kind = "crossed"

    def logits(self, rows: pd.DataFrame) -> Floats:
        """``(patient,)``."""
        parts: Floats = self.pairs.parts(self.linear.columns(rows)).sum(axis=1)
        return self.linear.logits(rows) + parts

    def terms(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``(patient, column)`` parts of the log-odds; of a product each column has half, as Shapley values would."""
        found, names = self.linear.terms(rows), self.linear.columns.sources
        parts = self.pairs.parts(self.linear.columns(rows)) / 2
        for number, places in enumerate(zip(self.pairs.first, self.pairs.second, strict=True)):
            for place in places:
                found[names[place]] += parts[:, number]
        return found

    @property
    def reference(self) -> float:
        """The log-odds of a patient who is average in every column and product."""
        return self.linear.reference

    @property
    def modalities(self) -> tuple[str, ...]:
        """Whose columns are read."""
        return self.linear.modalities

    @property
    def named(self) -> list[tuple[str, str]]:
        """The columns of each pair."""
        names = self.linear.columns.sources
        return [(names[one], names[other]) for one, other in zip(self.pairs.first, self.pairs.second, strict=True)]

    @property
    def products(self) -> list[str]:
        """As one reads them: pairs that were searched for, and regimens' where patients held out support them."""
        named = [" × ".join(pair) for pair, one in zip(self.named, self.pairs.searched, strict=True) if one]
        asked = ~self.pairs.searched & (self.pairs.share > 0.5)
        treatments = dict.fromkeys(self.named[place][0].split(":", 1)[0] for place in np.flatnonzero(asked))
        return [f"{name} × other columns" for name in treatments] + named

    def state(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """The linear model's JSON and arrays, and the pairs'; their names are for readers."""
        config, arrays = self.linear.state()
        made = {f"linear_{name}": part for name, part in arrays.items()}
        made |= {f"pairs_{name}": np.asarray(getattr(self.pairs, name)) for name in _ARRAYS}
        told = [list(pair) for pair in self.named]
        return {"kind": self.kind, "pairs": told, "linear": config}, made

    @classmethod
    def restore(cls, config: Mapping[str, Any], arrays: Mapping[str, Any]) -> Crossed:
        """The inverse of `state`."""
        linear = {name.removeprefix("linear_"): part for name, part in arrays.items() if name.startswith("linear_")}
        found: dict[str, Any] = {f"pairs_{name}": None for name in _ARRAYS}
        number = len(arrays["pairs_first"])
        if "share" in config:  # of an earlier version, which knew pairs that were searched for alone
            earlier = {"share": float(config["share"]), "precision": PRECISION, "searched": True}
            found |= {f"pairs_{name}": np.full(number, one) for name, one in earlier.items()}
        found |= {name: np.asarray(part) for name, part in arrays.items() if name in found}
        pairs = Pairs(**{name.removeprefix("pairs_"): part for name, part in found.items()})
        return cls(linear=Linear.restore(config["linear"], linear), pairs=pairs)


_ARRAYS = ("first", "second", "center", "scale", "coefficients", "precision", "share", "searched")


def fit_pairs(
    linear: Linear,
    rows: pd.DataFrame,
    labels: NDArray[np.int64],
    weights: Floats,
    splits: Sequence[Split],
    *,
    treated: Treated | None = None,
) -> tuple[Pairs, Floats]:
    """Find and fit pairs on all training patients, and for held-out patients on those of each split alone.

    Args:
        linear: fitted on the same patients; its columns and penalty are taken.
        rows: ``(patient, column)``; training patients.
        labels: ``(patient,)`` 0 or 1.
        weights: ``(patient,)`` in the loss.
        splits: of cross-fitting.
        treated: products of regimens, beside which those of other columns are sought.

    Returns:
        The pairs, and ``(patient,)`` what pairs add that were sought and fitted without the patient.
    """
    values = linear.columns(rows)
    among = np.arange(values.shape[1]) if treated is None else np.flatnonzero(~treated.columns)

    def sought(seen: NDArray[np.intp], known: Pairs | None) -> Pairs:
        start = linear.again(values[seen], labels[seen], weights[seen])
        start = start if known is None else start + known.parts(values[seen]).sum(axis=1)
        return _sought(values[seen], labels[seen], weights[seen], start, among)

    held_out = np.zeros(len(labels))
    for number, (seen, held) in enumerate(splits):
        found = sought(seen, None if treated is None else treated.parts[number])
        held_out[held] = found.parts(values[held]).sum(axis=1)
    return sought(np.arange(len(labels)), None if treated is None else treated.pairs), held_out


def _sought(
    values: Floats, labels: NDArray[np.int64], weights: Floats, start: Floats, among: NDArray[np.intp]
) -> Pairs:
    """Pairs of one set of patients, of some columns, beside what is known of the same patients."""
    residual = weights * (labels - expit(start))
    if len(among) > MOST:
        alone = np.abs(residual @ values) / np.sqrt((residual**2) @ (values**2) + _TINY)
        among = np.sort(among[np.argsort(-alone[among], kind="stable")[:MOST]])
    some = values[:, among]
    size = ((some**2) * (residual**2)[:, None]).T @ some**2
    score = np.abs((some * residual[:, None]).T @ some) / np.sqrt(np.maximum(size, _TINY))
    one, other = np.triu_indices(len(among), 1)
    order = np.argsort(-score[one, other], kind="stable")[:NUMBER]
    places = among[one[order]], among[other[order]]
    return Pairs.of(values, places, precision=PRECISION, searched=True).fit(values, labels, weights, start)
