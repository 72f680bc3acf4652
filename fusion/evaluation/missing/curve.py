"""Discrimination and calibration of the trained model as more and more of what it reads is missing.

At a share *q* every modality of every patient is lost with chance *q*, independently. What the model then says of a
patient was scored out of fold for every subset; patients of whom nothing is left get the prevalence, of times the
average risk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.gauges.kinds import gauge_of
from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.units import units_of

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]
SHARES = tuple(round(0.1 * step, 1) for step in range(11))
DEALS = 20
"""Times that patients lose modalities at each share."""
DRAWS = 400
"""Of the bootstrap, at most: there is one for every deal."""


def missing_curve(
    fused: pd.DataFrame,
    withheld: pd.DataFrame,
    outcome: Outcome,
    modalities: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """The part ``missing`` of metrics.json; empty where nothing was withheld.

    Args:
        fused: out-of-fold rows of the fused arm.
        withheld: the same columns; `arm` names what was kept, joined by ``+``.
        outcome: of the endpoint.
        modalities: all of them.
        draws: of the bootstrap, at most `DRAWS`.
        seed: of it and of who loses what.

    Returns:
        ``metric``, ``curve`` (by share the metric and the calibration gap, observed minus expected, with 95 %
        intervals) and ``subsets`` (what is kept, and the same of it).
    """
    if withheld.empty:
        return {}
    whole = "+".join(modalities)
    every = pd.concat([fused.assign(arm=whole), withheld], ignore_index=True)
    patients = sorted(every["patient_id"].unique())
    first = fused[fused["repeat"] == fused["repeat"].min()]
    plan = resample(units_of(first, patients).of, min(draws, DRAWS), seed=seed)
    repeats = [_Repeat(rows, patients, outcome, plan.counts) for _, rows in every.groupby("repeat")]
    rng = np.random.default_rng([seed, 5])
    return {
        "metric": outcome.chosen,
        "deals": DEALS,
        **repeats[0].gauge.told(),
        "modalities": list(modalities),
        "curve": [
            {"share": share, **_summary([_dealt(one, share, len(modalities), rng) for one in repeats], repeats, plan)}
            for share in SHARES
        ],
        "subsets": [
            {"kept": arm.split("+"), **_summary([[one.scores[arm]] for one in repeats], repeats, plan)}
            for arm in repeats[0].scores
            if arm
        ],
    }


class _Repeat:
    """One repeat: scores of everybody by what is kept, ``""`` where it is nothing."""

    def __init__(self, rows: pd.DataFrame, patients: Sequence[str], outcome: Outcome, counts: Floats) -> None:
        tables = {
            str(arm): part.set_index("patient_id").loc[list(patients)] for arm, part in rows.groupby("arm", sort=False)
        }
        self.truth = outcome.truth_of(next(iter(tables.values())))
        self.gauge = gauge_of(outcome, [self.truth], counts)
        self.scores = {arm: outcome.of_columns(table) for arm, table in tables.items()}
        self.scores[""] = self.gauge.of_nobody()


def _dealt(one: _Repeat, share: float, modalities: int, rng: np.random.Generator) -> list[Floats]:
    """Everybody's scores, some of whose modalities are lost; a deal each. Without chance one deal says it all."""
    by_size: dict[int, list[Floats]] = {}
    for arm, scores in one.scores.items():
        by_size.setdefault(len(arm.split("+")) if arm else 0, []).append(scores)
    patients = len(one.truth)
    made = []
    for _ in range(DEALS if 0 < share < 1 else 1):
        kept = modalities - rng.binomial(modalities, share, patients)
        which = rng.random(patients)
        scores = np.empty_like(one.scores[""])
        for size, several in by_size.items():
            for place, told in enumerate(several):
                here = (kept == size) & (np.floor(which * len(several)) == place)
                scores[here] = told[here]
        made.append(scores)
    return made


def _summary(dealt: Sequence[Sequence[Floats]], repeats: Sequence[_Repeat], plan: Resampling) -> Mapping[str, Any]:
    """Mean over deals and repeats, with intervals."""
    pairs = [(one, scores) for one, several in zip(repeats, dealt, strict=True) for scores in several]
    value = np.mean([one.gauge.value([scores]) for one, scores in pairs], axis=0)
    gap = np.mean([one.gauge.calibration([scores]) for one, scores in pairs], axis=0)
    return {"value": plan.value(value).record(), "calibration": plan.value(gap).record()}
