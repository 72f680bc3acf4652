r"""Grades by cumulative links with proportional odds (McCullagh, J. R. Stat. Soc. B 42:109–142, 1980).

.. math:: P(y > k \mid x) = \sigma(\eta(x) - \theta_k), \qquad \theta_0 < \theta_1 < \dots

One latent logit :math:`\eta` a patient; cut-points :math:`\theta` between neighbouring grades. A constant added to all
latent logits moves the cut-points and means nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_LEAST = 1e-12


def probabilities(latent: Floats, cuts: Floats) -> Floats:
    """``(patient, grade)``, rows sum to 1."""
    above, below = _sides(latent[:, None], cuts)
    share = np.maximum(above - below, _LEAST)
    return np.asarray(share / share.sum(axis=1, keepdims=True), dtype=np.float64)


def losses(latent: Floats, cuts: Floats, labels: Labels) -> Floats:
    """``(patient,)`` −log of the probability given to each patient's grade."""
    above, below = _of_labels(latent, cuts, labels)
    return np.asarray(-np.log(np.maximum(above - below, _LEAST)), dtype=np.float64)


def along(latent: Floats, cuts: Floats, labels: Labels) -> tuple[Floats, Floats]:
    """``(patient,)`` each: first and second derivative of each patient's loss by their latent logit."""
    above, below = _of_labels(latent, cuts, labels)
    return above + below - 1.0, above * (1 - above) + below * (1 - below)


def fit_cuts(latent: Floats, labels: Labels, grades: int, weights: Floats | None = None) -> Floats:
    """``(grade − 1,)`` ascending cut-points of greatest likelihood, given latent logits.

    A grade that nobody is of counts as if half a patient were.
    """
    return fit_ordinal(np.zeros((len(labels), 0)), labels, grades, strength=1.0, offset=latent, weights=weights)[1]


def fit_ordinal(
    design: Floats,
    labels: Labels,
    grades: int,
    *,
    strength: float,
    offset: Floats | None = None,
    weights: Floats | None = None,
    start: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    r"""Ridge regression of grades: coefficients and cut-points of least loss :math:`+ \lVert\beta\rVert^2 / (2 C)`.

    Args:
        design: ``(patient, column)`` standardised.
        labels: ``(patient,)`` grades from 0.
        grades: how many there are.
        strength: C, the variance of the prior on a coefficient; cut-points have none.
        offset: ``(patient,)`` added to the latent logits.
        weights: ``(patient,)``; None weighs all alike.
        start: coefficients and cut-points to begin with.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    offset = np.zeros(len(labels)) if offset is None else offset
    columns = design.shape[1]
    if start is None:
        share = np.maximum(np.bincount(labels, weights=weights, minlength=grades), 0.5)
        beyond = 1 - np.cumsum(share)[:-1] / share.sum()
        start = np.zeros(columns), float(offset.mean()) - np.log(beyond / (1 - beyond))
    beta, cuts = start
    # Cut-points as the first and logs of steps, so that they ascend whatever the optimiser tries.
    begin = np.concatenate([beta, cuts[:1], np.log(np.maximum(np.diff(cuts), 1e-6))])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        beta, steps = parameters[:columns], np.exp(np.clip(parameters[columns + 1 :], -20, 20))
        cuts = np.concatenate([parameters[columns : columns + 1], parameters[columns] + np.cumsum(steps)])
        latent = offset + design @ beta
        above, below = _of_labels(latent, cuts, labels)
        share = np.maximum(above - below, _LEAST)
        by_latent = weights * (above + below - 1.0)
        by_cut = np.zeros(grades + 1)  # of the cut-point below each grade, none below the first nor above the last
        by_cut[:-1] += np.bincount(labels, weights=weights * above * (1 - above) / share, minlength=grades)
        by_cut[1:] -= np.bincount(labels, weights=weights * below * (1 - below) / share, minlength=grades)
        inner = by_cut[1:-1]
        later = np.cumsum(inner[::-1])[::-1]
        gradient = np.concatenate([design.T @ by_latent + beta / strength, later[:1], later[1:] * steps])
        # Steps far from 1 are drawn back a little: two cut-points that no patient keeps apart would meet.
        drawn = 1e-4 * parameters[columns + 1 :]
        gradient[columns + 1 :] += drawn
        value = float(weights @ -np.log(share)) + float(beta @ beta) / (2 * strength)
        return value + float(drawn @ parameters[columns + 1 :]) / 2, gradient

    options = {"maxiter": 1000, "gtol": 1e-6, "ftol": 1e-12}
    found = np.asarray(minimize(loss, begin, jac=True, method="L-BFGS-B", options=options).x, dtype=np.float64)
    steps = np.exp(np.clip(found[columns + 1 :], -20, 20))
    cuts = np.concatenate([found[columns : columns + 1], found[columns] + np.cumsum(steps)])
    return found[:columns], cuts


def kappa(labels: Labels, called: Labels, counts: Floats, *, grades: int) -> Floats:
    """Quadratic-weighted kappa (Cohen, Psychol. Bull. 70:213–220, 1968) of every draw, ``(draw,)``.

    NaN where a draw leaves it undefined: everybody of one grade and called so.

    Args:
        labels: ``(patient,)`` grades.
        called: ``(patient,)`` grades.
        counts: ``(draw, patient)`` how often each patient is drawn.
        grades: how many there are.
    """
    total = counts.sum(axis=1)
    seen = counts @ ((labels - called) ** 2).astype(np.float64)
    true, told = (counts @ (one[:, None] == np.arange(grades)) for one in (labels, called))
    apart = (np.arange(grades)[:, None] - np.arange(grades)) ** 2
    by_chance = np.einsum("dk,kl,dl->d", true, apart, told)
    ratio: Floats = np.divide(seen * total, by_chance, out=np.full(len(counts), np.nan), where=by_chance > 0)
    return 1 - ratio


def called(scores: Floats) -> Labels:
    """The grade nearest to the expected one, which loses least where an error counts by its square."""
    return np.asarray(np.rint(scores @ np.arange(scores.shape[1])), dtype=np.int64)


def _sides(latent: Floats, cuts: Floats) -> tuple[Floats, Floats]:
    """Probability to be of a grade or more, and of more than it, ``(patient, grade)`` each."""
    above = expit(latent - cuts)
    ends = np.ones((len(latent), 1)), np.zeros((len(latent), 1))
    return np.hstack([ends[0], above]), np.hstack([above, ends[1]])


def _of_labels(latent: Floats, cuts: Floats, labels: Labels) -> tuple[Floats, Floats]:
    """The same of each patient's own grade, ``(patient,)`` each."""
    padded = np.concatenate([[-np.inf], cuts, [np.inf]])
    return expit(latent - padded[labels]), expit(latent - padded[labels + 1])
