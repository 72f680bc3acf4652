"""What each arm says of the declared horizons: AUC, Brier score, and predicted beside observed risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.evaluation.intervals import Resampling
from fusion.evaluation.survival.draws import Measured
from fusion.evaluation.survival.frame import Predicted
from fusion.evaluation.survival.groups import calibration_groups
from fusion.evaluation.survival.steps import survival_steps
from fusion.evaluation.survival.watched import Watched

Floats = NDArray[np.float64]


def horizon_record(
    data: Predicted, measured: Mapping[str, Sequence[Measured]], plan: Resampling
) -> list[dict[str, Any]]:
    """For metrics.json: one entry a horizon, ascending.

    Each has the events by then and who is still followed after it, and for each arm ``auc``, ``brier``, ``predicted``
    (mean risk), ``observed`` (1 - Kaplan–Meier's estimate of all patients), ``observed_expected`` (their ratio; 1 is
    perfect, above 1 risks are too low) and `calibration_groups` of the first repeat. Where patients came under
    observation late, the mean risk is of all who were there at time zero (`Watched.weights`).
    """
    steps = survival_steps(data.times, data.events, plan.counts, data.entry)
    watched = None
    if data.entry is not None:
        watched = Watched(times=data.times, events=data.events, entry=data.entry, counts=plan.counts)
    seen = _followed(data, plan.counts)
    made = []
    for place, (name, horizon) in enumerate(zip(data.names, data.horizons, strict=True)):
        observed = np.where(seen >= horizon, 1 - steps.at(np.array([horizon]))[:, 0], np.nan)
        weights = None if watched is None else watched.weights(horizon)
        if weights is not None:
            observed = np.where(np.isfinite(weights).all(axis=1), observed, np.nan)
        arms = {}
        for arm, repeats in measured.items():
            survival = np.mean([repeat.survival[arm][:, place] for repeat in data.repeats], axis=0)
            predicted = plan.counts @ (1 - survival) / plan.counts.sum(axis=1)
            if weights is not None:
                predicted = weights @ (1 - survival)
            ratio = np.divide(observed, predicted, out=np.full(len(predicted), np.nan), where=predicted > 0)
            known = bool(np.isfinite(survival).all())
            arms[arm] = {
                "auc": plan.value(np.mean([one.auc[:, place] for one in repeats], axis=0)).record(),
                "brier": plan.value(np.mean([one.brier[:, place] for one in repeats], axis=0)).record(),
                "predicted": float(predicted[0]) if known and np.isfinite(predicted[0]) else None,
                "observed": plan.value(observed).record(),
                "observed_expected": plan.value(ratio).record(),
                "groups": calibration_groups(
                    data.times, data.events, data.repeats[0].survival[arm][:, place], horizon, data.entry
                )
                if known
                else [],
            }
        made.append(
            {
                "name": name,
                "at": float(horizon),
                "events": int(((data.times <= horizon) & (data.events == 1)).sum()),
                "followed": int(
                    (data.times > horizon if watched is None else watched.under_observation(horizon)).sum()
                ),
                "arms": arms,
            }
        )
    return made


def _followed(data: Predicted, counts: Floats) -> Floats:
    """``(draw,)`` the longest follow-up of those drawn."""
    order = np.argsort(data.times)
    last = counts.shape[1] - 1 - np.argmax(counts[:, order[::-1]] > 0, axis=1)
    return np.asarray(data.times[order][last], dtype=np.float64)
