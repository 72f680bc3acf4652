r"""Elastic net: few columns, alike ones together (Zou and Hastie, J. R. Stat. Soc. B 67, 2005).

.. math:: L(X\beta) / n + \lambda (a \lVert\beta\rVert_1 + (1 - a) \lVert\beta\rVert_2^2 / 2)

along a path of :math:`\lambda`, each fit begun at the one before, of those columns alone that the strong rule lets in;
which it forgot are found by the conditions of an optimum, and let in (Tibshirani et al., J. R. Stat. Soc. B 74, 2012).
All modalities' columns are drawn alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fusion.plain.penalties import Net, Tried
from fusion.plain.training import Split

Floats = NDArray[np.float64]

MIXED = 0.5
"""*a*: half of the penalty is L1."""

STEPS, LEAST = 12, 0.02
"""Penalties of the path, and the last as a share of the first, which leaves no column in."""

PATIENCE = 3
"""Penalties in a row that held-out patients like less than the best, after which weaker ones are not tried."""


class Likelihood(Protocol):
    """A loss of patients by what is linear in their columns."""

    @property
    def patients(self) -> int:
        """How many."""
        ...

    def losses(self, latent: Floats) -> Floats:
        """``(patient,)`` of ``(patient[, output])`` linear scores, convex in them."""
        ...

    def gradient(self, latent: Floats) -> Floats:
        """``(patient[, output])``: derivative of the summed losses."""
        ...


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What an elastic net is fitted to.

    Attributes:
        design: ``(patient, column)`` standardised.
        likelihood: of the same patients.
        origin: whether the scores have one, which no penalty draws to 0.
        outputs: how many a patient has; 0 where scores are a vector.
    """

    design: Floats
    likelihood: Likelihood
    origin: bool = True
    outputs: int = 0

    @property
    def columns(self) -> Floats:
        """``(patient, column [+ 1])``, the origin's last."""
        return np.hstack([self.design, np.ones((len(self.design), 1))]) if self.origin else self.design

    @property
    def free(self) -> int:
        """How many of the last columns have no penalty."""
        return int(self.origin)

    @cached_property
    def nothing(self) -> Floats:
        """``(column [+ 1][, output])`` coefficients where every column's is 0."""
        width = self.design.shape[1]
        found = np.zeros((width + self.free, *([self.outputs] if self.outputs else [])))
        if self.origin:
            ones = np.ones((len(self.design), 1))
            found[width:] = elastic_net(ones, self.likelihood, 0.0, start=found[width:], free=1)
        return found

    def path(self) -> list[float]:
        """Penalties, the strongest first: the least that leaves no column in, and on from there."""
        latent = self.columns @ self.nothing
        slope = self.design.T @ self.likelihood.gradient(latent) / self.likelihood.patients
        first = max(float(np.abs(slope).max(initial=0.0)), 1e-6) / MIXED
        return [float(first * LEAST ** (step / (STEPS - 1))) for step in range(STEPS)]

    def along(self, penalties: Sequence[float]) -> Iterator[Floats]:
        """``(column [+ 1][, output])`` coefficients of each penalty, the strongest first."""
        beta, columns, last = self.nothing, self.columns, penalties[0]
        for penalty in penalties:
            beta = _screened(columns, self.likelihood, penalty, last=last, start=beta, free=self.free)
            last = penalty
            yield beta


def tried_nets(
    problem: Problem,
    splits: Sequence[Split],
    on: Callable[[NDArray[np.intp]], Likelihood],
    judged: Callable[[Floats], Floats],
    *,
    patience: int | None = None,
) -> dict[float, Tried]:
    """Penalties, the strongest first → what models of the other patients say of each patient.

    Args:
        problem: of all patients.
        splits: for cross-fitting; every patient is held out once.
        on: places of patients → their likelihood.
        judged: ``(patient[, output])`` scores of held-out patients → losses whose sum judges a penalty.
        patience: `PATIENCE`, or None to try all.
    """
    penalties = problem.path()
    parts = [
        Problem(design=problem.design[seen], likelihood=on(seen), origin=problem.origin, outputs=problem.outputs).along(
            penalties
        )
        for seen, _ in splits
    ]
    columns, found, best, since = problem.columns, {}, np.inf, 0
    for penalty, fits in zip(penalties, zip(*parts, strict=True), strict=True):
        scores = np.zeros((len(columns), *([problem.outputs] if problem.outputs else [])))
        for (_, out), beta in zip(splits, fits, strict=True):
            scores[out] = columns[out] @ beta
        found[penalty] = Tried(logits=scores, loss=judged(scores))
        total = float(found[penalty].loss.sum())
        since = 0 if total < best else since + 1
        best = min(best, total)
        if since == patience:
            break
    return found


