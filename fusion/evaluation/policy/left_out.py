"""What a model says of patients given a regimen that it never saw, beside what it says once it has seen it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.contract import Agent
from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.metrics import auroc
from fusion.evaluation.policy.value import average
from fusion.evaluation.units import units_of

Floats = NDArray[np.float64]

WAYS = ("seen", "unseen", "untold")
"""The regimen in training; left out and told by its agents and class; left out and told nothing of."""

FEWEST = 5
"""Responders and others of a regimen below which no AUROC of its patients is told."""


def arms_left_out(
    table: pd.DataFrame, predictions: pd.DataFrame, agents: Mapping[str, Sequence[Agent]], *, draws: int, seed: int
) -> dict[str, Any]:
    """The part ``arms_left_out`` of ``policy`` in metrics.json; empty where nothing was left out.

    Args:
        table: left_out.parquet; see `fusion.arms.policy.left_out`.
        predictions: rows of patients with what is held together, as `units_of` takes them.
        agents: regimen → what it is made of.
        draws: of the bootstrap.
        seed: of it.

    Returns:
        Of all patients and by regimen: AUROC in each of `WAYS`, paired differences, and how far the mean score is from
        the share who responded; 95 % intervals over patients given the models, means over repeats.
    """
    if table.empty:
        return {}
    patients = sorted(str(one) for one in table["patient_id"].unique())
    plan = resample(units_of(predictions, patients).of, draws, seed=seed)
    given = sorted(str(one) for one in table["given"].unique())
    return {
        "draws": draws,
        "patients": len(patients),
        "all": _judged(table, patients, plan),
        "regimens": [
            {"regimen": name, "agents": _shared(name, agents, given)}
            | _judged(table[table["given"] == name], patients, plan)
            for name in given
        ],
    }


def _judged(rows: pd.DataFrame, patients: Sequence[str], plan: Resampling) -> dict[str, Any]:
    first = rows[rows["repeat"] == rows["repeat"].min()]
    responded = int(first["label"].sum())
    told: dict[str, Any] = {
        "patients": len(first),
        "responders": responded,
        "off": {way: plan.gain(_mean(rows, way, patients, plan, _off)).record() for way in WAYS},
    }
    if min(responded, len(first) - responded) < FEWEST:
        return told | {"auroc": {}, "unseen_against_seen": None, "unseen_against_untold": None}
    found = {way: _mean(rows, way, patients, plan, auroc) for way in WAYS}
    return told | {
        "auroc": {way: plan.value(values).record() for way, values in found.items()},
        "unseen_against_seen": plan.gain(found["unseen"] - found["seen"]).record(),
        "unseen_against_untold": plan.gain(found["unseen"] - found["untold"]).record(),
    }


def _mean(rows: pd.DataFrame, way: str, patients: Sequence[str], plan: Resampling, metric: Any) -> Floats:
    """A metric in every draw, mean over repeats."""
    index, made = pd.Index(list(patients)), []
    for _, part in rows.groupby("repeat"):
        places = index.get_indexer(pd.Index(part["patient_id"]))
        labels, scores = part["label"].to_numpy(np.float64), part[way].to_numpy(np.float64)
        made.append(metric(labels, scores, plan.counts[:, places]))
    return np.asarray(np.mean(made, axis=0), dtype=np.float64)


def _off(labels: Floats, scores: Floats, counts: Floats) -> Floats:
    """Mean score less the share who responded, ``(draw,)``."""
    return average(scores - labels, counts)


def _shared(name: str, agents: Mapping[str, Sequence[Agent]], given: Sequence[str]) -> list[dict[str, Any]]:
    """Agents of a regimen, and in how many other regimens that patients were given each and its class are."""
    others = [list(agents.get(other, ())) for other in given if other != name]
    return [
        {
            "agent": one.name,
            "class": one.group,
            "in": sum(any(two.name == one.name for two in several) for several in others),
            "class_in": sum(any(one.group and two.group == one.group for two in several) for several in others),
        }
        for one in agents.get(name, ())
    ]
