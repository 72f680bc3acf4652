"""Paired gains of finished runs over the first of them, on the patients whom all of them scored out of fold.

Each run's metric is that of its own report (`evaluate`): on the complete out-of-fold vector of every repeat, here of
the patients that all runs have, then averaged over repeats. All runs share the draws, so that gains are paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError, some
from fusion.evaluation.intervals import LEVEL, Interval, Resampling, finite, resample, simultaneous_level
from fusion.evaluation.metrics import LOWER_IS_BETTER
from fusion.evaluation.outcome import Outcome
from fusion.evaluation.units import GROUP, held_together, units_of

Floats = NDArray[np.float64]


def common_patients(runs: Mapping[str, pd.DataFrame]) -> list[str]:
    """Whom every run scored, sorted.

    Args:
        runs: name → one arm's predictions: patient_id, repeat, fold, label and the columns of scores.

    Raises:
        FusionError: nobody, or somebody whose label is not the same in all of them.
    """
    labels = {name: _labels(name, rows) for name, rows in runs.items()}
    first, *others = labels
    patients = sorted(set.intersection(*(set(one.index) for one in labels.values())))
    if not patients:
        sizes = ", ".join(f"{name} has {len(one)}" for name, one in labels.items())
        raise FusionError(f"The runs have no patient in common ({sizes}), so nothing can be compared.")
    known = labels[first].loc[patients]
    for name in others:
        other = labels[name].loc[patients]
        apart = [str(one) for one in known.index[known != other]]
        if apart:
            told = some([f"{one} ({known[one]} and {other[one]})" for one in apart], rest="others")
            raise FusionError(
                f"{first} and {name} give {len(apart)} of {len(patients)} common patients another label: {told}. "
                "The endpoint was defined otherwise, or the outcome table changed between the runs."
            )
    return patients


def paired_gains(
    runs: Mapping[str, pd.DataFrame], outcome: Outcome, *, draws: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Every run's metrics, and the gains of every other run over the first.

    Args:
        runs: see `common_patients`; with `group` where folds keep patients together.
        outcome: of their endpoint.
        draws: of the bootstrap.
        seed: of the draws.

    Returns:
        ``patients``, ``units``, ``metric`` (the one that decides), ``runs`` (metric → value, low, high) and ``gains``:
        a row a run and metric; of the deciding one ``corrected_low`` and ``corrected_high``, which hold for all runs
        together, and ``verdict``: better, worse or not shown, by them.

    Raises:
        FusionError: see `common_patients`; or a run scores a patient twice in a repeat.
    """
    patients = common_patients(runs)
    units = units_of(_grouped(runs, patients), patients)
    plan = resample(units.of, draws, seed=seed)
    values = {name: _values(name, rows, outcome, patients, plan.counts) for name, rows in runs.items()}
    return {
        "patients": len(patients),
        "units": units.record(),
        "groups": units.groups,
        "level": LEVEL,
        "draws": draws,
        "seed": seed,
        "metric": outcome.chosen,
        "runs": {
            name: {metric: _record(plan.value(one)) for metric, one in metrics.items()}
            for name, metrics in values.items()
        },
        "gains": _gains(values, plan, outcome.chosen),
    }


def _labels(name: str, rows: pd.DataFrame) -> pd.Series[str]:
    """Each patient's label, with the time where it has one, as text."""
    twice = rows.duplicated(["patient_id", "repeat"])
    if twice.any():
        raise FusionError(f"{name}: scores patient {rows.loc[twice, 'patient_id'].iloc[0]} twice in a repeat.")
    said = rows["label"].astype(str)
    if "time" in rows:
        said = said + " at " + rows["time"].map("{:g}".format)
    if "entry" in rows:
        said = said + " from " + rows["entry"].map("{:g}".format)
    known = pd.DataFrame({"patient_id": rows["patient_id"], "label": said}).drop_duplicates()
    odd = known.loc[known["patient_id"].duplicated(), "patient_id"]
    if len(odd):
        raise FusionError(f"{name}: gives patient {odd.iloc[0]} two labels.")
    return known.set_index("patient_id")["label"]


def _grouped(runs: Mapping[str, pd.DataFrame], patients: list[str]) -> pd.DataFrame:
    """What any run's folds keep together is drawn together."""
    known = [
        rows.drop_duplicates("patient_id").set_index("patient_id")[GROUP]
        for rows in runs.values()
        if GROUP in rows and rows[GROUP].notna().any()
    ]
    return held_together(patients, *known).reset_index()


def _values(name: str, rows: pd.DataFrame, outcome: Outcome, patients: list[str], counts: Floats) -> dict[str, Floats]:
    """Metric → ``(draw,)``, mean over repeats."""
    by_repeat = []
    for repeat, part in rows.groupby("repeat"):
        there = part.set_index("patient_id", drop=False)
        missing = [one for one in patients if one not in there.index]
        if missing:
            raise FusionError(f"{name}: repeat {repeat} does not score patient {missing[0]}; train it again.")
        table = there.loc[patients].reset_index(drop=True)
        by_repeat.append(outcome.compared(table, counts))
    return {metric: np.mean([one[metric] for one in by_repeat], axis=0) for metric in by_repeat[0]}


def _gains(values: Mapping[str, Mapping[str, Floats]], plan: Resampling, decides: str) -> list[dict[str, Any]]:
    first, *others = values

    def gain(name: str, metric: str) -> Floats:
        difference = values[name][metric] - values[first][metric]
        return -difference if metric in LOWER_IS_BETTER else difference

    level = simultaneous_level(np.stack([plan.bootstrap(gain(name, decides)) for name in others]))
    made = []
    for name in others:
        for metric in values[first]:
            drawn = gain(name, metric)
            row = {"run": name, "metric": metric, **_record(plan.gain(drawn))}
            if metric == decides:
                held = _record(plan.gain(drawn, level=level))
                row |= {"corrected_low": held["low"], "corrected_high": held["high"]}
                row["verdict"] = _verdict(held["low"], held["high"])
            made.append(row)
    return made


def _verdict(low: float | None, high: float | None) -> str:
    if low is not None and low > 0:
        return "better"
    return "worse" if high is not None and high < 0 else "not shown"


def _record(interval: Interval) -> dict[str, Any]:
    return finite(
        {"value": interval.value, "low": interval.low, "high": interval.high, "undefined": interval.undefined}
    )