def fit_at(problem: Problem, tried: dict[float, Tried], penalty: float) -> Net:
    """Fit all patients down the path to one of the penalties that were tried."""
    penalties = [one for one in tried if one >= penalty]
    *_, beta = problem.along(penalties)
    width = problem.design.shape[1]
    outputs = max(problem.outputs, 1)
    origin = beta[width].reshape(outputs) if problem.origin else np.zeros(outputs)
    coefficients = beta[:width].reshape(width, outputs).T
    return Net(coefficients=coefficients, intercept=origin, penalty=penalty, tried=tried[penalty])


def _screened(
    columns: Floats, likelihood: Likelihood, penalty: float, *, last: float, start: Floats, free: int
) -> Floats:
    """From the optimum of `last` on, of columns that may matter."""

    def slopes(beta: Floats) -> Floats:
        found = np.abs(columns.T @ likelihood.gradient(columns @ beta)) / likelihood.patients
        return np.asarray(found.reshape(len(beta), -1).max(axis=1), dtype=np.float64)

    beta = start
    inside = (np.abs(beta).reshape(len(beta), -1).max(axis=1) > 0) | (slopes(beta) >= MIXED * (2 * penalty - last))
    inside[len(beta) - free :] = True
    while True:
        beta = np.zeros_like(start)
        beta[inside] = elastic_net(columns[:, inside], likelihood, penalty, start=start[inside], free=free)
        forgotten = ~inside & (slopes(beta) > MIXED * penalty * (1 + 1e-3))
        if not forgotten.any():
            return beta
        inside, start = inside | forgotten, beta


def elastic_net(
    design: Floats,
    likelihood: Likelihood,
    penalty: float,
    *,
    mixed: float = MIXED,
    start: Floats | None = None,
    free: int = 0,
    tolerance: float = 1e-5,
    steps: int = 500,
) -> Floats:
    r"""Coefficients, by accelerated proximal gradients (Beck and Teboulle, SIAM J. Imaging Sci. 2, 2009).

    Momentum is dropped where it leads uphill (O'Donoghue and Candès, Found. Comput. Math. 15, 2015).

    Args:
        design: ``(patient, column)`` standardised.
        likelihood: of the same patients.
        penalty: :math:`\lambda`.
        mixed: *a*.
        start: ``(column[, output])`` where to begin; None is a vector of zeros.
        free: how many of the last columns have no penalty.
        tolerance: a step that moves no coefficient further, times the step's inverse, is the last.
        steps: at most.
    """
    beta = np.zeros(design.shape[1]) if start is None else start
    number = likelihood.patients
    drawn = np.ones((len(beta), *([1] * (beta.ndim - 1))))
    drawn[len(beta) - free :] = 0.0
    ridge, lasso = penalty * (1 - mixed) * drawn, penalty * mixed * drawn

    def smooth(at: Floats, scores: Floats) -> float:
        return float(likelihood.losses(scores).sum()) / number + float((ridge * at * at).sum()) / 2

    point, pace, size = beta, 1.0, 1.0
    scores = of_point = design @ beta
    for _ in range(steps):
        slope, here = design.T @ likelihood.gradient(of_point) / number + ridge * point, smooth(point, of_point)
        while True:
            moved = point - size * slope
            new = np.sign(moved) * np.maximum(np.abs(moved) - size * lasso, 0.0)
            step, of_new = new - point, design @ new
            bound = here + float((slope * step).sum()) + float((step * step).sum()) / (2 * size) + 1e-15
            if size < 1e-12 or smooth(new, of_new) <= bound:
                break
            size /= 2
        if np.abs(step).max(initial=0.0) / size <= tolerance:
            return np.asarray(new, dtype=np.float64)
        if (step * (new - beta)).sum() < 0:
            pace, point, of_point = 1.0, new, of_new
        else:
            faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
            ahead = (pace - 1) / faster
            pace, point, of_point = faster, new + ahead * (new - beta), of_new + ahead * (of_new - scores)
        beta, scores, size = new, of_new, size * 1.3
    return np.asarray(beta, dtype=np.float64)
