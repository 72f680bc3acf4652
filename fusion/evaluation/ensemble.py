"""How far an ensemble's logits can be trusted, told from members of which each patient has one that never saw them.

A calibrator learned on single members' logits is too flat for their mean: the mean carries less of what only one
member believes. How much less follows from how alike the members are and from how far their logits spread.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST = 0.05
"""Of the agreement: below it members share nothing, and a few patients' noise must not make scores extreme."""

PROBIT = 1 / 1.7**2
"""The logistic distribution function is near that of a normal variable with a standard deviation of 1.7."""


def agreement(logits: Floats, unseen: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    r"""Share of the variance of one member's logits, of patients it never saw, that the other members share.

    With :math:`f_m = g + e_m`, *g* what all members would say on average and *e* what training on other patients, from
    other weights, adds: :math:`\lambda = 1 - \operatorname{Var}(e) / \operatorname{Var}(f)`, where Var(f) is of logits
    of unseen patients. No patient is unseen by two members, so Var(e) of an unseen one follows from two differences:

    - of two members that both trained on a patient, whose memories of the label cancel: twice Var(e) of a seen patient,
      which is less than that of an unseen one, for both were drawn towards the label;
    - of one that did and the one that did not, within classes, so that what is remembered on average cancels: Var(e) of
      a seen patient plus that of an unseen one.

    The second less half the first is wanted; of two members there is no patient that both saw, and the second is
    halved.

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
            both.append(difference[seen].var(axis=0).sum())
        for rows in (unseen[one] & ~unseen[other], unseen[other] & ~unseen[one]):
            if rows.sum() > 1:
                mixed.append(_within(difference[rows], labels[rows]).var(axis=0).sum())
    if not mixed:
        return 1.0
    across = float(np.mean(mixed))
    seen_alone = float(np.mean(both)) / 2 if both else across / 2
    return float(np.clip(1 - (across - seen_alone) / total, LEAST, 1.0))


def narrowing(share: float, members: int) -> float:
    r"""By how much the variance of the mean of `members` logits is below that of one.

    Also by how much the mean's agreement exceeds that of one: :math:`\lambda_M = M \lambda / (1 + (M - 1) \lambda)`
    (Spearman 1910; Brown 1910).
    """
    return members / (1 + (members - 1) * share)


def steepness(share: float, members: int, *, variance: float = 0.0) -> float:
    r"""By how much the slope of the mean of `members` logits exceeds that of one.

    A slope on a noisy regressor is proportional to the regressor's agreement (`narrowing`), and in a logistic model
    flatter still, for what the noise hides of *g* is left over (Carroll et al., *Measurement Error in Nonlinear
    Models*, 2006, sections 3.2 and 4.8.2): with :math:`\beta` the slope of *g* itself and *V* the variance of one
    member's calibrated logits,

    .. math:: s(\lambda) = \beta \lambda / \sqrt{1 + \beta^2 V \lambda_1 (1 - \lambda) / 1.7^2}, \quad s(\lambda_1) = 1.

    Where no slope of *g* is steep enough for that, so that *V* and :math:`\lambda_1` cannot both be right, the steepest
    is taken.

    Args:
        share: `agreement` of the members, :math:`\lambda_1`.
        members: whose logits are averaged.
        variance: *V*; 0 for scores that are not probabilities.
    """
    mean = share * narrowing(share, members)
    left = share**2 - PROBIT * variance * share * (1 - share)
    if left <= 0:
        return float(mean / np.sqrt(PROBIT * variance * share * (1 - mean)))
    return float(mean / np.sqrt(left + PROBIT * variance * share * (1 - mean)))


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
