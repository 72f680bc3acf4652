"""Add to a regression the products of its columns that held-out patients support."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.plain.gate import SEARCHED, fit_gate
from fusion.plain.linear import Linear
from fusion.plain.products.crossed import Crossed
from fusion.plain.products.regimens import fit_treated
from fusion.plain.products.searched import fit_searched
from fusion.plain.products.seen import Beside
from fusion.plain.training import Training

Floats = NDArray[np.float64]


def fit_crossed(
    linear: Linear, training: Training, *, held_out: Floats, treatments: Sequence[str]
) -> tuple[Linear | Crossed, Floats]:
    """Products of the regimen with every other column, and beside them the few others that stand out.

    Args:
        linear: fitted on the same patients.
        training: the patients; of more than two classes nothing is sought.
        held_out: ``(patient,)`` logits by linear models that did not see the patient.
        treatments: modalities that read the regimen.

    Returns:
        The model, and the logits of each patient by one that did not see their label.
    """
    if len(linear.intercept) > 1:
        return linear, held_out
    beside = Beside.of(linear, training)
    treated = fit_treated(beside, held_out=held_out, treatments=treatments)
    products = None if treated is None else treated.pairs
    held_out = held_out if treated is None else held_out + treated.held_out
    pairs, added = fit_searched(beside, treated=treated)
    share = fit_gate(held_out, added, training.labels, training.weights).cautious(SEARCHED)
    if share > 0:
        products, held_out = pairs.kept(share).beside(products), held_out + share * added
    return (linear if products is None else Crossed(linear=linear, pairs=products)), held_out
