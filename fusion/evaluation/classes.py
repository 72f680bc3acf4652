"""From out-of-fold predictions of one of several classes to metrics.json; the estimand is that of `evaluate`.

Metrics are of the call of the likeliest class, and of each class against the rest. Macro means weigh classes alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import FusionError
from fusion.evaluation.class_calibration import calibration_error, class_slopes, classwise_error
from fusion.evaluation.evaluate import check_predictions
from fusion.evaluation.intervals import LEVEL, Resampling, finite, resample
from fusion.evaluation.judgement import Judgement
from fusion.evaluation.metrics import auroc, ratio
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]

SCORE = "score_"
"""Before a class's name, the column of its probability in predictions.parquet."""

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auroc": "Macro AUROC",
    "f1": "Macro F1",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
}
"""Key in metrics.json → what reports call it."""

CALIBRATION: Mapping[str, str] = {"calibration_slope": "Calibration slope", "calibration_error": "Calibration error"}
"""The same of calibration. The error is a value alone: a bootstrap adds chance to what is above 0 by chance already."""

PER_CLASS: Mapping[str, str] = {"precision": "Precision", "recall": "Recall", "f1": "F1", "auroc": "AUROC, one v. rest"}

COMPARED = ("balanced_accuracy", "accuracy", "auroc", "brier")
"""Metrics whose paired gains are reported; the verdict reads the first."""

Draws = dict[str, Floats]

More = Callable[[NDArray[np.int64], Floats, Floats], Draws]
"""``(patient,)`` labels, ``(patient, class)`` scores, ``(draw, patient)`` counts → metric → ``(draw,)``."""


def macro_auroc(labels: NDArray[np.int64], scores: Floats) -> float:
    """Mean over the classes that are there of the AUROC of each against the rest."""
    once = np.ones((1, len(labels)))
    return float(
        np.mean([auroc((labels == one).astype(np.float64), scores[:, one], once)[0] for one in np.unique(labels)])
    )


def evaluate_classes(
    predictions: pd.DataFrame,
    *,
    classes: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
    reference: str = "fusion",
    simulated: bool = False,
    modalities: int = 2,
    margin: float | None = None,
    more: More | None = None,
    names: Sequence[str] = (),
    compared: Sequence[str] = COMPARED,
    label: str = "balanced accuracy",
) -> dict[str, Any]:
    """The content of metrics.json.

    Args:
        predictions: one row a patient, arm and repeat, with a column ``score_<class>`` for each of `classes`, and
            `group` where folds keep patients together.
        classes: in the order of the labels 0, 1, …
        draws: of the bootstrap.
        seed: of the bootstrap.
        reference: the arm that is compared with every other.
        simulated: whether the cohort is simulated; it stamps the result.
        modalities: how many there are; with one there is nothing to fuse, and the verdict is over the classical model.
        margin: of non-inferiority in the deciding metric, declared before the run; None: nothing is called so.
        more: labels, scores and counts → other metrics of every draw, and
        names: theirs.
        compared: metrics whose gains are reported; the first decides, and
        label: is what texts call it.

    Raises:
        FusionError: a patient lacks a prediction or has two in a repeat, a score or label is out of range, or the
            margin is not above 0.
    """
    columns = [f"{SCORE}{name}" for name in classes]
    patients = check_predictions(predictions, labels=range(len(classes)), scores=columns)
    units = units_of(predictions, patients)
    plan = resample(units.of, draws, seed=seed)
    by_repeat, errors = _repeats(predictions, patients, columns, plan, more)
    judgement = Judgement(
        by_repeat=by_repeat, plan=plan, units=units, reference=reference, metrics=compared, label=label,
        modalities=modalities, margin=margin,
    )  # fmt: skip
    labels = predictions.drop_duplicates("patient_id")["label"]
    return {
        "simulated": simulated,
        "endpoint": str(predictions["endpoint"].iloc[0]),
        "classes": list(classes),
        "patients": len(patients),
        "class_patients": [int((labels == place).sum()) for place in range(len(classes))],
        "repeats": int(predictions["repeat"].nunique()),
        "folds": int(predictions["fold"].nunique()),
        "draws": draws,
        "seed": seed,
        "level": LEVEL,
        "units": units.record(),
        "arms": {
            arm: _overall(values, errors[arm], (*names, *METRICS), plan) for arm, values in judgement.draws.items()
        },
        "per_class": {arm: _per_class(values, errors[arm], classes, plan) for arm, values in judgement.draws.items()},
        "confusion": {arm: _confusion(values, plan) for arm, values in judgement.draws.items()},
        **judgement.record(),
    }


def _repeats(
    predictions: pd.DataFrame, patients: list[str], columns: list[str], plan: Resampling, more: More | None
) -> tuple[dict[str, list[Draws]], dict[str, list[Draws]]]:
    """Arm → of each repeat, the metrics of every draw; and its calibration errors, see `_errors`."""
    by_repeat: dict[str, list[Draws]] = {}
    errors: dict[str, list[Draws]] = {}
    for (arm, _), rows in predictions.groupby(["arm", "repeat"], sort=False):
        table = rows.set_index("patient_id").loc[patients]
        truth, scores = table["label"].to_numpy(np.int64), table[columns].to_numpy(np.float64)
        others = {} if more is None else more(truth, scores, plan.counts)
        slopes = class_slopes(truth, scores, plan.counts)
        measured = {**_draws(truth, scores, plan.counts), "calibration_slope": slopes, **others}
        by_repeat.setdefault(str(arm), []).append(measured)
        errors.setdefault(str(arm), []).append(_errors(truth, scores))
    return by_repeat, errors


