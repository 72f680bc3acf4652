"""The part ``uncertainty`` of metrics.json, and a row a patient for uncertainty.parquet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.intervals import Resampling, resample, wilson
from fusion.evaluation.metrics import brier, calibration_line
from fusion.evaluation.uncertainty.conformal import ALPHA, p_values, sets
from fusion.evaluation.uncertainty.firmness import firmness, summary
from fusion.evaluation.uncertainty.venn_abers import merged, venn_abers
from fusion.evaluation.units import units_of

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Uncertainty:
    """What is said of patients one by one.

    Attributes:
        record: for metrics.json.
        patients: patient_id, repeat, ``spread``, ``flips``; of classes and grades ``in_<class>``, of two classes
            ``low`` and ``high`` too.
    """

    record: dict[str, Any]
    patients: pd.DataFrame


def uncertainty(
    outer: pd.DataFrame, inner: pd.DataFrame, groups: pd.DataFrame, outcome: Outcome, *, draws: int, seed: int
) -> Uncertainty:
    """How firm scores are, and where patients have a call conformal sets; of two classes Venn-Abers probabilities too.

    Args:
        outer: out-of-fold rows of one arm.
        inner: of inner_predictions.parquet, the same arm; empty for older versions.
        groups: index patient_id, a column a way of parting patients; coverage is told by each, but of nobody who is in
            no group (None); may have no columns.
        outcome: of the endpoint.
        draws: of the bootstrap.
        seed: of it.
    """
    patients = sorted(str(one) for one in outer["patient_id"].unique())
    first = outer[outer["repeat"] == outer["repeat"].min()]
    plan = resample(units_of(first, patients).of, draws, seed=seed)
    if outcome.can("called"):
        record, every = _sets(outer, patients, groups, outcome, plan)
    else:
        record, every = {}, outer[["patient_id", "repeat"]].sort_values(["repeat", "patient_id"], ignore_index=True)
    firm = firmness(outer, inner, outcome) if len(inner) else pd.DataFrame()
    if len(firm):
        record["firmness"] = summary(firm, outcome)
        every = every.merge(firm[["spread", "flips"]], left_on="patient_id", right_index=True, how="left")
    return Uncertainty(record=record, patients=every)


def _sets(
    outer: pd.DataFrame, patients: list[str], groups: pd.DataFrame, outcome: Outcome, plan: Resampling
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Conformal sets, and Venn-Abers probabilities of a binary endpoint; a row a repeat and patient."""
    classes = outcome.endpoint.classes
    tables, held, single, right, abers = [], [], [], [], []
    for repeat, part in outer.groupby("repeat"):
        rows = part.set_index("patient_id").loc[patients]
        labels, folds = rows["label"].to_numpy(np.int64), rows["fold"].to_numpy(np.int64)
        scores = outcome.of_columns(rows)
        probability = np.stack([1 - scores, scores], axis=1) if scores.ndim == 1 else scores
        inside = sets(p_values(labels, probability, folds))
        table = pd.DataFrame({"patient_id": patients, "repeat": repeat})
        table = table.assign(**{f"in_{name}": inside[:, place] for place, name in enumerate(classes)})
        held.append(inside[np.arange(len(labels)), labels].astype(np.float64))
        single.append((inside.sum(axis=1) == 1).astype(np.float64))
        right.append(single[-1] * held[-1])
        if scores.ndim == 1:
            low, high = venn_abers(labels, scores, folds)
            table = table.assign(low=low, high=high)
            abers.append((labels.astype(np.float64), scores, merged(low, high), high - low))
        tables.append(table)
    mean = [np.mean(one, axis=0) for one in (held, single, right)]
    record: dict[str, Any] = {
        "level": 1 - ALPHA,
        "coverage": _share(mean[0], plan),
        "decided": _share(mean[1], plan),
        "right_where_decided": _ratio(mean[2], mean[1], plan),
        "by": _by(mean[0], mean[1], labels, groups.reindex(patients), classes),
    }
    if abers:
        record["probabilities"] = _probabilities(abers, plan)
    return record, pd.concat(tables, ignore_index=True)


def _share(values: Floats, plan: Resampling) -> dict[str, Any]:
    return plan.value(plan.counts @ values / plan.counts.sum(axis=1)).record()


def _ratio(part: Floats, whole: Floats, plan: Resampling) -> dict[str, Any]:
    below = plan.counts @ whole
    return plan.value(np.divide(plan.counts @ part, below, out=np.full(len(below), np.nan), where=below > 0)).record()


def _by(
    held: Floats, single: Floats, labels: NDArray[np.int64], groups: pd.DataFrame, classes: Any
) -> list[dict[str, Any]]:
    """Coverage by class and by each group, with Wilson's 95 % interval, in which a patient counts once however often
    cross-validation was repeated. Who is in no group of a column (None) is left out there.
    """
    asked = [("class", str(name), labels == place) for place, name in enumerate(classes)]
    for column in groups:
        named = groups[column].dropna().astype(str).reindex(groups.index)
        asked += [(str(column), level, (named == level).to_numpy()) for level in sorted(named.dropna().unique())]
    rows = []
    for column, level, inside in asked:
        if inside.any():
            share, patients = float(held[inside].mean()), int(inside.sum())
            low, high = (float(end) for end in wilson(share, patients))
            rows.append(
                {
                    "column": column, "group": level, "patients": patients, "coverage": share, "low": low, "high": high,
                    "decided": float(single[inside].mean()),
                }
            )  # fmt: skip
    return rows


def _probabilities(abers: list[tuple[Floats, Floats, Floats, Floats]], plan: Resampling) -> dict[str, Any]:
    """Platt's probabilities beside Venn and Abers': Brier score, its paired difference, and calibration slopes."""
    parts = {name: [(truth, (platt, merged_)[place]) for truth, platt, merged_, _ in abers] for place, name in
             enumerate(("platt", "venn_abers"))}  # fmt: skip
    scores = {name: np.mean([brier(*one, plan.counts) for one in several], axis=0) for name, several in parts.items()}
    slopes = {
        name: np.mean([calibration_line(*one, plan.counts)[:, 0] for one in several], axis=0)
        for name, several in parts.items()
    }
    return {
        "brier": {name: plan.value(values).record() for name, values in scores.items()},
        "slope": {name: plan.value(values).record() for name, values in slopes.items()},
        "gain": plan.gain(scores["platt"] - scores["venn_abers"]).record(),
        "width": float(np.mean([width.mean() for *_, width in abers])),
    }
