"""What is missing of patients, and what the same predictions are worth in those of whom nothing is.

The arms were trained on everybody; complete cases are looked at among their out-of-fold predictions. That tells whether
figures rest on patients with gaps, not what training on complete cases alone would give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.intervals import Resampling, resample
from fusion.evaluation.metrics import LOWER_IS_BETTER
from fusion.evaluation.units import units_of

if TYPE_CHECKING:
    from fusion.evaluation.outcome import Outcome

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SMALLEST = 20
"""Complete patients below which nothing is compared."""
FEWEST = 5
"""Of every class (of survival: events), likewise."""
DRAWS = 400
"""Of the bootstrap at most where ranks are counted pair by pair (survival)."""


def missing_account(present: pd.DataFrame, columns: pd.DataFrame, labels: pd.Series[int], classes: int) -> list[Any]:
    """How many lack what, modalities first: ``what``, ``kind``, ``patients`` and ``classes`` (by label); gaps alone.

    Args:
        present: index patient_id, of each modality whether the patient has it.
        columns: index patient_id, declared baseline columns.
        labels: index patient_id.
        classes: how many labels there are.
    """
    found = []
    for kind, lacks in (("modality", ~present.astype(bool)), ("column", columns.isna())):
        for name in lacks:
            without = labels.loc[lacks.index[lacks[name].to_numpy(bool)]]
            counts = np.bincount(without[without >= 0].to_numpy(np.int64), minlength=classes)
            if len(without):
                row = {"what": str(name), "kind": kind, "patients": len(without), "classes": counts.tolist()}
                found.append(row)
    return found


def complete_cases(
    predictions: pd.DataFrame,
    complete: Mapping[str, pd.Series[bool]],
    outcome: Outcome,
    *,
    reference: str,
    against: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """The deciding metric and the paired gains in complete cases beside everybody; a row a way to be complete.

    Args:
        predictions: out of fold.
        complete: what may lack nothing → index patient_id, whether it does.
        outcome: of the endpoint.
        reference: the arm that is judged.
        against: arms that it is compared with.
        draws: of the bootstrap.
        seed: of it.

    Returns:
        ``name``, ``patients``, ``classes``, ``incomplete`` (their classes) and, where there are enough,
        ``everybody`` and ``complete`` (the metric with interval), ``difference`` (complete minus everybody, on the
        same draws) and ``gains`` (arm, and the reference's gain over it among ``everybody`` and ``complete``); else
        ``why`` not.
    """
    kept = predictions[predictions["arm"].isin([reference, *against])]
    first = kept[kept["arm"] == reference]
    patients = sorted(str(one) for one in first["patient_id"].unique())
    vectors = {
        str(arm): [part.set_index("patient_id").loc[patients] for _, part in rows.groupby("repeat")]
        for arm, rows in kept.groupby("arm", sort=False)
    }
    truth = outcome.truth_of(vectors[reference][0])
    plan = resample(units_of(first, patients).of, draws if truth.time is None else min(draws, DRAWS), seed=seed)
    everybody = {arm: _drawn(parts, np.ones(len(patients), bool), outcome, plan) for arm, parts in vectors.items()}
    made = []
    for name, whole in complete.items():
        inside = whole.reindex(patients).to_numpy(bool)
        row = _counted(name, inside, truth.label, outcome)
        if not row["why"]:
            mine = {arm: _drawn(parts, inside, outcome, plan) for arm, parts in vectors.items()}
            row |= _compared(everybody, mine, outcome.chosen, plan, reference)
        made.append(row)
    return made


def _counted(name: str, inside: Mask, labels: NDArray[np.int64], outcome: Outcome) -> dict[str, Any]:
    classes = max(len(outcome.endpoint.classes), 2)
    mine, others = (np.bincount(labels[part], minlength=classes).tolist() for part in (inside, ~inside))
    enough = all(mine[one] >= FEWEST for one in outcome.endpoint.needed) and inside.sum() >= SMALLEST
    why = "" if enough else f"fewer than {SMALLEST} patients, or than {FEWEST} of a class, lack nothing"
    return {
        "name": name, "patients": int(inside.sum()), "classes": mine, "incomplete": others,
        "why": "nobody lacks anything" if inside.all() else why,
    }  # fmt: skip


def _drawn(parts: Sequence[pd.DataFrame], inside: Mask, outcome: Outcome, plan: Resampling) -> Floats:
    """The deciding metric of these patients in every draw, mean over repeats."""
    counts = plan.counts[:, inside]
    values = [
        outcome.drawn(outcome.truth_of(rows), outcome.of_columns(rows), counts)
        for rows in (part.loc[inside] for part in parts)
    ]
    mean: Floats = np.mean(values, axis=0)
    return mean


def _compared(
    everybody: Mapping[str, Floats], mine: Mapping[str, Floats], metric: str, plan: Resampling, reference: str
) -> dict[str, Any]:
    def gain(values: Mapping[str, Floats], arm: str) -> dict[str, Any]:
        difference = values[reference] - values[arm]
        return plan.gain(-difference if metric in LOWER_IS_BETTER else difference).record()

    return {
        "everybody": plan.value(everybody[reference]).record(),
        "complete": plan.value(mine[reference]).record(),
        "difference": plan.gain(mine[reference] - everybody[reference]).record(),
        "gains": [
            {"arm": arm, "everybody": gain(everybody, arm), "complete": gain(mine, arm)}
            for arm in everybody
            if arm != reference
        ],
    }
