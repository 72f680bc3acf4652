"""How alike the feature sets are that different folds select."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z = 1.959963984540054


@dataclass(frozen=True, kw_only=True)
class Stability:
    """1 when all sets agree, about 0 for random sets, NaN where it is undefined; with a 95 % interval."""

    value: float
    low: float
    high: float


def nogueira_stability(chosen: NDArray[np.bool_]) -> Stability:
    r"""Stability of feature selection (Nogueira, Sechidis & Brown, JMLR 18(174):1–54, 2018).

    With :math:`M` sets of :math:`d` candidates, :math:`\hat p_f` the frequency of feature *f*,
    :math:`s_f^2 = \frac{M}{M-1}\hat p_f(1-\hat p_f)` and :math:`\bar k` the mean number selected (Definition 4):

    .. math:: \hat\Phi = 1 - \frac{\frac1d\sum_f s_f^2}{\frac{\bar k}{d}\left(1-\frac{\bar k}{d}\right)}

    Its standard error (Theorem 7), with :math:`k_i` the number selected in *i*, :math:`z_{i,f}` whether *f* was:

    .. math::
        \hat\Phi_i = \frac{1}{\frac{\bar k}{d}(1-\frac{\bar k}{d})}\left[\frac1d\sum_f z_{i,f}\hat p_f
        - \frac{k_i\bar k}{d^2}
        + \frac{\hat\Phi}{2}\left(\frac{2 k_i\bar k}{d^2}-\frac{k_i}{d}-\frac{\bar k}{d}+1\right)\right],\quad
        \hat v = \frac{4}{M^2}\sum_i(\hat\Phi_i-\bar\Phi)^2

    Args:
        chosen: ``(set, candidate)`` bool; at least two sets.
    """
    M, d = chosen.shape
    z = chosen.astype(np.float64)
    share = float(z.mean()) if chosen.size else 0.0
    if M < 2 or not 0 < share < 1:
        return Stability(value=math.nan, low=math.nan, high=math.nan)
    p, k = z.mean(axis=0), z.sum(axis=1)
    chance = share * (1 - share)
    value = 1 - (M / (M - 1) * p * (1 - p)).mean() / chance
    phi = ((z * p).mean(axis=1) - k / d * share + value / 2 * (2 * k / d * share - k / d - share + 1)) / chance
    error = math.sqrt(4 / M**2 * float(((phi - phi.mean()) ** 2).sum()))
    return Stability(value=float(value), low=float(value - _Z * error), high=float(min(1.0, value + _Z * error)))
