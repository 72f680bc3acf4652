"""From the rows of predictions.parquet to arrays, patients in one order; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError
from fusion.evaluation.evaluate import check_predictions

Floats = NDArray[np.float64]

SURVIVAL = "survival@"
"""Before a horizon, the column of the predicted probability of being free of the event then."""


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """Predictions of all arms in one repeat.

    Attributes:
        folds: ``(patient,)`` in which each patient was tested.
        risks: arm → ``(patient,)`` log-risk, comparable within a fold only.
        survival: arm → ``(patient, horizon)`` probability of being free of the event; NaN where it has none.
    """

    folds: NDArray[np.int64]
    risks: dict[str, Floats]
    survival: dict[str, Floats]


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """All of them.

    Attributes:
        patients: in the order of every array.
        unknown: how many patients have no known label and are left out.
        times: ``(patient,)`` of the event or of censoring.
        events: ``(patient,)`` 1 where the event was seen.
        horizons: ascending; of the columns ``survival@<horizon>``.
        names: of the horizons, as the columns write them.
        repeats: in their order.
        entry: ``(patient,)`` from when on each was under observation; None: all from time zero on.
    """

    patients: list[str]
    unknown: int
    times: Floats
    events: Floats
    horizons: Floats
    names: list[str]
    repeats: list[Repeat]
    entry: Floats | None = None


def horizons_of(columns: Sequence[str]) -> dict[str, float]:
    """The horizon of each column ``survival@<horizon>``, by name, ascending.

    Raises:
        FusionError: what follows is no number above 0.
    """
    found = {}
    for column in columns:
        if not column.startswith(SURVIVAL):
            continue
        name = column.removeprefix(SURVIVAL)
        try:
            found[name] = float(name)
        except ValueError:
            found[name] = float("nan")
        if not (np.isfinite(found[name]) and found[name] > 0):
            raise FusionError(f"predictions: column {column!r} names no horizon; a number above 0 must follow the @.")
    return dict(sorted(found.items(), key=lambda item: item[1]))


def read_predictions(predictions: pd.DataFrame) -> Predicted:
    """Check and order them.

    Args:
        predictions: columns patient_id, arm, repeat, fold, endpoint, label (1 event, 0 censored, -1 unknown), time,
            score (log-risk), and ``survival@<horizon>`` for each declared horizon; one row a patient, arm and repeat.
            With a column entry, who came under observation late counts from then on.

    Raises:
        FusionError: a column is missing, a patient lacks a prediction or has two, their time or label is not one, a
            time is not above 0, an entry not from 0 on and before the time, a score is not finite, a probability is out
            of range, nobody's label is known, or arms were tested in different folds.
    """
    if "time" not in predictions:
        raise FusionError("predictions: no column time.")
    horizons = horizons_of([str(name) for name in predictions.columns])
    columns = [f"{SURVIVAL}{name}" for name in horizons]
    known = predictions[predictions["label"] != -1] if "label" in predictions else predictions
    if len(predictions) and known.empty:
        raise FusionError("predictions: no patient's event or follow-up is known, so nothing can be judged.")
    patients = check_predictions(known.assign(threshold=np.nan), labels=(0, 1), scores=())
    _check_values(known, columns)
    each = _one_truth(known).loc[patients]
    arms = [str(arm) for arm in known["arm"].unique()]
    repeats = []
    for number, rows in known.groupby("repeat"):
        tables = {arm: rows[rows["arm"] == arm].set_index("patient_id").loc[patients] for arm in arms}
        folds = {arm: table["fold"].to_numpy(np.int64) for arm, table in tables.items()}
        differ = [arm for arm in arms if not np.array_equal(folds[arm], folds[arms[0]])]
        if differ:
            raise FusionError(
                f"predictions: repeat {number}: arms {arms[0]} and {differ[0]} tested patients in different folds, so "
                "their concordances within folds are not of the same patients. Train again."
            )
        repeats.append(
            Repeat(
                folds=folds[arms[0]],
                risks={arm: table["score"].to_numpy(np.float64) for arm, table in tables.items()},
                survival={arm: table[columns].to_numpy(np.float64) for arm, table in tables.items()},
            )
        )
    return Predicted(
        patients=patients,
        unknown=int(predictions["patient_id"].nunique()) - len(patients),
        times=each["time"].to_numpy(np.float64),
        events=each["label"].to_numpy(np.float64),
        horizons=np.array(list(horizons.values()), dtype=np.float64),
        names=list(horizons),
        repeats=repeats,
        entry=each["entry"].to_numpy(np.float64) if "entry" in each else None,
    )


def _check_values(rows: pd.DataFrame, columns: Sequence[str]) -> None:
    checks = [
        ("time", "above 0", np.isfinite(rows["time"]) & (rows["time"] > 0)),
        *(
            [("entry", "from 0 on and before the time", (rows["entry"] >= 0) & (rows["entry"] < rows["time"]))]
            if "entry" in rows
            else []
        ),
        ("score", "finite", np.isfinite(rows["score"])),
        *((name, "in 0 to 1", rows[name].isna() | rows[name].between(0, 1)) for name in columns),
    ]
    for column, allowed, good in checks:
        if not good.all():
            row = rows[~good].iloc[0]
            raise FusionError(
                f"predictions: {int((~good).sum())} rows have a {column} that is not {allowed}, "
                f"e.g. {row[column]} for patient {row['patient_id']}, arm {row['arm']}."
            )


def _one_truth(rows: pd.DataFrame) -> pd.DataFrame:
    """Each patient's label and time, by patient_id."""
    truth = rows[["patient_id", "label", "time", *(["entry"] if "entry" in rows else [])]].drop_duplicates()
    twice = truth.loc[truth["patient_id"].duplicated(), "patient_id"]
    if len(twice):
        raise FusionError(
            f"predictions: {len(twice)} patients have several times or labels, e.g. {twice.iloc[0]}. Train again."
        )
    return truth.set_index("patient_id")
