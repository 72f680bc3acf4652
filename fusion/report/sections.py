"""The tables of a training report, each from the run folder's files alone and as plain rows for the template."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from fusion.evaluation.comparison import arm_label, arm_phrase
from fusion.evaluation.stability import nogueira_stability

Row = dict[str, Any]

SETS = 5
"""Training sets from which on the stability of what they select has an interval."""
SHOWN = (
    "auroc", "auprc", "balanced_accuracy", "recall", "specificity", "brier", "brier_skill", "calibration_slope",
)  # fmt: skip
"""Metrics of the first table; all others stand in the one below it."""


def arms(metrics: Mapping[str, Any], deciding: Sequence[str]) -> list[Row]:
    """One row an arm, the judged one first."""
    reference = metrics["verdict"]["reference"]
    order = sorted(metrics["arms"], key=lambda arm: (arm != reference, arm not in deciding))
    return [
        {"arm": arm, "label": arm_label(arm), "values": metrics["arms"][arm], "reference": arm == reference}
        for arm in order
    ]


def drawn(metrics: Mapping[str, Any]) -> str:
    """What intervals are over, in words; runs of older versions drew patients."""
    units = metrics.get("units")
    if units is None or units["groups"] is None:
        return "patients"
    if units["conditional"]:
        return f"cases, conditional on these {units['groups']} groups"
    return f"{units['groups']:,} groups that folds keep whole"


def repeated(verdict: Mapping[str, Any]) -> str | None:
    """In how many repeats the verdict holds; None for runs of older versions."""
    each = verdict.get("by_repeat")
    if not each:
        return None
    if len(each) == 1:
        return (
            "There is one repeat, so nothing tells whether the verdict would hold with other folds and other training."
        )
    told = ", ".join(f"{status} in {times}" for status, times in Counter(each).most_common())
    return f"Judged by one repeat alone, the verdict holds in {verdict['holds']} of {len(each)} ({told})."


def undefined(metrics: Mapping[str, Any], labels: Mapping[str, str]) -> list[Row]:
    """Arms' metrics and gains that do not exist in some draws, and in how many; their intervals are of the others."""
    rows = [
        {"what": f"{labels[name]} of {arm_phrase(arm)}", "draws": part["undefined"]}
        for arm, values in metrics["arms"].items()
        for name, part in values.items()
        if part.get("undefined")
    ]
    reference = arm_phrase(metrics["verdict"]["reference"])
    rows += [
        {
            "what": f"{labels[row['metric']]} gain of {reference} over {arm_phrase(row['arm'])}",
            "draws": row["undefined"],
        }
        for row in metrics["comparisons"]
        if row.get("undefined")
    ]
    return sorted(rows, key=lambda row: -row["draws"])


def confusion(predictions: pd.DataFrame, arm: str) -> Row:
    """Counts at the folds' thresholds, mean over repeats, and the range of those thresholds."""
    rows = predictions[predictions["arm"] == arm]
    thresholds = rows["threshold"].fillna(0.5)
    called, positive = rows["score"] >= thresholds, rows["label"] == 1
    repeats = max(1, int(rows["repeat"].nunique()))
    cells = {"tp": called & positive, "fp": called & ~positive, "fn": ~called & positive, "tn": ~called & ~positive}
    return {
        **{name: float(cell.sum()) / repeats for name, cell in cells.items()},
        "threshold_low": float(thresholds.min()),
        "threshold_high": float(thresholds.max()),
        "repeats": repeats,
    }


def cohort_flow(cohort: pd.DataFrame) -> Row:
    """How many patients any file names, how many were kept, and where and why the others were dropped."""
    kept = cohort["kept"].astype(bool)
    dropped = cohort[~kept].fillna({"dropped_at": "", "reason": ""})
    counts = dropped.groupby(["dropped_at", "reason"], sort=False).size().sort_values(ascending=False)
    where = counts.index.to_frame(index=False)
    return {
        "seen": len(cohort),
        "kept": int(kept.sum()),
        "dropped": [
            {"at": at, "reason": reason, "patients": int(count)}
            for at, reason, count in zip(where["dropped_at"], where["reason"], counts, strict=True)
        ],
    }


def overlap(cohort: pd.DataFrame, modalities: Sequence[str], labels: pd.Series[int]) -> Row:
    """Which modalities kept patients have together, largest group first, with the responders among them."""
    names = [name for name in modalities if name in cohort]
    kept = cohort[cohort["kept"].astype(bool)]
    if not names or kept.empty:
        return {"modalities": [], "patterns": [], "totals": {}}
    table = kept.set_index("patient_id")[names].astype(bool)
    table = table.assign(label=labels.reindex(table.index))
    patterns: list[Row] = [
        {
            "has": dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True)),
            "patients": len(rows),
            "positives": int((rows["label"] == 1).sum()),
        }
        for key, rows in table.groupby(names)
    ]
    patterns.sort(key=lambda row: -row["patients"])
    return {
        "modalities": names,
        "patterns": patterns,
        "totals": {name: int(table[name].sum()) for name in names},
        "most": max(row["patients"] for row in patterns),
    }


