r"""The value of a rule: the share who would respond had everyone been given what the rule prefers.

Patients were dealt to regimens within strata, so :math:`e_i`, the chance that a patient of this stratum was given what
they were given, is known up to the shares of the training part. With :math:`Y_i` the response, :math:`A_i` what was
given, :math:`\pi_i` what the rule prefers and :math:`w_i = 1[A_i=\pi_i]/e_i`:

- inverse probability weighting (Hájek's ratio), :math:`\sum w_i Y_i / \sum w_i`;
- doubly robust (augmented; Robins, Rotnitzky & Zhao 1994; for rules Zhang et al., Biometrics 68:1010, 2012), the mean
  of :math:`\psi_i = m_i(\pi_i) + w_i\,(Y_i - m_i(A_i))` with :math:`m_i(a)` the model's probability of response under
  *a*, learned without patient *i*. Where the shares are right it is unbiased whatever the model; a good one makes it
  sharper.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a rule prefers for some patients, and what is needed to value it.

    Attributes:
        response: ``(patient,)`` 0/1.
        followed: ``(patient,)`` whether the patient was given what the rule prefers.
        propensity: ``(patient,)`` of what was given, within the stratum, above 0.
        expected: ``(patient,)`` probability of response under what the rule prefers, by a model that did not see them.
        fitted: ``(patient,)`` the same under what was given.
    """

    response: Floats
    followed: NDArray[np.bool_]
    propensity: Floats
    expected: Floats
    fitted: Floats

    @cached_property
    def weights(self) -> Floats:
        """``(patient,)`` :math:`w_i`."""
        return np.asarray(self.followed / self.propensity, dtype=np.float64)

    @cached_property
    def terms(self) -> Floats:
        r"""``(patient,)`` :math:`\psi_i`."""
        return self.expected + self.weights * (self.response - self.fitted)

    def weighted(self, counts: Floats) -> Floats:
        """Inverse probability weighting in every draw; NaN where nobody drawn was given what is preferred.

        Args:
            counts: ``(draw, patient)`` how often a patient counts.
        """
        below = counts @ self.weights
        above = counts @ (self.weights * self.response)
        return _share(above, below)

    def robust(self, counts: Floats) -> Floats:
        """The doubly robust value in every draw."""
        return average(self.terms, counts)

    @property
    def effective(self) -> float:
        r"""Effective sample size, :math:`(\sum w)^2/\sum w^2` (Kish 1965): followers, by how even their weights are."""
        squares = float((self.weights**2).sum())
        return float(self.weights.sum()) ** 2 / squares if squares > 0 else 0.0


def average(values: Floats, counts: Floats) -> Floats:
    """``(draw,)`` means; NaN where nobody is drawn."""
    below = counts.sum(axis=1)
    return _share(counts @ values, below)


def _share(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0), dtype=np.float64)
