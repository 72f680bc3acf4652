"""From out-of-fold predictions to metrics.json.

In each repeat every patient has one out-of-fold prediction; a metric is computed on that complete vector and averaged
over repeats. Scores are never averaged over repeats before scoring. Intervals are over draws of the units that folds
keep whole (patients, or groups of them); a drawn unit carries all its patients and repeats. They are over units, given
the trained models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError
from fusion.evaluation.comparison import COMPARED
from fusion.evaluation.curves import curves
from fusion.evaluation.delong import delong_components, delong_gain
from fusion.evaluation.intervals import LEVEL, Interval, resample
from fusion.evaluation.judgement import Judgement
from fusion.evaluation.metrics import METRICS, Scored, metric_draws
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]

COLUMNS = ("patient_id", "arm", "repeat", "fold", "endpoint", "label", "score", "threshold")


def evaluate(
    predictions: pd.DataFrame,
    *,
    draws: int = 2000,
    seed: int = 0,
    reference: str = "fusion",
    simulated: bool = False,
    modalities: int = 2,
    margin: float | None = None,
) -> dict[str, Any]:
    """The content of metrics.json.

    Args:
        predictions: columns `COLUMNS`, one row a patient, arm and repeat, and `group` where folds keep patients
            together (see `units_of`). A threshold of NaN means 0.5.
        draws: of the bootstrap.
        seed: of the bootstrap.
        reference: the arm that is compared with every other.
        simulated: whether the cohort is simulated; it stamps the result.
        modalities: how many there are; with one there is nothing to fuse, and the verdict is over the classical model.
        margin: of non-inferiority, declared before the run; None: nothing is called non-inferior.

    Raises:
        FusionError: a patient lacks a prediction or has two in a repeat, a score or label is out of range, or the
            margin is not above 0.
    """
    patients = check_predictions(predictions)
    units = units_of(predictions, patients)
    plan = resample(units.of, draws, seed=seed)
    labels = (
        predictions.drop_duplicates("patient_id").set_index("patient_id")["label"].loc[patients].to_numpy(np.float64)
    )
    vectors = {
        str(arm): [scored(part, patients) for _, part in rows.groupby("repeat")]
        for arm, rows in predictions.groupby("arm", sort=False)
    }
    by_repeat = {arm: [metric_draws(one, plan.counts) for one in repeats] for arm, repeats in vectors.items()}
    components = {
        arm: [delong_components(one.labels, one.scores) for one in repeats] for arm, repeats in vectors.items()
    }

    def delong(arm: str) -> Interval:
        first, second = np.mean(components[reference], axis=0), np.mean(components[arm], axis=0)
        return delong_gain(labels, first, second, units.grouped)

    judgement = Judgement(
        by_repeat=by_repeat, plan=plan, units=units, reference=reference, metrics=COMPARED, label="AUROC",
        modalities=modalities, margin=margin, delong=delong,
    )  # fmt: skip
    return {
        "simulated": simulated,
        "endpoint": str(predictions["endpoint"].iloc[0]),
        "patients": len(patients),
        "positives": int(labels.sum()),
        "repeats": int(predictions["repeat"].nunique()),
        "folds": int(predictions["fold"].nunique()),
        "draws": draws,
        "seed": seed,
        "level": LEVEL,
        "units": units.record(),
        "arms": {
            arm: {name: plan.value(values[name]).record() for name in METRICS}
            for arm, values in judgement.draws.items()
        },
        "curves": curves(vectors[reference], plan) if reference in vectors else {},
        **judgement.record(),
    }


def check_predictions(
    predictions: pd.DataFrame, *, labels: Sequence[int] = (0, 1), scores: Sequence[str] = ("score",)
) -> list[str]:
    """Refuse predictions that are not one a patient, arm and repeat; the patients, sorted.

    Args:
        predictions: see `evaluate`.
        labels: that may occur.
        scores: columns of probabilities.

    Raises:
        FusionError: naming the arm, the repeat and the first patients.
    """
    lacking = [name for name in (*COLUMNS, *scores) if name not in predictions]
    if lacking or predictions.empty:
        raise FusionError(f"predictions: {'no rows' if predictions.empty else 'no column ' + ', '.join(lacking)}.")
    patients = sorted(predictions["patient_id"].unique())
    for (arm, repeat), rows in predictions.groupby(["arm", "repeat"]):
        times = rows["patient_id"].value_counts().reindex(patients, fill_value=0)
        wrong = times[times != 1]
        if len(wrong):
            first = ", ".join(f"{patient} ({count})" for patient, count in wrong.iloc[:3].items())
            raise FusionError(
                f"predictions: arm {arm}, repeat {repeat}: {len(wrong)} of {len(patients)} patients do not have "
                f"exactly one out-of-fold prediction, e.g. {first}. Folds overlap or are incomplete; train again."
            )
    for column, allowed, good in (
        *((name, "in 0 to 1", predictions[name].between(0, 1)) for name in scores),
        ("label", f"{labels[0]} {'or' if len(labels) == 2 else 'to'} {labels[-1]}", predictions["label"].isin(labels)),
    ):
        if not good.all():
            row = predictions[~good].iloc[0]
            raise FusionError(
                f"predictions: {int((~good).sum())} rows have a {column} that is not {allowed}, "
                f"e.g. {row[column]} for patient {row['patient_id']}, arm {row['arm']}."
            )
    return [str(patient) for patient in patients]


def scored(rows: pd.DataFrame, patients: list[str]) -> Scored:
    """One arm's rows of one repeat, in the order of `patients`."""
    table = rows.set_index("patient_id").loc[patients]
    return Scored(
        labels=table["label"].to_numpy(np.float64),
        scores=table["score"].to_numpy(np.float64),
        thresholds=table["threshold"].fillna(0.5).to_numpy(np.float64),
        folds=table["fold"].to_numpy(np.int64),
    )
