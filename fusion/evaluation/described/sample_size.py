r"""Whether patients are enough for a model of so many parameters (Riley et al., BMJ 368:m441, 2020).

For a binary outcome of prevalence :math:`\phi`, *P* candidate parameters and an anticipated Cox-Snell
:math:`R^2_{CS}`, with :math:`\max R^2_{CS} = 1-(\phi^\phi(1-\phi)^{1-\phi})^2`:

1. a shrinkage of 0.9 or more: :math:`n = P/((S-1)\ln(1-R^2_{CS}/S))` with *S* = 0.9;
2. optimism of 0.05 or less in Nagelkerke's :math:`R^2`: the same with
   :math:`S = R^2_{CS}/(R^2_{CS}+0.05\max R^2_{CS})`;
3. the overall risk within 0.05: :math:`n = (1.96/0.05)^2\phi(1-\phi)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

ANTICIPATED = 0.15
"""Share of the maximum that Riley et al. take where nothing is known of R²."""


def sample_size(*, patients: int, events: int, parameters: int, r2: float | None = None) -> dict[str, Any]:
    """What the criteria ask and what there is.

    Args:
        patients: with a label.
        events: of the positive class.
        parameters: candidates of the model, before any selection; 0 where there is no tabulated one.
        r2: anticipated Cox-Snell R²; None: `ANTICIPATED` of its maximum.

    Returns:
        ``events_per_parameter`` (of the rarer class), ``needed`` by criterion, ``enough``; None where undefined.
    """
    share = events / patients if patients else 0.0
    rarer = min(events, patients - events)
    found: dict[str, Any] = {
        "patients": patients, "events": events, "parameters": parameters,
        "events_per_parameter": rarer / parameters if parameters else None,
        "needed": None, "enough": None, "anticipated_share_of_r2": ANTICIPATED if r2 is None else None,
    }  # fmt: skip
    if not 0 < share < 1 or not parameters:
        return found
    most = 1 - (share**share * (1 - share) ** (1 - share)) ** 2
    expected = ANTICIPATED * most if r2 is None else r2
    optimism = expected / (expected + 0.05 * most)
    needed = {
        "shrinkage": _needed(parameters, expected, 0.9),
        "optimism": _needed(parameters, expected, optimism),
        "overall_risk": int(np.ceil((1.96 / 0.05) ** 2 * share * (1 - share))),
    }
    return found | {"needed": needed, "enough": patients >= max(needed.values())}


def per_parameter(*, patients: int, counts: Sequence[int], parameters: int) -> dict[str, Any]:
    """Of other endpoints: patients of the rarest class (of times: events) per parameter, and no criteria.

    Args:
        patients: with a label.
        counts: of those, by each label that the endpoint needs.
        parameters: as of `sample_size`.
    """
    rarest = min(counts)
    return {
        "patients": patients, "events": rarest, "parameters": parameters,
        "events_per_parameter": rarest / parameters if parameters else None, "needed": None, "enough": None,
    }  # fmt: skip


def _needed(parameters: int, r2: float, shrinkage: float) -> int:
    return int(np.ceil(parameters / ((shrinkage - 1) * np.log(1 - r2 / shrinkage))))
