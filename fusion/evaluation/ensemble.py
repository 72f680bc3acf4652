"""How far an ensemble's logits can be trusted, told from members of which each patient has one that never saw them.

A calibrator learned on single members' logits is too flat for their mean: the mean carries less of what only one
member believes. How much less follows from how alike the members are.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST = 0.05
"""Of the agreement: below it members share nothing, and a few patients' noise must not make scores extreme."""


def agreement(logits: Floats, unseen: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    r"""Share of the variance of one member's logits, of patients it never saw, that the other members share.

    With :math:`f_m = g + e_m`, *g* what all members would say on average and *e* what training on other patients, from
    other weights, adds: :math:`\lambda = 1 - \operatorname{Var}(e) / \operatorname{Var}(f)`, where Var(f) is of logits
    of unseen patients. Two members' difference has variance 2 Var(e). No patient is unseen by two members, so it is
    estimated twice, and the mean taken:

    - between two members that both trained on a patient; what both remember of a label cancels;
    - between one that did and the one that did not, within classes, so that what is remembered on average cancels.

    Args:
        logits: ``(member, patient)`` or ``(member, patient, class)``, of training patients.
        unseen: ``(member, patient)``: whom a member did not train on.
        labels: ``(patient,)`` ints.

    Returns:
        Between `LEAST` and 1; 1 where logits do not vary.
    """
    values = _classes(logits)
    total = np.concatenate([values[member][unseen[member]] for member in range(len(values))]).var(axis=0).sum()
    if total < 1e-12:
        return 1.0
    both, mixed = [], []
    for one, other in combinations(range(len(values)), 2):
        difference = values[one] - values[other]
        seen = ~unseen[one] & ~unseen[other]
        if seen.sum() > 1:
            both.append(difference[seen].var(axis=0).sum() / 2)
        for rows in (unseen[one] & ~unseen[other], unseen[other] & ~unseen[one]):
            if rows.sum() > 1:
                mixed.append(_within(difference[rows], labels[rows]).var(axis=0).sum() / 2)
    found = [float(np.mean(part)) for part in (both, mixed) if part]
    if not found:
        return 1.0
    return float(np.clip(1 - np.mean(found) / total, LEAST, 1.0))


def steepness(share: float, members: int) -> float:
    r"""By how much the slope of the mean of `members` logits exceeds that of one.

    The mean's own agreement is :math:`\lambda_M = M \lambda / (1 + (M - 1) \lambda)` (Spearman 1910; Brown 1910), and
    a slope on a noisy regressor is proportional to it (Carroll et al., *Measurement Error in Nonlinear Models*, 2006,
    section 3.2): :math:`\lambda_M / \lambda = M / (1 + (M - 1) \lambda)`.

    Args:
        share: `agreement` of the members.
        members: whose logits are averaged.
    """
    return members / (1 + (members - 1) * share)


def _classes(logits: Floats) -> Floats:
    """``(member, patient, class)``; a constant added to all logits of a patient means nothing and is taken off."""
    if logits.ndim == 2:
        return logits[..., None]
    centred: Floats = logits - logits.mean(axis=2, keepdims=True)
    return centred


def _within(difference: Floats, labels: NDArray[np.int64]) -> Floats:
    centred = difference.copy()
    for label in np.unique(labels):
        centred[labels == label] -= centred[labels == label].mean(axis=0)
    return centred
