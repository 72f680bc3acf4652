"""From out-of-fold predictions to metrics.json.

In each repeat every patient has one out-of-fold prediction; a metric is computed on that complete vector and averaged
over repeats. Scores are never averaged over repeats before scoring. Intervals are percentiles over patient-level
bootstrap draws in which a drawn patient carries all its repeats; they are over patients, given the trained models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError
from fusion.evaluation.comparison import CLASSICAL, KINDS, compare, judge
from fusion.evaluation.intervals import LEVEL, bootstrap_counts, delong_components, percentile
from fusion.evaluation.metrics import METRICS, Scored, metric_draws

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
) -> dict[str, Any]:
    """The content of metrics.json.

    Args:
        predictions: columns `COLUMNS`, one row a patient, arm and repeat. A threshold of NaN means 0.5.
        draws: of the bootstrap.
        seed: of the bootstrap.
        reference: the arm that is compared with every other.
        simulated: whether the cohort is simulated; it stamps the result.
        modalities: how many there are; with one there is nothing to fuse, and the verdict is over the classical model.

    Raises:
        FusionError: a patient lacks a prediction or has two in a repeat, or a score or label is out of range.
    """
    patients = check_predictions(predictions)
    counts = bootstrap_counts(len(patients), draws, seed=seed)
    labels = (
        predictions.drop_duplicates("patient_id").set_index("patient_id")["label"].loc[patients].to_numpy(np.float64)
    )
    by_arm: dict[str, dict[str, Floats]] = {}
    components: dict[str, Floats] = {}
    for arm, rows in predictions.groupby("arm", sort=False):
        repeats = [scored(part, patients) for _, part in rows.groupby("repeat")]
        values = [metric_draws(part, counts) for part in repeats]
        by_arm[str(arm)] = {name: np.mean([value[name] for value in values], axis=0) for name in METRICS}
        components[str(arm)] = np.mean([delong_components(part.labels, part.scores) for part in repeats], axis=0)

    comparisons = (
        compare(by_arm, reference=reference, labels=labels, components=components) if reference in by_arm else []
    )
    verdict = judge(comparisons, reference=reference, kinds=KINDS if modalities > 1 else CLASSICAL)
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
        "arms": {
            arm: {name: finite(asdict(percentile(values[name]))) for name in METRICS} for arm, values in by_arm.items()
        },
        "comparisons": [finite(row.record()) for row in comparisons],
        "verdict": {"reference": reference, "metric": "auroc", **asdict(verdict)},
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


def finite(record: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: undefined values are null."""
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in record.items()
    }