def folds(content: Mapping[str, Any], labels: pd.Series[int]) -> list[Row]:
    """Sizes and responders of every outer fold."""
    return [
        {
            "repeat": fold["repeat"],
            "fold": fold["index"],
            "train": len(fold["train"]),
            "test": len(fold["test"]),
            "positives": int(labels.reindex(fold["test"]).sum()),
            "inner": len(fold["inner"]),
        }
        for fold in content["folds"]
    ]


def overlap_problems(content: Mapping[str, Any]) -> list[str]:
    """Patients on both sides of any split; an empty list is the good case."""
    found = []
    for fold in content["folds"]:
        where = f"repeat {fold['repeat']}, fold {fold['index']}"
        train, test = set(fold["train"]), set(fold["test"])
        if train & test:
            found.append(f"{where}: {len(train & test)} patients are in training and test")
        for number, inner in enumerate(fold["inner"]):
            if set(inner["train"]) & set(inner["val"]) or not set(inner["train"]) | set(inner["val"]) <= train:
                found.append(f"{where}: inner fold {number} overlaps or leaves the training part")
    return found


def fold_disagreement(content: Mapping[str, Any], predictions: pd.DataFrame) -> int:
    """Predictions that did not come from the fold in which folds.json tests the patient."""
    tested = {(f["repeat"], patient): f["index"] for f in content["folds"] for patient in f["test"]}
    keys = zip(predictions["repeat"], predictions["patient_id"], predictions["fold"], strict=True)
    return sum(tested.get((repeat, patient)) != fold for repeat, patient, fold in keys)


def _stability(chosen: Any) -> dict[str, float]:
    """Without an interval of a few sets: its error is asymptotic in how many there are, 0 of two of one size."""
    found = asdict(nogueira_stability(chosen))
    return found if len(chosen) >= SETS else found | {"low": math.nan, "high": math.nan}


def selected(selection: pd.DataFrame, *, limit: int = 20) -> list[Row]:
    """Per modality: features by how many outer folds chose them, and the stability of the choice.

    Features that are kept by configuration (rank 0) are counted apart: what is always there would flatter stability.
    """
    if selection.empty:
        return []
    made = []
    outer = selection[selection["member"] == -1]
    kept = outer[outer["rank"] == 0].groupby("modality")["feature"].nunique()
    for modality, rows in outer[outer["rank"] > 0].groupby("modality", sort=False):
        rows = rows.assign(set=rows["repeat"].astype(str) + "/" + rows["fold"].astype(str))
        chosen = rows.pivot_table(index="set", columns="feature", values="selected", aggfunc="max", fill_value=False)
        chosen = chosen.astype(bool)
        times = chosen.sum().sort_values(ascending=False, kind="stable")
        genes: dict[Any, Any] = rows.drop_duplicates("feature").set_index("feature")["gene"].to_dict()
        made.append(
            {
                "modality": modality,
                "kept": int(kept.get(modality, 0)),
                "sets": len(chosen),
                "candidates": chosen.shape[1],
                "sizes": (int(chosen.sum(axis=1).min()), int(chosen.sum(axis=1).max())),
                "stability": _stability(chosen.to_numpy()),
                "ever": int((times > 0).sum()),
                "features": [
                    {
                        "feature": feature,
                        "gene": None if pd.isna(genes[feature]) else genes[feature],
                        "times": int(count),
                        "share": count / len(chosen),
                    }
                    for feature, count in times[times > 0].head(limit).items()
                ],
            }
        )
    return made


def inner_metric(inner: pd.DataFrame, metric: str, labels: Mapping[str, str]) -> str:
    """What choices look at: the deciding metric, or the first of `labels` that inner folds measured in its stead."""
    return metric if inner.empty or metric in inner else next(name for name in labels if name in inner)


def inner_scores(inner: pd.DataFrame, metric: str) -> dict[str, float]:
    """Arm → mean inner value of `inner_metric`, the only figure that choices may look at."""
    return {} if inner.empty else {str(arm): float(mean) for arm, mean in inner.groupby("arm")[metric].mean().items()}


def duration(seconds: float | None) -> str:
    """For readers: 48 s, 5 min 12 s, 2 h 3 min."""
    if seconds is None:
        return "—"
    units = ((3600, "h"), (60, "min"), (1, "s"))
    whole = round(seconds)
    for (size, name), (lesser, lesser_name) in pairwise(units):
        if whole >= size:
            rest = whole % size // lesser
            return f"{whole // size} {name}" + (f" {rest} {lesser_name}" if rest else "")
    return f"{whole} s" if seconds >= 1 else f"{seconds:.1f} s"


def number(value: float | None, digits: int = 3) -> str:
    """Fixed digits with a true minus sign; a dash for what is undefined."""
    if value is None or not np.isfinite(value):
        return "—"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no −0.000
