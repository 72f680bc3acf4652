r"""Products of two columns that stand out: a marker that matters under one treatment alone, for example.

Of all pairs of standardised columns :math:`x_i x_j` those few are taken whose score test against the linear model is
largest, :math:`|\sum r x_i x_j| / \sqrt{\sum r^2 x_i^2 x_j^2}` with the residual *r* (Rao's test of one more
coefficient, with the variance that holds whatever the model; all pairs in two products of matrices). Their coefficients
are fitted with the linear logits held fixed. How much is kept is left to patients who had no part in the search
(`fusion.plain.gate`): the best of many pairs always looks good to those who chose it.

Products of a regimen with every other column are not searched for but asked for (`fusion.plain.products.regimens`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fusion.plain.products.pairs import TINY, Pairs
from fusion.plain.products.regimens import Treated
from fusion.plain.products.seen import Beside, Rows, Seen

Floats = NDArray[np.float64]

NUMBER = 3
"""Pairs that are taken; chosen, like `PRECISION`, on ``benchmarks/generated_cohorts.py`` at seeds 0 to 3."""

PRECISION = 5.0
"""Of the prior on their coefficients."""

MOST = 600
"""Columns among which pairs are sought: those of the largest score alone, where there are more."""


def fit_searched(beside: Beside, *, treated: Treated | None = None) -> tuple[Pairs, Floats]:
    """Find and fit pairs on all training patients, and for held-out patients on those of each split alone.

    Args:
        beside: the regression and its training patients.
        treated: products of regimens, beside which those of other columns are sought.

    Returns:
        The pairs, and ``(patient,)`` what pairs add that were sought and fitted without the patient.
    """
    if treated is None:
        among, whole, parts = np.arange(beside.whole.values.shape[1]), beside.whole, beside.parts
    else:
        among, whole = np.flatnonzero(~treated.columns), beside.whole.beside(treated.pairs)
        parts = [seen.beside(pairs) for seen, pairs in zip(beside.parts, treated.parts, strict=True)]
    return _searched(whole, among), beside.added([_searched(seen, among) for seen in parts])


def _searched(seen: Seen, among: Rows) -> Pairs:
    """Pairs of some columns."""
    among = seen.largest(among, MOST)
    some, residual = seen.values[:, among], seen.residual
    size = ((some**2) * (residual**2)[:, None]).T @ some**2
    score = np.abs((some * residual[:, None]).T @ some) / np.sqrt(np.maximum(size, TINY))
    one, other = np.triu_indices(len(among), 1)
    order = np.argsort(-score[one, other], kind="stable")[:NUMBER]
    pairs = Pairs.of(seen.values, (among[one[order]], among[other[order]]), precision=PRECISION, searched=True)
    return pairs.fit(seen.values, seen.labels, seen.weights, seen.start)