def _errors(labels: NDArray[np.int64], scores: Floats) -> Draws:
    return {
        "calibration_error": np.array([calibration_error(labels, scores)]),
        "class_error": classwise_error(labels, scores),
    }


def _value(repeats: Sequence[Draws], name: str, place: int = 0) -> dict[str, Any]:
    """Mean over repeats, in the form of an interval without ends."""
    value = float(np.mean([one[name][place] for one in repeats]))
    return finite({"value": value, "low": None, "high": None, "undefined": 0})


def _overall(values: Draws, errors: Sequence[Draws], names: Sequence[str], plan: Resampling) -> dict[str, Any]:
    return {
        **{name: plan.value(values[name]).record() for name in (*names, "calibration_slope")},
        "calibration_error": _value(errors, "calibration_error"),
    }


def _per_class(
    values: Draws, errors: Sequence[Draws], classes: Sequence[str], plan: Resampling
) -> dict[str, dict[str, Any]]:
    return {
        name: {
            **{metric: plan.value(values[f"class_{metric}"][:, place]).record() for metric in PER_CLASS},
            "calibration_error": _value(errors, "class_error", place),
        }
        for place, name in enumerate(classes)
    }


def _confusion(values: Draws, plan: Resampling) -> dict[str, Any]:
    """Counts (mean over repeats) by true and called class, and the share of each row with its interval."""
    table = values["confusion"]
    rows = table.sum(axis=2, keepdims=True)
    share = np.divide(table, rows, out=np.full_like(table, np.nan), where=rows > 0)
    number = table.shape[1]
    return {
        "matrix": table[0].tolist(),
        "share": [[plan.value(share[:, true, called]).record() for called in range(number)] for true in range(number)],
    }


def _draws(labels: NDArray[np.int64], scores: Floats, counts: Floats) -> Draws:
    """Every metric for every draw: ``(draw,)``, ``(draw, class)`` or, of the confusion matrix, ``(draw, K, K)``."""
    patients, number = scores.shape
    called = scores.argmax(axis=1)
    cells = np.zeros((patients, number * number))
    cells[np.arange(patients), labels * number + called] = 1.0
    confusion = (counts @ cells).reshape(-1, number, number)
    right = np.diagonal(confusion, axis1=1, axis2=2)
    recall = ratio(right, confusion.sum(axis=2))
    called_times = confusion.sum(axis=1)
    # A class that nobody is called has precision 0, as scikit-learn has it.
    precision = np.divide(right, called_times, out=np.zeros_like(right), where=called_times > 0)
    both = confusion.sum(axis=2) + called_times
    f1 = np.where(np.isfinite(recall), np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0), np.nan)
    one_rest = np.stack(
        [auroc((labels == place).astype(np.float64), scores[:, place], counts) for place in range(number)],
        axis=1,
    )
    truth = np.eye(number)[labels]
    total = counts.sum(axis=1)
    brier = counts @ ((scores - truth) ** 2).sum(axis=1) / total
    shares = (counts @ truth) / total[:, None]
    return {
        "accuracy": right.sum(axis=1) / total,
        "balanced_accuracy": _mean(recall),
        "auroc": _mean(one_rest),
        "f1": _mean(f1),
        "log_loss": counts @ -np.log(np.clip(scores[np.arange(patients), labels], 1e-12, 1.0)) / total,
        "brier": brier,
        # Of giving everyone the draw's shares of classes p: Σ p (1 - p).
        "brier_skill": 1 - ratio(brier, (shares * (1 - shares)).sum(axis=1)),
        "class_precision": precision,
        "class_recall": recall,
        "class_f1": f1,
        "class_auroc": one_rest,
        "confusion": confusion,
    }


def _mean(values: Floats) -> Floats:
    """Over the classes that a draw has, ``(draw, class)`` → ``(draw,)``."""
    known = np.isfinite(values)
    mean: Floats = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return mean


def worst_errors(predictions: pd.DataFrame, *, classes: Sequence[str], arm: str, number: int) -> pd.DataFrame:
    """The wrong calls that the arm was surest of: patient_id, truth, called, score; surest first.

    Raises:
        FusionError: there is no such arm.
    """
    rows = predictions[(predictions["arm"] == arm) & (predictions["repeat"] == predictions["repeat"].min())]
    if rows.empty:
        raise FusionError(f"predictions: there is no arm {arm!r}.")
    called = rows[[f"{SCORE}{name}" for name in classes]].to_numpy().argmax(axis=1)
    table = pd.DataFrame(
        {
            "patient_id": rows["patient_id"].to_numpy(),
            "truth": [classes[label] for label in rows["label"]],
            "called": [classes[place] for place in called],
            "score": rows["score"].to_numpy(),
        }
    )
    wrong = table[table["truth"] != table["called"]]
    return wrong.sort_values(["score", "patient_id"], ascending=[False, True]).head(number).reset_index(drop=True)
