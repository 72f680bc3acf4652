"""Who is called otherwise by another run: each patient's mean score over repeats, and the call that it gives."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fusion.evaluation.outcome import Outcome


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
    if "threshold" in rows:
        rows = rows.assign(threshold=rows["threshold"].fillna(0.5))
    mean = rows.groupby("patient_id").mean(numeric_only=True).loc[patients]
    call, score = outcome.call(mean)
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
