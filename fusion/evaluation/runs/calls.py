"""Who is called otherwise by another run: each patient's mean score over repeats, and the call that it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fusion.evaluation.classes import SCORE
from fusion.evaluation.outcome import Outcome

CALLED = ("binary", "multiclass", "ordinal")
"""Kinds of endpoint that have a call."""


def calls(rows: pd.DataFrame, outcome: Outcome, patients: list[str]) -> pd.DataFrame:
    """Patients with their mean score and call, in the order of `patients`.

    Args:
        rows: one arm's predictions.
        outcome: of their endpoint.
        patients: whom to give.

    Returns:
        Index patient_id: ``label`` and ``call`` (positions in the endpoint's classes; -1 where the kind of endpoint has
        no call) and ``score``: of a binary endpoint the positive class's, of several classes the called one's, of
        grades the expected one, to which the call is nearest.
    """
    kind: str = outcome.endpoint.kind
    rows = rows.assign(threshold=rows["threshold"].fillna(0.5)) if kind == "binary" else rows
    mean = rows.groupby("patient_id").mean(numeric_only=True).loc[patients]
    call: NDArray[np.int64] = np.full(len(mean), -1, dtype=np.int64)
    if kind in ("multiclass", "ordinal"):
        by_class = mean[[f"{SCORE}{name}" for name in outcome.endpoint.classes]].to_numpy(np.float64)
        expected = by_class @ np.arange(by_class.shape[1])
        call = (np.rint(expected) if kind == "ordinal" else by_class.argmax(axis=1)).astype(np.int64)
        score = expected if kind == "ordinal" else by_class.max(axis=1)
    else:
        score = mean["score"].to_numpy(np.float64)
        if kind == "binary":
            call = (score >= mean["threshold"].to_numpy(np.float64)).astype(np.int64)
    return pd.DataFrame({"label": mean["label"].to_numpy(), "call": call, "score": score}, index=mean.index)


def changed(first: pd.DataFrame, other: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, Any]:
    """Whose call flips from one run to another.

    Args:
        first: of `calls`.
        other: likewise, of the same patients.
        classes: names of the labels.

    Returns:
        ``right_now`` and ``wrong_now``: how many calls became right and wrong, ``otherwise``: wrong in both, in another
        way; ``patients``: a row each, those whose score moved most first.
    """
    apart = first["call"] != other["call"]
    table = pd.DataFrame(
        {"label": first["label"], "call": first["call"], "now": other["call"], "score": first["score"],
         "score_now": other["score"]}
    )[apart]  # fmt: skip
    moved = (table["score_now"] - table["score"]).abs().sort_values(ascending=False, kind="stable")
    became_right, became_wrong = table["now"] == table["label"], table["call"] == table["label"]
    return {
        "right_now": int(became_right.sum()),
        "wrong_now": int(became_wrong.sum()),
        "otherwise": int((~became_right & ~became_wrong).sum()),
        "patients": [
            {
                "patient_id": str(patient),
                "label": classes[int(row["label"])],
                "call": classes[int(row["call"])],
                "call_now": classes[int(row["now"])],
                "score": float(row["score"]),
                "score_now": float(row["score_now"]),
                "right": bool(row["now"] == row["label"]),
            }
            for patient, row in table.loc[moved.index].iterrows()
        ],
    }
