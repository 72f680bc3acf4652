"""Regimens beside the control, one by one: whether predicted benefit is borne out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.intervals import Interval, Resampling
from fusion.evaluation.policy.benefit import FEWEST, QUANTILES, Contrast, c_for_benefit, pairs, quantiles
from fusion.evaluation.policy.value import average

Floats = NDArray[np.float64]
DRAWS = 200
"""Of the bootstrap in which pairs are matched anew; the interval is of their percentiles."""


class Scores(Protocol):
    """One arm's scores of one repeat; see `fusion.evaluation.policy.evaluate.Scored`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the regimens."""
        ...

    @property
    def scores(self) -> Floats:
        """``(patient, regimen)`` probability of response, NaN where the regimen is no candidate."""
        ...

    @property
    def propensity(self) -> Floats:
        """``(patient, regimen)`` share of each in the patient's stratum, NaN likewise."""
        ...

    @property
    def given(self) -> NDArray[np.intp]:
        """``(patient,)`` place of what was given."""
        ...

    @property
    def response(self) -> Floats:
        """``(patient,)`` 0 or 1."""
        ...

    @property
    def places(self) -> NDArray[np.intp]:
        """``(patient,)`` of these patients among all."""
        ...


def contrasts(
    arms: Mapping[str, Sequence[Scores]], plan: Resampling, control: Sequence[str]
) -> list[dict[str, Any]]:  # fmt: skip
    """Of each regimen against the control of the patient's stratum; none where no control is declared.

    Args:
        arms: each one's scores by repeat.
        plan: what is drawn.
        control: regimens that others are compared with; where a stratum has several, the first by name.
    """
    names = next(iter(arms.values()))[0].names
    against = tuple(name for name in names if name in control)
    made = []
    for name in [one for one in names if against and one not in against]:
        found = {arm: [contrast(one, name, against) for one in several] for arm, several in arms.items()}
        first = next(iter(found.values()))
        number = [int(np.mean([(part.treated == side).sum() for part, _ in first])) for side in (True, False)]
        row: dict[str, Any] = {"regimen": name, "against": list(against), "patients": number, "arms": {}}
        if min(number) >= FEWEST:
            row["arms"] = {arm: _borne_out(several, plan) for arm, several in found.items()}
        made.append(row)
    return made


def contrast(one: Scores, name: str, against: Sequence[str]) -> tuple[Contrast, NDArray[np.intp]]:
    """Patients to whom either was given and both are candidates, with their places among all."""
    at = one.names.index(name)
    controls = [one.names.index(other) for other in against]
    able = np.isfinite(one.scores[:, controls])
    other = np.array(controls)[able.argmax(axis=1)]
    rows = np.arange(len(other))
    here = able.any(axis=1) & np.isfinite(one.scores[:, at]) & ((one.given == at) | (one.given == other))
    treated = (one.given == at)[here]
    first, second = one.scores[here, at], one.scores[rows, other][here]
    both = one.propensity[here, at] + one.propensity[rows, other][here]
    chance = one.propensity[here, at] / both
    response = one.response[here]
    difference = (
        first - second
        + treated / chance * (response - first)
        - ~treated / (1 - chance) * (response - second)
    )  # fmt: skip
    return (
        Contrast(predicted=first - second, treated=treated, response=response, difference=difference),
        one.places[here],
    )


def _borne_out(several: Sequence[tuple[Contrast, NDArray[np.intp]]], plan: Resampling) -> dict[str, Any]:
    groups: list[dict[str, Any]] = []
    parted = [(part, places, quantiles(part.predicted)) for part, places in several]
    for number in range(QUANTILES):
        inside = [(part, places[group == number], group == number) for part, places, group in parted]
        observed = np.mean([average(part.difference[mine], plan.counts[:, at]) for part, at, mine in inside], axis=0)
        predicted = float(np.mean([part.predicted[mine].mean() for part, _, mine in inside]))
        groups.append({"predicted": predicted, "observed": plan.gain(observed).record()})
    return {"c_for_benefit": _concordance(several, plan).record(), "quantiles": groups}


def _concordance(several: Sequence[tuple[Contrast, NDArray[np.intp]]], plan: Resampling) -> Interval:
    """C-for-benefit, mean over repeats, with pairs matched anew in every draw."""
    value = float(np.mean([c_for_benefit(*pairs(part)) for part, _ in several]))
    drawn = []
    for counts in plan.counts[1 : 1 + min(DRAWS, plan.draws)]:
        times = [(part, counts[places].astype(np.int64)) for part, places in several]
        found = [c_for_benefit(*pairs(part, np.repeat(np.arange(len(one)), one))) for part, one in times]
        drawn.append(float(np.mean(found)))
    known = np.array(drawn)[np.isfinite(drawn)]
    if not len(known) or not np.isfinite(value):
        return Interval(value=value, low=float("nan"), high=float("nan"), undefined=len(drawn) - len(known))
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(value=value, low=float(low), high=float(high), undefined=len(drawn) - len(known))
