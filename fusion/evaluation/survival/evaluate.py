"""From out-of-fold predictions of a time to an event to metrics.json; the estimand is that of `fusion.evaluation`.

In each repeat a concordance is computed within every test fold and averaged over folds, then over repeats. Intervals
are over draws of the units that folds keep whole, given the trained models; each draw estimates censoring anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError
from fusion.evaluation.intervals import LEVEL, resample
from fusion.evaluation.judgement import Judgement
from fusion.evaluation.survival.draws import METRICS, Measured, measure
from fusion.evaluation.survival.frame import Predicted, read_predictions
from fusion.evaluation.survival.groups import risk_groups, tertiles
from fusion.evaluation.survival.horizons import horizon_record
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]

ENOUGH_EVENTS = 100
"""From here on Uno's concordance decides; with fewer events its weights add more noise than they remove bias."""

FOLLOWED = 0.9
"""τ is this quantile of the times, unless it is declared: a tenth of the patients is still followed then."""


def deciding(events: int, *, late: bool = False) -> str:
    """The metric that the verdict reads; Harrell's C where patients came under observation late.

    Weights of Uno's rest on how many were under observation early, which may be one or two, and need not exist.
    """
    return "c_harrell" if late or events < ENOUGH_EVENTS else "c_uno"


def evaluate_survival(
    predictions: pd.DataFrame,
    *,
    draws: int = 2000,
    seed: int = 0,
    reference: str = "fusion",
    simulated: bool = False,
    modalities: int = 2,
    margin: float | None = None,
    tau: float | None = None,
    unit: str | None = None,
) -> dict[str, Any]:
    """The content of metrics.json.

    Args:
        predictions: see `read_predictions`, and `group` where folds keep patients together.
        draws: of the bootstrap.
        seed: of the bootstrap.
        reference: the arm that is compared with every other.
        simulated: whether the cohort is simulated; it stamps the result.
        modalities: how many there are; with one there is nothing to fuse, and the verdict is over the classical model.
        margin: of non-inferiority in the deciding concordance, declared before the run; None: nothing is called so.
        tau: Uno's concordance counts events before it, and restricted means end there; None: see `FOLLOWED`.
        unit: of the times, for readers.

    Raises:
        FusionError: predictions do not fit (see `read_predictions`), the margin is not above 0, or `tau` is not a time
            to which every training part is followed.
    """
    data = read_predictions(predictions)
    units = units_of(predictions[predictions["patient_id"].isin(data.patients)], data.patients)
    plan = resample(units.of, draws, seed=seed)
    tau = _tau(data, tau)
    measured: dict[str, list[Measured]] = {arm: [] for arm in data.repeats[0].risks}
    lacking = []
    for repeat in data.repeats:
        arms, without = measure(data, repeat, plan.counts, tau=tau)
        lacking.append(without)
        for arm, one in arms.items():
            measured[arm].append(one)
    events, folds = int(data.events.sum()), len(np.unique(data.repeats[0].folds))
    first = deciding(events, late=data.entry is not None)
    judgement = Judgement(
        by_repeat={arm: [one.metrics for one in repeats] for arm, repeats in measured.items()},
        plan=plan, units=units, reference=reference, metrics=(first, *(name for name in METRICS if name != first)),
        label=METRICS[first], modalities=modalities, margin=margin,
    )  # fmt: skip
    return {
        "simulated": simulated,
        "endpoint": str(predictions["endpoint"].iloc[0]),
        "patients": len(data.patients),
        "events": events,
        "unknown": data.unknown,
        "repeats": len(data.repeats),
        "folds": folds,
        "draws": draws,
        "seed": seed,
        "level": LEVEL,
        "units": units.record(),
        "unit": unit,
        "tau": tau,
        **({} if data.entry is None else {"entry": _entered(data.entry)}),
        "censoring": "the training part" if folds > 1 else "these patients",
        "arms": {
            arm: {name: plan.value(values[name]).record() for name in METRICS}
            for arm, values in judgement.draws.items()
        },
        "by_fold": {arm: _by_fold(repeats) for arm, repeats in measured.items()},
        "without_pair": {
            "draws": int((np.stack(lacking)[:, 1 : 1 + draws] > 0).any(axis=0).sum()),
            "folds": int(sum(without[0] for without in lacking)),
        },
        "horizons": horizon_record(data, measured, plan),
        "risk_groups": _risk_groups(data, reference, tau),
        **judgement.record(),
    }


def _tau(data: Predicted, declared: float | None) -> float:
    known = declared is not None
    tau = float(declared) if declared is not None else float(np.quantile(data.times, FOLLOWED))
    last = min(
        float(data.times[repeat.folds != fold].max()) if len(np.unique(repeat.folds)) > 1 else float(data.times.max())
        for repeat in data.repeats
        for fold in np.unique(repeat.folds)
    )
    if known and not 0 < tau <= last:
        raise FusionError(
            f"tau is {declared!r}: it must be above 0 and at most {last:g}, the longest follow-up in every "
            "training part; or null."
        )
    return min(tau, last)


def _by_fold(repeats: list[Measured]) -> dict[str, Any]:
    """Concordances of the folds of the sample, as papers on published folds report them: mean and deviation."""
    made = {}
    for name in ("c_harrell", "c_uno"):
        values = [getattr(one, name) for one in repeats]
        known = np.concatenate(values)
        known = known[np.isfinite(known)]
        made[name] = {
            "values": [[float(value) if np.isfinite(value) else None for value in folds] for folds in values],
            "mean": float(known.mean()) if len(known) else None,
            "deviation": float(known.std(ddof=1)) if len(known) > 1 else None,
        }
    return made


def _risk_groups(data: Predicted, reference: str, tau: float) -> dict[str, Any] | None:
    """Of the reference in the first repeat: a patient must be there once."""
    repeat = data.repeats[0]
    if reference not in repeat.risks:
        return None
    group = tertiles(repeat.risks[reference], repeat.folds)
    return {"arm": reference, **risk_groups(data.times, data.events, group, until=tau, entry=data.entry)}


def _entered(entry: Floats) -> dict[str, Any]:
    """How many came under observation after time zero, and when half of these had, and all."""
    late = entry[entry > 0]
    return {
        "late": len(late),
        "median": float(np.median(late)) if len(late) else None,
        "last": float(late.max()) if len(late) else None,
    }
